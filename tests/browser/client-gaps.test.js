// The feed against servers that cut, lose, double, reorder and refuse at random: whatever happens,
// a reader gets every stored frame once and in order. A failing run names its seed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Parlor } from "../../web/client/parlor-client.js";
import { scripted } from "./harness/scripted.js";

const RUNS = Number(process.env.RUNS ?? 60);
const EVENTS = 12;

/** A small generator of chance that a seed repeats (mulberry32). */
function chance(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A feed as the server tells it: stored events, and between them chunks that nothing stores. */
function story(random) {
  const told = [];
  let prev = "0";
  const tell = (id, type, data) => {
    told.push({ id, prev, type, at: "t", data });
    prev = id;
  };
  for (let seq = 1; seq <= EVENTS; seq++) {
    tell(String(seq), "message.outbound", { message_id: `m${seq}` });
    const chunks = random() < 0.4 ? Math.ceil(random() * 4) : 0;
    for (let chunk = 1; chunk <= chunks; chunk++) tell(`${seq}~r~${chunk}`, "reply.chunk", { reply_id: "r", offset: chunk, text: "x" });
  }
  return told;
}

const stored = (frame) => frame.type === "message.outbound";
const seqOf = (cursor) => Number(cursor.split("~")[0]);

/** Serves the story from a cursor on, with something going wrong now and then. */
function unreliable(told, random, wrong) {
  const after = (cursor) => told.slice(cursor === "0" ? 0 : told.findIndex((frame) => frame.id === cursor) + 1);
  const events = (request, response) => {
    if (random() < wrong) return response.writeHead(503).end();
    const cursor = request.query.after;
    let prev = cursor;
    const page = told.filter((frame) => stored(frame) && seqOf(frame.id) > seqOf(cursor)).slice(0, 1 + Math.floor(random() * 3));
    const linked = page.map((frame) => {
      const made = { ...frame, prev };
      prev = frame.id;
      return made;
    });
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ events: linked, next: prev }));
  };
  return (request, response) => {
    if (request.path.endsWith("/events")) return events(request, response);
    if (random() < wrong / 2) return response.writeHead(random() < 0.5 ? 503 : 429).end();
    const frames = after(request.query.after);
    response.writeHead(200, { "content-type": "text/event-stream" });
    let text = ":\n\n";
    for (let at = 0; at < frames.length; at++) {
      const line = `id: ${frames[at].id}\ndata: ${JSON.stringify(frames[at])}\n\n`;
      const fate = random() / wrong;
      if (fate > 1) text += line;
      else if (fate < 0.3) continue; // lost
      else if (fate < 0.5) text += line + line;
      else if (fate < 0.6 && at > 0) text += line + `id: x\ndata: ${JSON.stringify(frames[at - 1])}\n\n`;
      else if (fate < 0.7) text += `data: ${JSON.stringify({ id: frames[at].prev, prev: frames[at].prev, type: "resume", at: "t", data: {} })}\n\n`;
      else {
        text += line.slice(0, Math.floor(random() * line.length));
        return response.write(text, () => (random() < 0.5 ? response.end() : response.socket?.resetAndDestroy()));
      }
    }
    response.end(text);
  };
}

for (let seed = 1; seed <= RUNS; seed++) {
  test(`nothing is lost or doubled, seed ${seed}`, { timeout: 30_000 }, async () => {
    const random = chance(seed);
    const told = story(random);
    const server = await scripted(unreliable(told, random, 0.05 + random() * 0.4));
    try {
      const ids = [];
      let gaps = 0;
      const conversation = new Parlor({ origin: server.origin }).conversation("cv_1");
      for await (const frame of conversation.follow({ after: "0", maxBackoffMs: 2, onGap: () => gaps++, onState: (state) => assert.ok(state.gaps <= gaps) })) {
        ids.push(frame.id);
        if (frame.id === String(EVENTS)) break;
      }
      assert.deepEqual(ids.filter((id) => !id.includes("~")), Array.from({ length: EVENTS }, (_, at) => String(at + 1)));
      const places = ids.map((id) => told.findIndex((frame) => frame.id === id));
      places.forEach((place, at) => assert.ok(at === 0 || place > places[at - 1], `${ids} is out of order`));
    } finally {
      await server.close();
    }
  });
}

test("the check can tell: without proof such servers do lose and double", async () => {
  let unlike = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const random = chance(seed);
    const told = story(random);
    const server = await scripted(unreliable(told, random, 0.3));
    const text = await fetch(`${server.origin}/stream?after=0`).then((response) => response.text()).catch(() => "");
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1]);
    if (ids.join() !== told.filter(stored).map((frame) => frame.id).join()) unlike++;
    await server.close();
  }
  assert.ok(unlike > 5, `${unlike} of 10`);
});
