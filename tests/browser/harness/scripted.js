// A tiny HTTP server that says what a test tells it to, connection by connection.

import http from "node:http";

/**
 * Answers the nth request with the nth step, and every later one with the last.
 * @param {((request: http.IncomingMessage & {body: string}, response: http.ServerResponse) => void)[]} steps
 */
export async function scripted(...steps) {
  const requests = [];
  const server = http.createServer(async (request, response) => {
    let body = "";
    // A character may be torn between two pieces.
    for await (const piece of request.setEncoding("utf8")) body += piece;
    const { pathname, searchParams } = new URL(request.url, "http://server");
    const seen = { method: request.method, path: pathname, query: Object.fromEntries(searchParams), headers: request.headers, body };
    const step = steps[Math.min(requests.length, steps.length - 1)];
    requests.push(seen);
    seen.closed = new Promise((resolve) => response.on("close", resolve));
    step(seen, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { origin, requests, close, [Symbol.asyncDispose]: close };
}

/** Answers JSON. */
export const json = (status, value, headers = {}) => (_request, response) => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(value === undefined ? "" : JSON.stringify(value));
};

/** Answers an event stream of these pieces (frames or raw text), then ends, stays open or is torn. */
export const stream = (pieces, after = "open") => (_request, response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
  const text = pieces.map((piece) => (typeof piece === "string" ? piece : onWire(piece))).join("");
  response.write(text, () => {
    if (after === "end") response.end();
    if (after === "tear") response.socket.resetAndDestroy();
  });
};

const onWire = (frame) => `id: ${frame.id}\nevent: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`;

/** The frames of the cursors 1…n, each naming the one before; the first follows "0". */
export function frames(n) {
  return Array.from({ length: n }, (_, at) => ({
    id: String(at + 1),
    prev: String(at),
    type: "reply.chunk",
    at: "2026-06-16T10:00:00Z",
    data: { reply_id: "r1", offset: at, text: "x" },
  }));
}
