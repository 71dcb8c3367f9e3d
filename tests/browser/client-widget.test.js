// The client of the widget surface: where its calls go, and how a conversation changes credentials.

import assert from "node:assert/strict";
import { WidgetClient } from "../../web/client/parlor-client.js";
import { withServer } from "./harness/following.js";
import { frames, json, stream } from "./harness/scripted.js";

const [F1, F2] = frames(2);
const client = (server) => new WidgetClient({ origin: server.origin, siteKey: "site_1" });
const opening = { name: "Jane", email: "jane@example.com", message: "Hi", visitorToken: "v/1" };

withServer("the calls go where the surface has them, with the site key", [
  json(200, { greeting: "Hi!" }),
  json(201, { conversation_token: "lt_1", auto_reply: "Thanks" }),
  json(200, []),
  json(201, { status: "ok" }),
  json(201, { status: "ok", attachments: [{ activity_id: 3, id: 1, filename: "a.txt", size: 2, mime_type: "text/plain" }] }),
  json(200, "bytes"),
], async (server) => {
  const widget = client(server);
  assert.equal((await widget.config()).greeting, "Hi!");
  assert.deepEqual(await widget.start(opening, { idempotencyKey: "k1" }), { conversationToken: "lt_1", autoReply: "Thanks" });
  await widget.messages("v/1", { since: "2026-01-01T00:00:00.000Z" });
  await widget.reply("v/1", "More");
  const [file] = await widget.upload("v/1", new File(["hi"], "a.txt", { type: "text/plain" }), { message: "look" });
  assert.equal(await (await widget.file("v/1", file, { disposition: "inline" })).text(), '"bytes"');
  const base = "/api/v1/chat/conversations";
  assert.deepEqual(server.requests.map(({ method, path, query }) => [`${method} ${path}`, query]), [
    ["GET /api/v1/chat/config", {}],
    [`POST ${base}`, {}],
    [`GET ${base}/v%2F1/messages`, { since: "2026-01-01T00:00:00.000Z" }],
    [`POST ${base}/v%2F1/messages`, {}],
    [`POST ${base}/v%2F1/files`, {}],
    [`GET ${base}/v%2F1/files/3/1`, { disposition: "inline" }],
  ]);
  assert.ok(server.requests.every((request) => request.headers["x-site-key"] === "site_1"));
  const [, start, , reply, upload] = server.requests;
  assert.deepEqual(JSON.parse(start.body), { name: "Jane", email: "jane@example.com", message: "Hi", visitor_token: "v/1" });
  assert.deepEqual([start.headers["idempotency-key"], start.headers.prefer], ["k1", undefined]);
  assert.deepEqual(JSON.parse(reply.body), { message: "More" });
  assert.match(upload.headers["content-type"], /^multipart\/form-data; boundary=/);
  assert.match(upload.body, /name="message"\r\n\r\nlook\r\n[^]*name="file"; filename="a.txt"\r\nContent-Type: text\/plain\r\n\r\nhi\r\n/);
  assert.equal(widget.fileUrl("v/1", file, { disposition: "attachment" }), `${server.origin}${base}/v%2F1/files/3/1?disposition=attachment&site_key=site_1`);
});

withServer("who does not wait for the first answer says so", [json(201, { conversation_token: "lt_1", auto_reply: null })], async (server) => {
  assert.equal((await client(server).start(opening, { wait: false })).autoReply, null);
  assert.equal(server.requests[0].headers.prefer, "respond-async");
});

withServer("409 is the caller's to judge, and is not tried again for ever", [json(409, { error: "A conversation with this visitor token already exists" })], async (server) => {
  const error = await client(server).start(opening, { retries: 0 }).catch((error) => error);
  assert.deepEqual([error.status, error.message], [409, "A conversation with this visitor token already exists"]);
  assert.equal(server.requests.length, 1);
});

withServer("an expired conversation token gives way to the visitor's own, in calls and in the feed", [
  json(401, {}), json(204), stream([F1], "end"), json(401, {}),
], async (server) => {
  const conversation = client(server).conversation({ visitorToken: "v1", conversationToken: "lt_old" });
  await conversation.typing(true);
  const seen = [];
  await assert.rejects(async () => {
    for await (const frame of conversation.follow({ after: "0", maxBackoffMs: 20 })) seen.push(frame.id);
  }, (error) => error.status === 401);
  assert.deepEqual(seen, ["1"]);
  const told = server.requests.map(({ headers }) => headers.authorization ?? `${headers["x-site-key"]} ${headers["x-visitor-token"]}`);
  assert.deepEqual(told, ["Bearer lt_old", "site_1 v1", "site_1 v1", "site_1 v1"]);
  assert.ok(server.requests.every((request) => request.path.startsWith("/live/v1/conversations/current/")));
});

withServer("the feed renews by itself", [json(401, {}), stream([F1, F2])], async (server) => {
  const conversation = client(server).conversation({ visitorToken: "v1", conversationToken: "lt_old" });
  for await (const frame of conversation.follow({ after: "0" })) if (frame.id === "2") break;
  assert.deepEqual(server.requests.map((request) => request.headers["x-visitor-token"]), [undefined, "v1"]);
});
