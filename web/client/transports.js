/**
 * One connection to the feed, over server-sent events or over a WebSocket.
 *
 * Both are async generators of frames with the same promise: they throw a ParlorError when the
 * server refuses, end when the connection ends, and close it when the reader stops reading. They
 * never reconnect and prove nothing; `feed.js` does. Nothing is read ahead of the consumer on SSE,
 * so a slow one slows the sender and not the memory; a socket cannot do that, so it is given up
 * when too many frames wait.
 */

import { isFrame } from "./frame.js";
import { encode } from "./json.js";
import { ParlorError } from "./parlor-error.js";
import { SseParser } from "./sse-parser.js";

/** @typedef {import("./frame.js").Frame} Frame */

/**
 * Where to connect, and as whom.
 * @typedef {object} Address
 * @property {string} origin
 * @property {string} conversationId
 * @property {import("./parlor-client.js").Credentials} credentials  Those that both of these say.
 * @property {Record<string, string>} headers
 * @property {Record<string, string>} query
 * @property {typeof globalThis.fetch} fetch
 * @property {typeof globalThis.WebSocket | undefined} WebSocket
 */

/**
 * What one connection needs besides, and whom it tells.
 * @typedef {object} Line
 * @property {string} cursor
 * @property {AbortSignal} signal  Ends this connection.
 * @property {<T>(promise: Promise<T>) => Promise<T>} watch  Gives up when nothing comes for too long.
 * @property {() => void} onOpen
 * @property {(milliseconds: number) => void} onRetry
 */

/** @typedef {Address & Line} Link */

/** Frames that may wait on a socket before we resume from the cursor instead. */
const WAITING_LIMIT = 4096;

/** Browsers hide protocol pings, so a silent socket is asked this often whether it lives. */
const PING_EVERY_MS = 15_000;

/**
 * @param {Link} link
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export async function* sseFrames(link) {
  const url = new URL(`/live/v1/conversations/${encodeURIComponent(link.conversationId)}/stream`, link.origin);
  url.searchParams.set("after", link.cursor);
  const response = await link.watch(
    link.fetch(url, {
      headers: { ...link.headers, accept: "text/event-stream" },
      signal: link.signal,
      cache: "no-store",
    }),
  );
  if (!response.ok) throw await ParlorError.from(response);
  const type = response.headers.get("content-type") ?? "";
  if (!type.startsWith("text/event-stream") || !response.body) {
    throw new ParlorError(`The feed was answered as "${type}".`, { type: "not_a_stream" });
  }
  link.onOpen();

  /** @type {Frame[]} */
  const frames = [];
  const parser = new SseParser({
    onRetry: link.onRetry,
    onEvent: (event) => {
      const frame = decode(event.data);
      if (isFrame(frame)) frames.push(frame);
    },
  });
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { value, done } = await link.watch(reader.read());
      if (done) return;
      parser.push(value);
      yield* frames.splice(0);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * A socket carries its credential in its address, because a browser cannot give it a header. One
 * follower opens one socket: the page has one conversation, and a shared socket would let one slow
 * consumer stall the others.
 * @param {Link} link
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export async function* webSocketFrames(link) {
  if (!link.WebSocket) throw new TypeError("This runtime has no WebSocket; pass one to new Parlor({WebSocket}).");
  if (Object.keys(link.query).length === 0) throw new TypeError("A WebSocket needs a live token; a browser cannot send it headers.");
  const url = new URL("/live/v1/ws", link.origin);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  for (const [name, value] of Object.entries(link.query)) url.searchParams.set(name, value);

  /** @type {Frame[]} */
  let frames = [];
  let subscribed = false;
  let ended = false;
  /** @type {unknown} */
  let failure;
  let wake = () => {};

  const socket = new link.WebSocket(url);
  const end = () => {
    ended = true;
    wake();
  };
  /** @param {unknown} error */
  const fail = (error) => {
    failure ??= error;
    end();
  };
  socket.onopen = () => {
    const { conversationId: conversation_id, cursor: after } = link;
    socket.send(encode({ type: "subscribe", conversation_id, after, ref: "feed" }));
  };
  socket.onclose = () => {
    if (subscribed) end();
    else fail(new ParlorError("The socket was closed before it could be used.", { type: "socket_refused" }));
  };
  /** @param {string} text */
  const take = (text) => {
    const said = decode(text);
    if (isFrame(said)) frames.push(said);
    else if (said?.type === "error" && (said.ref === "feed" || said.ref == null)) {
      throw new ParlorError(said.error?.message ?? "The socket refused.", { type: "socket_refused" });
    } else if (said?.type === "ok" && said.ref === "feed") {
      subscribed = true;
      link.onOpen();
    }
  };
  socket.onmessage = (message) => {
    if (ended) return;
    try {
      take(String(message.data));
    } catch (error) {
      fail(error);
    }
    if (frames.length > WAITING_LIMIT) end();
    wake();
  };
  const pinging = setInterval(() => {
    if (socket.readyState === 1) socket.send('{"type":"ping","ref":"alive"}');
  }, PING_EVERY_MS);
  link.signal.addEventListener("abort", end, { once: true });

  try {
    for (;;) {
      if (frames.length > 0) {
        const waiting = frames;
        frames = [];
        yield* waiting;
      } else if (ended) {
        if (failure) throw failure;
        return;
      } else {
        await link.watch(/** @type {Promise<void>} */ (new Promise((resolve) => (wake = resolve))));
      }
    }
  } finally {
    clearInterval(pinging);
    link.signal.removeEventListener("abort", end);
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

/**
 * @param {string} text
 * @returns {any}
 */
function decode(text) {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ParlorError("The feed sent something that is not JSON.", { type: "not_json", cause });
  }
}
