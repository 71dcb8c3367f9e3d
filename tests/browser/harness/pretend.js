// A chat server that says what a test tells it to: for what only a person at the other end does.

import { readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const WEB = fileURLToPath(new URL("../../../web/", import.meta.url));
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "authorization, content-type, idempotency-key, prefer, x-site-key, x-visitor-token",
  "cross-origin-resource-policy": "cross-origin",
};
const MIME = { ".js": "text/javascript", ".css": "text/css" };

/** Serves the widget's files, its configuration, and one conversation that `tell` goes on with. */
export async function pretend(config = { greeting: "Hello!", brand: "Teapots" }) {
  const requests = [];
  const frames = [];
  const streams = new Set();
  const files = new Map();

  const write = (response, frame) => response.write(`id: ${frame.id}\ndata: ${JSON.stringify(frame)}\n\n`);
  /** Says the next frame; a passing one moves no cursor. */
  const tell = (type, data, { passing = false } = {}) => {
    const prev = frames.at(-1)?.id ?? "0";
    const frame = { id: passing ? prev : String(frames.length + 1), prev, type, at: new Date().toISOString(), data };
    if (!passing) frames.push(frame);
    for (const stream of streams) write(stream, frame);
    return frame;
  };
  let said = 0;
  /** A message of the bot, of a person or of the visitor. */
  const message = (author, text, more = {}) => {
    const message_id = String(++said).padStart(32, "0");
    const type = author.type === "customer" ? "message.inbound" : "message.outbound";
    tell(type, { message_id, conversation_id: "cv_1", author, text, created_at: new Date().toISOString(), ...more });
    return message_id;
  };

  const UNKNOWN = [400, { error: { type: "unknown_cursor", message: "The cursor is not one of this conversation." } }];
  const isUnknown = (after) => !/^\d+$/.test(after ?? "0") || Number(after ?? 0) > frames.length;
  /** As after a backup was restored: only so many frames are left, and who follows is cut. */
  const restore = (count) => {
    frames.length = count;
    for (const stream of streams) stream.socket.resetAndDestroy();
  };
  /** So many questions and answers, said before anybody looks. */
  const converse = (count) => {
    for (let at = frames.length; at < 2 * count; at += 2) {
      message({ type: "customer" }, `Question ${at / 2 + 1}`);
      message({ type: "bot", name: "Teapot" }, `Answer ${at / 2 + 1}`);
    }
  };

  const routes = [
    ["GET", /^\/api\/v1\/chat\/config$/, () => [200, config]],
    ["POST", /^\/api\/v1\/chat\/conversations$/, (seen) => {
      tell("conversation.started", { conversation_id: "cv_1" });
      message({ type: "customer" }, JSON.parse(seen.body).message);
      return [201, { conversation_token: "lt_1", auto_reply: "" }];
    }],
    ["POST", /\/current\/messages$/, (seen) => [201, { message_id: message({ type: "customer" }, JSON.parse(seen.body).text), conversation_id: "cv_1", cursor: "0", created_at: "t" }]],
    ["POST", /\/conversations\/[^/]{20,}\/messages$/, (seen) => {
      message({ type: "customer" }, JSON.parse(seen.body).message);
      return [201, { status: "ok" }];
    }],
    ["POST", /\/current\/(typing|read)$/, () => [204]],
    ["GET", /\/current\/events$/, ({ query: { after, before, limit = 100 } }) => {
      if (isUnknown(after)) return UNKNOWN;
      const part = before ? frames.slice(0, Number(before) - 1).slice(-limit) : frames.slice(Number(after ?? 0)).slice(0, limit);
      return [200, { events: part, next: part.at(-1)?.id ?? before ?? after ?? "0" }];
    }],
    ["POST", /\/conversations\/\w+\/files$/, (seen) => {
      const [, filename, mime_type, bytes] = seen.body.match(/name="file"; filename="([^"]+)"\r\nContent-Type: ([^\r]+)\r\n\r\n([^]*?)\r\n--/);
      const activity_id = frames.length + 1;
      const file = { activity_id, id: 1, filename, size: Buffer.byteLength(bytes), mime_type };
      files.set(`${activity_id}/1`, Buffer.from(bytes));
      message({ type: "customer" }, filename, { attachments: [file] });
      return [201, { status: "ok", attachments: [file] }];
    }],
    ["GET", /\/files\/\d+\/\d+$/, (seen) => [200, files.get(seen.path.split("/files/")[1])]],
  ];

  const server = http.createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, "http://server");
    let body = "";
    // A character may be torn between two pieces.
    for await (const piece of request.setEncoding("utf8")) body += piece;
    if (request.method === "OPTIONS") return response.writeHead(204, CORS).end();
    if (pathname === "/widget.js" || pathname.startsWith("/web/")) {
      const file = path.join(WEB, pathname === "/widget.js" ? "widget/loader.js" : pathname.replace("/web/", ""));
      const bytes = await readFile(file).catch(() => null);
      return response.writeHead(bytes ? 200 : 404, { ...CORS, "content-type": MIME[path.extname(file)] ?? "text/plain" }).end(bytes);
    }
    const seen = { method: request.method, path: pathname, query: Object.fromEntries(searchParams), headers: request.headers, body };
    requests.push(seen);
    if (pathname.endsWith("/current/stream") && !isUnknown(seen.query.after)) {
      response.writeHead(200, { ...CORS, "content-type": "text/event-stream" });
      response.flushHeaders();
      for (const frame of frames.filter((frame) => Number(frame.id) > Number(seen.query.after))) write(response, frame);
      streams.add(response);
      return response.on("close", () => streams.delete(response));
    }
    if (pathname.endsWith("/current/stream")) {
      response.writeHead(400, { ...CORS, "content-type": "application/json" });
      return response.end(JSON.stringify(UNKNOWN[1]));
    }
    const route = routes.find(([method, pattern]) => method === request.method && pattern.test(pathname));
    const [status, value] = route ? route[2](seen) : [404, { error: "Not found" }];
    const raw = Buffer.isBuffer(value);
    const type = raw ? { "content-type": "application/octet-stream", "content-disposition": seen.query.disposition } : { "content-type": "application/json" };
    response.writeHead(status, { ...CORS, ...type });
    response.end(raw || value === undefined ? value : JSON.stringify(value));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin: `http://127.0.0.1:${server.address().port}`, requests, files, frames, streams, tell, message, converse, restore, close };
}
