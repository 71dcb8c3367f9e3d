// The feed over server-sent events, against a server that says what each test tells it to.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Parlor, ParlorError } from "../../web/client/parlor-client.js";
import { cursors, followed, QUICK, withServer } from "./harness/following.js";
import { frames, json, scripted, stream } from "./harness/scripted.js";

const [F1, F2, F3, F4] = frames(4);

withServer("frames come in order, with the credential and the cursor", [stream([QUICK, F1, F2, F3])], async (server) => {
  const { ids, states } = await followed(server, 3);
  assert.deepEqual(ids, ["1", "2", "3"]);
  assert.deepEqual(states.map((state) => state.state), ["connecting", "connected", "closed"]);
  const [request] = server.requests;
  assert.equal(request.path, "/live/v1/conversations/cv_1/stream");
  assert.equal(request.headers.authorization, "Bearer lt_secret");
  assert.equal(request.headers.accept, "text/event-stream");
  assert.equal(request.query.after, "0");
});

withServer("a reader that stops reading closes the connection", [stream([F1, F2])], async (server) => {
  await followed(server, 1);
  await server.requests[0].closed;
});

withServer("an abort ends the iteration without an error", [stream([F1])], async (server) => {
  const stop = new AbortController();
  const conversation = new Parlor({ origin: server.origin }).conversation("cv_1");
  const ids = [];
  for await (const frame of conversation.follow({ after: "0", signal: stop.signal })) {
    ids.push(frame.id);
    queueMicrotask(() => stop.abort());
  }
  assert.deepEqual(ids, ["1"]);
  await server.requests[0].closed;
});

withServer("a stream that ends is resumed at the last cursor", [stream([QUICK, F1, F2], "end"), stream([F3, F4])], async (server) => {
  const { ids, last } = await followed(server, 4);
  assert.deepEqual(ids, ["1", "2", "3", "4"]);
  assert.deepEqual(cursors(server), ["0", "2"]);
  assert.deepEqual([last.reconnects, last.gaps, last.duplicates], [1, 0, 0]);
});

const half = JSON.stringify(F2).slice(0, 30);
withServer("a torn connection loses nothing, and half a frame is no frame", [stream([QUICK, F1, `id: 2\ndata: ${half}`], "tear"), stream([F2, F3])], async (server) => {
  const { ids } = await followed(server, 3);
  assert.deepEqual(ids, ["1", "2", "3"]);
  assert.deepEqual(cursors(server), ["0", "1"]);
});

withServer("what comes again is dropped and counted", [stream([QUICK, F1, F2, F1, F2, F3, F3, F4])], async (server) => {
  const { ids, last } = await followed(server, 4);
  assert.deepEqual(ids, ["1", "2", "3", "4"]);
  assert.deepEqual([last.duplicates, last.reconnects], [3, 0]);
});

const page = (...events) => json(200, { events, next: events.at(-1)?.id ?? "0" });
withServer("a hole is closed from what is stored, on the same connection", [stream([QUICK, F1, F3, F4]), page(F2), page()], async (server) => {
  const gaps = [];
  const { ids, last } = await followed(server, 4, { onGap: (gap) => gaps.push(gap) });
  assert.deepEqual(ids, ["1", "2", "3", "4"]);
  assert.deepEqual(server.requests.map((request) => `${request.path.split("/").at(-1)} ${request.query.after}`), ["stream 0", "events 1", "events 2"]);
  assert.deepEqual([gaps, last.gaps, last.reconnects], [[{ after: "1", prev: "2" }], 1, 0]);
});

withServer("catching up past the frame that showed the hole doubles nothing", [stream([QUICK, F1, F3, F4]), page(F2, F3, F4), page()], async (server) => {
  const { ids, last } = await followed(server, 4);
  assert.deepEqual([ids, last.gaps], [["1", "2", "3", "4"], 1]);
});

withServer("a hole that is not stored is never handed on: the feed is read again from before it", [stream([QUICK, F1, F3, F4]), page(), stream([F2, F3])], async (server) => {
  const { ids, last } = await followed(server, 3);
  assert.deepEqual(ids, ["1", "2", "3"]);
  assert.deepEqual(cursors(server), ["0", "1", "1"]);
  assert.deepEqual([last.gaps, last.reconnects], [1, 1]);
});

withServer("a refused credential is renewed once, and the feed goes on where it was", [stream([QUICK, F1], "end"), json(401, {}), stream([F2])], async (server) => {
  const renew = () => ({ headers: { "x-visitor-token": "mine" } });
  const { ids } = await followed(server, 2, {}, { renew });
  assert.deepEqual(ids, ["1", "2"]);
  const [, refused, again] = server.requests;
  assert.equal(refused.headers.authorization, "Bearer lt_secret");
  assert.deepEqual([again.headers.authorization, again.headers["x-visitor-token"], again.query.after], [undefined, "mine", "1"]);
});

withServer("a new credential that is refused too is the end", [json(401, {})], async (server) => {
  await assert.rejects(followed(server, 1, {}, { renew: () => ({ token: "other" }) }), (error) => error.status === 401);
  assert.equal(server.requests.length, 2);
});

const typing = { id: "1", prev: "1", type: "typing", at: "t", data: { author: { type: "agent" }, typing: true } };
withServer("passing frames, which move no cursor, are handed on each time", [stream([F1, typing, typing, F2])], async (server) => {
  const { ids, last } = await followed(server, 4);
  assert.deepEqual(ids, ["1", "1", "1", "2"]);
  assert.equal(last.duplicates, 0);
});

const resume = { id: "1", prev: "1", type: "resume", at: "t", data: {} };
withServer("a resume frame is obeyed and not handed on", [stream([QUICK, F1, resume, F4]), stream([F2])], async (server) => {
  const { ids, states } = await followed(server, 2);
  assert.deepEqual(ids, ["1", "2"]);
  assert.deepEqual(cursors(server), ["0", "1"]);
  assert.match(states.find((state) => state.state === "reconnecting").reason, /resume/);
});

const unknown = json(400, { error: { type: "unknown_cursor", message: "The cursor is not of this conversation." } });
withServer("a cursor that the server does not know begins the feed again at its start", [unknown, stream([QUICK, F1, F2])], async (server) => {
  const states = [];
  const frames = [];
  const conversation = new Parlor({ origin: server.origin }).conversation("cv_1");
  for await (const frame of conversation.follow({ after: "99", onState: ({ state }) => states.push(state) })) {
    frames.push(frame);
    if (frames.length === 3) break;
  }
  assert.deepEqual(frames.map((frame) => [frame.type, frame.id]), [["restart", "0"], ["reply.chunk", "1"], ["reply.chunk", "2"]]);
  assert.deepEqual(cursors(server), ["99", "0"]);
  assert.deepEqual(states, ["connecting", "connected", "closed"]);
});

withServer("so does one that it cannot read", [json(400, { error: { type: "invalid_request", message: "No.", fields: { after: "is not a cursor" } } }), stream([F1])], async (server) => {
  const { ids } = await followed(server, 2, { after: "[object Object]" });
  assert.deepEqual(ids, ["0", "1"]);
});

withServer("one that is refused while a hole is closed begins again too", [stream([QUICK, F1, F3]), unknown, stream([F1, F2])], async (server) => {
  const { ids } = await followed(server, 4);
  assert.deepEqual(ids, ["1", "0", "1", "2"]);
});

withServer("a beginning that is refused is refused for good", [unknown], async (server) => {
  await assert.rejects(followed(server, 1), (error) => error.type === "unknown_cursor");
  assert.equal(server.requests.length, 1);
});

for (const status of [400, 401, 403, 404]) {
  const refused = json(status, { error: { type: "refused", message: "No." } });
  withServer(`${status} is final`, [refused], async (server) => {
    const told = (error) => error instanceof ParlorError && error.status === status && error.type === "refused" && error.final;
    await assert.rejects(followed(server, 1), told);
    assert.equal(server.requests.length, 1);
  });
}

withServer("401 after a reconnect is final too", [stream([QUICK, F1], "end"), json(401, {})], async (server) => {
  await assert.rejects(followed(server, 2), (error) => error.status === 401);
});

withServer("a server that fails or is busy is asked again", [stream([QUICK], "end"), json(500, {}), json(503, {}), stream([F1])], async (server) => {
  const { ids } = await followed(server, 1);
  assert.deepEqual([ids, server.requests.length], [["1"], 4]);
});

withServer("429 waits as long as it is told", [stream([QUICK], "end"), json(429, {}, { "retry-after": "1" }), stream([F1])], async (server) => {
  const { states } = await followed(server, 1);
  const pauses = states.filter((state) => state.state === "reconnecting").map((state) => state.retryInMs);
  assert.equal(pauses.length, 2);
  assert.ok(pauses[0] <= 200 && pauses[1] >= 1000, `paused ${pauses}`);
});

withServer("what is not an event stream is asked for again", [json(200, { hello: 1 }), stream([F1])], async (server) => {
  const { ids } = await followed(server, 1);
  assert.deepEqual(ids, ["1"]);
});

withServer("pauses grow from `retry:`, with jitter, to a bound", [stream(["retry: 200\n\n"], "end"), ...Array(6).fill(json(503, {})), stream([F1])], async (server) => {
  const { states } = await followed(server, 1, { maxBackoffMs: 800 });
  const pauses = states.filter((state) => state.state === "reconnecting").map((state) => state.retryInMs);
  const bounds = [200, 400, 800, 800, 800, 800, 800];
  pauses.forEach((pause, at) => assert.ok(pause >= bounds[at] / 2 && pause <= bounds[at], `${pause} of ${bounds[at]}`));
  assert.equal(pauses.length, 7);
  assert.ok(new Set(pauses).size > 1, "there is chance in it");
});

const broken = stream(["retry: 3000\n\n"], "end");
withServer("a line that breaks again and again is tried every few seconds, since the server is there", [broken, broken, broken], async (server) => {
  const pauses = [];
  const stop = new AbortController();
  const onState = ({ state, retryInMs }) => {
    if (state === "reconnecting") pauses.push(retryInMs);
    if (pauses.length === 3) stop.abort();
  };
  const conversation = new Parlor({ origin: server.origin }).conversation("cv_1");
  for await (const _ of conversation.follow({ after: "0", signal: stop.signal, onState })) assert.fail();
  assert.ok(pauses[2] >= 2000 && pauses[2] <= 4000, `paused ${pauses}`);
});

withServer("a frame resets the pause", [stream(["retry: 100\n\n"], "end"), json(503, {}), json(503, {}), stream([F1], "end"), stream([F2])], async (server) => {
  const { states } = await followed(server, 2);
  const pauses = states.filter((state) => state.state === "reconnecting").map((state) => state.retryInMs);
  assert.ok(pauses.at(-1) <= 100, `paused ${pauses}`);
});

withServer("silence is a dead connection", [stream([QUICK, F1]), stream([F2])], async (server) => {
  const { ids, states } = await followed(server, 2, { silenceMs: 500 });
  assert.deepEqual(ids, ["1", "2"]);
  assert.match(states.find((state) => state.state === "reconnecting").reason, /heard/);
  await server.requests[0].closed;
});

const murmur = (_request, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  let said = 0;
  const timer = setInterval(() => {
    response.write(said++ < 20 ? ":\n\n" : `data: ${JSON.stringify(F1)}\n\n`);
    if (said > 20) clearInterval(timer);
  }, 25);
};
withServer("a comment now and then is a living one", [murmur], async (server) => {
  const { ids, last } = await followed(server, 1, { silenceMs: 300 });
  assert.deepEqual([ids, last.reconnects], [["1"], 0]);
});

withServer("a server that never answers is given up on", [() => {}, stream([F1])], async (server) => {
  const { ids } = await followed(server, 1, { silenceMs: 500 });
  assert.deepEqual(ids, ["1"]);
});

withServer("without a cursor it begins at the conversation's present one", [json(200, { cursor: "2" }), stream([F3])], async (server) => {
  const { ids } = await followed(server, 1, { after: undefined });
  assert.deepEqual(ids, ["3"]);
  assert.deepEqual(server.requests.map((request) => request.path.split("/").at(-1)), ["cv_1", "stream"]);
  assert.equal(server.requests[1].query.after, "2");
});

test("a server that is not there yet is waited for", { timeout: 20_000 }, async () => {
  const gone = await scripted(stream([F1]));
  await gone.close();
  const states = [];
  const stop = new AbortController();
  const onState = (state) => {
    states.push(state);
    if (states.filter((each) => each.state === "reconnecting").length === 2) stop.abort();
  };
  const conversation = new Parlor({ origin: gone.origin }).conversation("cv_1");
  for await (const _ of conversation.follow({ after: "0", signal: stop.signal, onState, maxBackoffMs: 50 })) assert.fail();
  assert.deepEqual(states.map((state) => state.state), ["connecting", "reconnecting", "reconnecting", "closed"]);
});
