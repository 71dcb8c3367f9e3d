/**
 * A conversation's live feed as one endless iteration: it reconnects by itself and proves that
 * nothing was missed.
 *
 * Every frame names the cursor before it. A frame whose `prev` is the cursor we hold is the next
 * one; one that was seen already is a duplicate and is dropped; anything else means that something
 * is missing, so the connection is dropped and opened again at the cursor we hold. A consumer
 * therefore gets every frame once and in order, or waits. What the server refuses for good (401,
 * 404) ends the iteration with a ParlorError; nothing else does.
 */

import { ParlorError } from "./parlor-error.js";
import { sseFrames, webSocketFrames } from "./transports.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./transports.js").Link} Link */

/**
 * How the connection is doing, told to `onState` on every change.
 * @typedef {object} FeedState
 * @property {"connecting" | "connected" | "reconnecting" | "closed"} state
 * @property {"sse" | "websocket"} transport
 * @property {string | undefined} cursor  The place after the last frame handed out.
 * @property {number} reconnects  Connections after the first.
 * @property {number} gaps        Frames that did not follow on, each answered by a reconnect.
 * @property {number} duplicates  Frames that came again and were dropped.
 * @property {number} retryInMs   Until the next attempt, while reconnecting.
 * @property {string} reason      Why the last connection ended, "" before the first end.
 */

/**
 * @typedef {object} FollowOptions
 * @property {string} [after]  The cursor to go on from, "0" for the beginning; now when left out.
 * @property {AbortSignal} [signal]  Ends the iteration without an error.
 * @property {"sse" | "websocket"} [transport]
 * @property {(state: FeedState) => void} [onState]
 * @property {number} [silenceMs]     No bytes for this long means that the connection is dead.
 * @property {number} [maxBackoffMs]  The longest pause between two attempts.
 */

/**
 * What a feed needs of the conversation that it follows.
 * @typedef {object} Source
 * @property {Omit<Link, "cursor" | "signal" | "watch" | "onOpen" | "onRetry">} address
 * @property {() => Promise<string>} now  The conversation's cursor at this moment.
 * @property {(cursor: string) => Promise<unknown>} probe  Throws what the server has against us.
 */

/** The server sends a comment every 15 s; two lost ones and some grace. */
const SILENCE_MS = 40_000;
const MAX_BACKOFF_MS = 30_000;
/** Before the server says otherwise, and the least that a `retry:` of 0 can mean. */
const RETRY_MS = 1000;
const MIN_RETRY_MS = 100;
/** A connection that lived this long counts as a success even if nothing was said on it. */
const STEADY_MS = 5000;
const REMEMBERED = 1024;

/**
 * @param {Source} source
 * @param {FollowOptions} [options]
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export async function* follow(source, options = {}) {
  const { signal, transport = "sse", silenceMs = SILENCE_MS, maxBackoffMs = MAX_BACKOFF_MS } = options;
  const open = transport === "websocket" ? webSocketFrames : sseFrames;
  const chain = new Chain(options.after);
  let connections = 0;
  let failures = 0;
  let retryMs = RETRY_MS;
  let reason = "";

  /**
   * @param {FeedState["state"]} state
   * @param {number} [retryInMs]
   */
  const report = (state, retryInMs = 0) => {
    const { cursor, gaps, duplicates } = chain;
    const reconnects = Math.max(0, connections - 1);
    options.onState?.({ state, transport, cursor, reconnects, gaps, duplicates, retryInMs, reason });
  };

  report("connecting");
  try {
    while (!signal?.aborted) {
      const line = new AbortController();
      const cut = () => line.abort();
      signal?.addEventListener("abort", cut, { once: true });
      let openedAt = 0;
      let pauseMs = 0;
      try {
        chain.cursor ??= await source.now();
        const frames = open({
          ...source.address,
          cursor: chain.cursor,
          signal: line.signal,
          watch: (promise) => within(silenceMs, promise),
          onRetry: (ms) => (retryMs = Math.min(Math.max(ms, MIN_RETRY_MS), maxBackoffMs)),
          onOpen: () => {
            openedAt = Date.now();
            connections++;
            report("connected");
          },
        });
        reason = "The connection ended.";
        for await (const frame of frames) {
          if (frame.type === "resume") {
            reason = "The server asked to resume.";
            failures = 0;
            break;
          }
          const place = chain.take(frame);
          if (place === "duplicate") continue;
          if (place === "gap") {
            reason = "A frame did not follow on.";
            failures++;
            break;
          }
          failures = 0;
          yield frame;
        }
      } catch (error) {
        if (signal?.aborted) return;
        const told = await verdict(error, transport, source, chain.cursor);
        if (told instanceof TypeError || (told instanceof ParlorError && told.final)) throw told;
        reason = told instanceof Error ? told.message : String(told);
        if (told instanceof ParlorError) pauseMs = told.retryAfterMs;
      } finally {
        signal?.removeEventListener("abort", cut);
        line.abort();
      }
      if (signal?.aborted) return;
      if (openedAt > 0 && Date.now() - openedAt >= STEADY_MS) failures = 0;
      pauseMs = Math.max(pauseMs, backoff(failures++, retryMs, maxBackoffMs));
      report("reconnecting", pauseMs);
      await pause(pauseMs, signal);
    }
  } catch (error) {
    reason = error instanceof Error ? error.message : String(error);
    throw error;
  } finally {
    report("closed");
  }
}

/** The proof: which frame follows on, which came before, and which shows a hole. */
export class Chain {
  /** @param {string} [after] */
  constructor(after) {
    this.cursor = after;
    this.gaps = 0;
    this.duplicates = 0;
    /** Cursors passed of late, so that what comes again can be told from what is missing. */
    this.passed = new Set(after === undefined ? [] : [after]);
  }

  /**
   * @param {Frame} frame
   * @returns {"next" | "duplicate" | "gap"}
   */
  take(frame) {
    if (frame.prev === this.cursor) {
      this.cursor = frame.id;
      this.passed.add(frame.id);
      if (this.passed.size > REMEMBERED) {
        for (const oldest of this.passed) {
          this.passed.delete(oldest);
          break;
        }
      }
      return "next";
    }
    if (this.passed.has(frame.id)) {
      this.duplicates++;
      return "duplicate";
    }
    this.gaps++;
    return "gap";
  }
}

/**
 * Half of the pause is certain and half is chance: a server that comes back is not met by all its
 * readers in the same instant.
 * @param {number} failures
 * @param {number} retryMs
 * @param {number} maxMs
 */
function backoff(failures, retryMs, maxMs) {
  const whole = Math.min(maxMs, retryMs * 2 ** Math.min(failures, 16));
  return whole / 2 + (Math.random() * whole) / 2;
}

/**
 * A fetch that failed for want of a network throws a TypeError, and so do the mistakes that no
 * retry mends: only ours are kept as they are. A socket hides the status of a refusal, so the
 * reason is asked for over plain HTTP.
 * @param {unknown} error
 * @param {string} transport
 * @param {Source} source
 * @param {string | undefined} cursor
 */
async function verdict(error, transport, source, cursor) {
  if (error instanceof ParlorError && error.type === "socket_refused" && cursor !== undefined) {
    return source.probe(cursor).then(() => error, (refusal) => refusal);
  }
  if (error instanceof TypeError && transport === "sse") {
    return new ParlorError("The server cannot be reached.", { cause: error });
  }
  return error;
}

/**
 * @template T
 * @param {number} ms
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function within(ms, promise) {
  return new Promise((resolve, reject) => {
    const silent = new ParlorError("Nothing was heard for too long.", { type: "silent" });
    const timer = setTimeout(() => reject(silent), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/**
 * Ends early when the reader gives up or the browser says that it is online again.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      globalThis.removeEventListener?.("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    globalThis.addEventListener?.("online", done);
    if (signal?.aborted) done();
  });
}
