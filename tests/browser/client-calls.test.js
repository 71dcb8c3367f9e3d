// Single calls of the client, and what is done when they fail.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Parlor, ParlorError } from "../../web/client/parlor-client.js";
import { eventually } from "./harness/eventually.js";
import { withServer } from "./harness/following.js";
import { frames, json, scripted } from "./harness/scripted.js";

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

withServer("half a character is sent as U+FFFD, and what surrounds it as it is", [json(201, sent)], async (server) => {
  const conversation = new Parlor({ origin: server.origin, token: "t" }).conversation("cv_1");
  await conversation.send("cut \ud83d");
  await conversation.send("\ude00 😀 \ud83d\ud83d\ude00");
  assert.deepEqual(server.requests.map(({ body }) => JSON.parse(body).text), ["cut \ufffd", "\ufffd 😀 \ufffd😀"]);
  assert.doesNotMatch(server.requests[0].body, /\\u/);
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
  const second = await conversation.send("x", { retries: 0 }).catch((error) => error);
  assert.deepEqual([second.status, second.type, second.final], [502, "unknown", false]);
});

test("a call to nobody is a ParlorError of status 0", async () => {
  const gone = await scripted(json(200, {}));
  await gone.close();
  const error = await new Parlor({ origin: gone.origin }).conversation("cv_1").send("x", { retries: 0 }).catch((error) => error);
  assert.deepEqual([error instanceof ParlorError, error.status, error.final], [true, 0, false]);
});

for (const [name, body, words] of [
  ["the widget's", { error: "Invalid email address" }, "Invalid email address"],
  ["the shared one", { error: "Unauthorized", message: "Invalid site key", statusCode: 401 }, "Invalid site key"],
  ["AeroChat's", { detail: { type: "invalid_request", message: "Empty." } }, "Empty."],
  ["none", null, "The server answered 400."],
]) {
  withServer(`errors are read in every surface's spelling: ${name}`, [json(400, body)], async (server) => {
    const error = await new Parlor({ origin: server.origin }).demo().catch((error) => error);
    assert.deepEqual([error.status, error.message], [400, words]);
  });
}

withServer("send is tried again under the same key, as long as failing may pass", [json(503, {}, { "retry-after": "1" }), json(409, {}), json(201, sent)], async (server) => {
  const began = Date.now();
  const conversation = new Parlor({ origin: server.origin }).conversation("cv_1");
  assert.deepEqual(await conversation.send("Hello"), sent);
  assert.ok(Date.now() - began >= 1000, "Retry-After was waited for");
  assert.equal(new Set(server.requests.map((request) => request.headers["idempotency-key"])).size, 1);
  assert.equal(server.requests.length, 3);
});

withServer("trying again ends when the caller gives up", [json(503, {}, { "retry-after": "30" })], async (server) => {
  const stop = new AbortController();
  const sending = new Parlor({ origin: server.origin }).conversation("cv_1").send("x", { signal: stop.signal });
  await eventually("it was refused once", () => server.requests.length === 1);
  stop.abort();
  await assert.rejects(sending);
  assert.equal(server.requests.length, 1);
});

withServer("an answer that takes too long is given up on", [() => {}], async (server) => {
  const error = await new Parlor({ origin: server.origin, timeoutMs: 50 }).demo().catch((error) => error);
  assert.deepEqual([error instanceof ParlorError, error.type, error.final], [true, "silent", false]);
  await server.requests[0].closed;
});

withServer("one renewal serves all who were refused", [json(401, {}), json(401, {}), json(200, { cursor: "1" })], async (server) => {
  let renewals = 0;
  const renew = async () => ({ token: `new${++renewals}` });
  const conversation = new Parlor({ origin: server.origin, token: "old", renew }).conversation("current");
  await Promise.all([conversation.get(), conversation.get()]);
  assert.equal(renewals, 1);
  assert.deepEqual(server.requests.map((request) => request.headers.authorization), ["Bearer old", "Bearer old", "Bearer new1", "Bearer new1"]);
});

const [F1, F2, F3] = frames(3);
withServer("catching up reads page by page to the present, and asks again after a failure", [
  json(200, { events: [F1, F2], next: "2" }), json(503, {}), json(200, { events: [F2, F3], next: "3" }), json(200, { events: [], next: "3" }),
], async (server) => {
  const ids = [];
  for await (const frame of new Parlor({ origin: server.origin }).conversation("cv_1").catchUp({ limit: 2 })) ids.push(frame.id);
  assert.deepEqual(ids, ["1", "2", "3"]);
  assert.deepEqual(server.requests.map((request) => request.query.after), ["0", "2", "2", "3"]);
});
