// The client against a server that says what each test tells it to.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Parlor, ParlorError } from "../../web/parlor-client.js";
import { frames, json, scripted, stream } from "./harness/scripted.js";
import { socketClass } from "./harness/socket.js";

const QUICK = "retry: 100\n\n";
const [F1, F2, F3, F4] = frames(4);

/** Follows until `count` frames came (or the feed ended) and tells everything that was seen. */
async function followed(server, count, options = {}, parlor = {}) {
  const states = [];
  const ids = [];
  const conversation = new Parlor({ origin: server.origin, token: "lt_secret", ...parlor }).conversation("cv_1");
  const onState = (state) => states.push(state);
  for await (const frame of conversation.follow({ after: "0", onState, ...options })) {
    ids.push(frame.id);
    if (ids.length === count) break;
  }
  return { ids, states, last: states.at(-1) };
}

const cursors = (server) => server.requests.map((request) => request.query.after);

/** Runs a test with a scripted server and closes it, whatever happens. */
function withServer(name, steps, body) {
  test(name, { timeout: 20_000 }, async () => {
    const server = await scripted(...steps);
    try {
      await body(server);
    } finally {
      await server.close();
    }
  });
}

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

withServer("a hole is never handed on: the feed is read again from before it", [stream([QUICK, F1, F3, F4]), stream([F2, F3])], async (server) => {
  const { ids, last } = await followed(server, 3);
  assert.deepEqual(ids, ["1", "2", "3"]);
  assert.deepEqual(cursors(server), ["0", "1"]);
  assert.equal(last.gaps, 1);
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

withServer("a frame resets the pause", [stream(["retry: 100\n\n"], "end"), json(503, {}), json(503, {}), stream([F1], "end"), stream([F2])], async (server) => {
  const { states } = await followed(server, 2);
  const pauses = states.filter((state) => state.state === "reconnecting").map((state) => state.retryInMs);
  assert.ok(pauses.at(-1) <= 100, `paused ${pauses}`);
});

withServer("silence is a dead connection", [stream([QUICK, F1]), stream([F2])], async (server) => {
  const { ids, states } = await followed(server, 2, { silenceMs: 100 });
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
  const { ids } = await followed(server, 1, { silenceMs: 100 });
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

// The socket.

const onSocket = (frame) => ({ conversation_id: "cv_1", ...frame });

/** A server that accepts, then answers the nth subscription with the nth list. */
const subscribed = (...lists) =>
  socketClass((socket, nth) => {
    socket.onsaid = (said) => {
      if (said.type !== "subscribe") return;
      socket.say({ type: "ok", ref: said.ref });
      for (const each of lists[nth - 1] ?? []) each === "drop" ? socket.drop() : socket.say(each);
    };
    socket.accept();
  });

withServer("a socket subscribes after the cursor and yields the same frames", [json(500, {})], async (server) => {
  const WebSocket = subscribed([F1, typing, F2, F2].map(onSocket).concat("drop"), [F3].map(onSocket));
  const { ids, last } = await followed(server, 4, { transport: "websocket" }, { WebSocket });
  assert.deepEqual(ids, ["1", "1", "2", "3"]);
  assert.deepEqual([last.reconnects, last.duplicates], [1, 1]);
  const [first, second] = WebSocket.opened;
  assert.equal(first.url.href, `${server.origin.replace("http", "ws")}/live/v1/ws?token=lt_secret`);
  assert.deepEqual(first.sent[0], { type: "subscribe", conversation_id: "cv_1", after: "0", ref: "feed" });
  assert.equal(second.sent[0].after, "2");
  assert.ok(second.closedByClient);
});

withServer("a socket that shows a hole is opened again", [json(500, {})], async (server) => {
  const WebSocket = subscribed([onSocket(F1), onSocket(F3)], [onSocket(F2)]);
  const { ids, last } = await followed(server, 2, { transport: "websocket" }, { WebSocket });
  assert.deepEqual([ids, last.gaps, WebSocket.opened[0].closedByClient], [["1", "2"], 1, true]);
});

withServer("a refused socket asks over HTTP why, and 404 is final", [json(404, { error: { type: "not_found", message: "No." } })], async (server) => {
  const WebSocket = socketClass((socket) => {
    socket.onsaid = (said) => socket.say({ type: "error", ref: said.ref, error: { type: "not_found", message: "No." } });
    socket.accept();
  });
  await assert.rejects(followed(server, 1, { transport: "websocket" }, { WebSocket }), (error) => error.status === 404);
  assert.deepEqual(server.requests.map((request) => request.path), ["/live/v1/conversations/cv_1/events"]);
});

withServer("a socket that never opened is tried again when HTTP has nothing against us", [json(200, { events: [], next: "0" })], async (server) => {
  const WebSocket = socketClass((socket, nth) => {
    if (nth === 1) return socket.drop();
    socket.onsaid = (said) => {
      socket.say({ type: "ok", ref: said.ref });
      socket.say(onSocket(F1));
    };
    socket.accept();
  });
  const { ids } = await followed(server, 1, { transport: "websocket" }, { WebSocket });
  assert.deepEqual(ids, ["1"]);
});

withServer("a silent socket is a dead one", [json(500, {})], async (server) => {
  const WebSocket = subscribed([onSocket(F1)], [onSocket(F2)]);
  const { ids } = await followed(server, 2, { transport: "websocket", silenceMs: 100 }, { WebSocket });
  assert.deepEqual(ids, ["1", "2"]);
});

withServer("what a socket says that is not JSON ends that socket, not the feed", [json(200, {})], async (server) => {
  const WebSocket = subscribed([onSocket(F1), "nonsense"], [onSocket(F2)]);
  const { ids } = await followed(server, 2, { transport: "websocket" }, { WebSocket });
  assert.deepEqual(ids, ["1", "2"]);
});

withServer("a socket without a token is a mistake that is said at once", [json(500, {})], async (server) => {
  const credentials = { token: undefined, headers: { "X-AeroChat-API-Key": "k" }, WebSocket: subscribed() };
  await assert.rejects(followed(server, 1, { transport: "websocket" }, credentials), TypeError);
});

// Single calls.

const sent = { message_id: "m1", conversation_id: "cv_1", cursor: "5", created_at: "t" };
withServer("send posts the text with its key", [json(201, sent)], async (server) => {
  const conversation = new Parlor({ origin: server.origin, headers: { "X-AeroChat-API-Key": "k" } }).conversation("cv/1");
  assert.deepEqual(await conversation.send("Hello", { idempotencyKey: "one" }), sent);
  await conversation.send("Hello");
  await conversation.send("Hello");
  const [first, second, third] = server.requests;
  assert.equal(`${first.method} ${first.path} ${first.body}`, 'POST /live/v1/conversations/cv%2F1/messages {"text":"Hello"}');
  assert.equal(first.headers["idempotency-key"], "one");
  assert.equal(first.headers["x-aerochat-api-key"], "k");
  assert.match(second.headers["idempotency-key"], /^[0-9a-f]{32}$/);
  assert.notEqual(second.headers["idempotency-key"], third.headers["idempotency-key"]);
});

withServer("the other calls go where the contract says", [
  json(200, { stopped: true }), json(204), json(204), json(200, { cursor: "1" }), json(200, { events: [], next: "7" }), json(201, { token: "t" }),
], async (server) => {
  const parlor = new Parlor({ origin: server.origin, token: "t" });
  const conversation = parlor.conversation("cv_1");
  assert.equal(await conversation.stop(), true);
  assert.equal(await conversation.typing(true), undefined);
  assert.equal(await conversation.read("m1"), undefined);
  await conversation.get({ at: "2026-06-16T10:00:00Z" });
  assert.deepEqual(await conversation.events({ after: "3", limit: 2 }), { events: [], next: "7" });
  await parlor.demo();
  const base = "/live/v1/conversations/cv_1";
  const told = server.requests.map(({ method, path, query, body }) => [`${method} ${path}`, query, body]);
  assert.deepEqual(told, [
    [`POST ${base}/stop`, {}, ""],
    [`POST ${base}/typing`, {}, '{"typing":true}'],
    [`POST ${base}/read`, {}, '{"message_id":"m1"}'],
    [`GET ${base}`, { at: "2026-06-16T10:00:00Z" }, ""],
    [`GET ${base}/events`, { after: "3", limit: "2" }, ""],
    ["POST /live/v1/demo", {}, ""],
  ]);
});

withServer("a refusal is a ParlorError in the server's words", [
  json(422, { error: { type: "invalid", message: "Too long.", fields: { text: ["too long"] } } }), (_request, response) => response.writeHead(502).end("<html>"),
], async (server) => {
  const conversation = new Parlor({ origin: server.origin }).conversation("cv_1");
  const first = await conversation.send("x").catch((error) => error);
  assert.deepEqual([first.status, first.type, first.message, first.fields, first.final], [422, "invalid", "Too long.", { text: ["too long"] }, true]);
  const second = await conversation.send("x").catch((error) => error);
  assert.deepEqual([second.status, second.type, second.final], [502, "unknown", false]);
});

test("a call to nobody is a ParlorError of status 0", async () => {
  const gone = await scripted(json(200, {}));
  await gone.close();
  const error = await new Parlor({ origin: gone.origin }).conversation("cv_1").send("x").catch((error) => error);
  assert.deepEqual([error instanceof ParlorError, error.status, error.final], [true, 0, false]);
});
