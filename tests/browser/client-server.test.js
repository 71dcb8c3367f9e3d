// The client in Node against the real server, over lines that are cut at random and through
// SIGKILLs: every frame once and in order, every message once.

import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyTranscript, Parlor, reduce } from "parlor-client";
import { cutting } from "./harness/cutting.js";
import { eventually } from "./harness/eventually.js";
import { Server } from "./harness/parlor.js";

const QUESTIONS = ["What are your opening hours?", "Where is my order?", "How much is shipping?", "¿Cuál es su horario de atención?"];

/** What is shown and not stored. */
const PASSING = ["reply.started", "reply.chunk", "reply.restarted", "typing"];

for (const [name, kills] of [["a line that is cut again and again", 0], ["cuts, and a server that is killed twice", 2]]) {
  test(`${name}: nothing is lost or doubled`, { timeout: 120_000 }, async () => {
    const server = await Server.start();
    const line = await cutting(() => server.port);
    const stop = new AbortController();
    try {
      const { conversation_id, token } = await new Parlor({ origin: server.origin }).demo();
      const conversation = new Parlor({ origin: line.origin, token }).conversation(conversation_id);
      let transcript = emptyTranscript();
      const seen = [];
      const following = (async () => {
        for await (const frame of conversation.follow({ after: "0", signal: stop.signal, maxBackoffMs: 200 })) {
          assert.equal(frame.prev, seen.at(-1)?.id ?? "0", "each frame follows on");
          seen.push(frame);
          transcript = reduce(transcript, frame);
        }
      })();
      const asked = [];
      for (let round = 0; round < 3; round++) {
        for (const text of QUESTIONS) {
          asked.push(text);
          await conversation.send(text, { retries: 50 });
        }
        if (round < kills) {
          await server.end("SIGKILL");
          await server.up();
        }
      }
      await eventually("all is answered", () => transcript.entries.filter((entry) => entry.kind === "message").length === 2 * asked.length);
      line.steady = true;
      const stored = [];
      for await (const frame of new Parlor({ origin: server.origin, token }).conversation("current").catchUp()) stored.push(frame);
      stop.abort();
      await following;
      // In the middle of a reply a frame's cursor says so; what is stored has no middles.
      const told = (frames) => frames.filter((frame) => !PASSING.includes(frame.type)).map((frame) => [frame.type, frame.data]);
      assert.deepEqual(told(seen), told(stored));
      const messages = transcript.entries.filter((entry) => entry.kind === "message");
      assert.deepEqual(messages.filter((entry) => entry.author.type === "customer").map((entry) => entry.text), asked);
      assert.equal(new Set(messages.filter((entry) => entry.author.type === "bot").map((entry) => entry.inReplyTo)).size, asked.length);
      assert.equal(transcript.mismatches, 0, "the chunks of every reply made its text");
      assert.ok(line.cuts > 3, `the line was cut ${line.cuts} times`);
    } finally {
      stop.abort();
      await line.close();
      await server.stop();
    }
  });
}
