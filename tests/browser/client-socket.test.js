// The feed over a WebSocket whose other end each test plays.

import assert from "node:assert/strict";
import { followed, withServer } from "./harness/following.js";
import { frames, json } from "./harness/scripted.js";
import { socketClass } from "./harness/socket.js";

const [F1, F2, F3] = frames(3);
const typing = { id: "1", prev: "1", type: "typing", at: "t", data: { author: { type: "agent" }, typing: true } };
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

withServer("a socket whose hole is not stored is opened again", [json(200, { events: [], next: "1" })], async (server) => {
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

const unknown = json(400, { error: { type: "unknown_cursor", message: "No." } });
withServer("a cursor that is refused begins the feed again at its start", [unknown], async (server) => {
  const WebSocket = socketClass((socket) => {
    socket.onsaid = (said) => {
      if (said.after !== "0") return socket.say({ type: "error", ref: said.ref, error: { type: "unknown_cursor", message: "No." } });
      socket.say({ type: "ok", ref: said.ref });
      socket.say(onSocket(F1));
    };
    socket.accept();
  });
  const { ids } = await followed(server, 2, { transport: "websocket", after: "99" }, { WebSocket });
  assert.deepEqual(ids, ["0", "1"]);
  assert.equal(server.requests.length, 1);
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
