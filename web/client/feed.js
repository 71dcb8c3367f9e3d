/**
 * A conversation's live feed as one endless iteration: it reconnects by itself and proves that
 * nothing was missed.
 *
 * A frame whose `prev` is the cursor we hold is the next one; one that was seen already is a
 * duplicate and is dropped; anything else means that something is missing. What is missing is then
 * fetched from the stored feed, and where that does not close the hole (a reply's chunks are not
 * stored) the connection is opened again at the cursor we hold. A consumer therefore gets every
 * frame once and in order, or waits. A cursor that the server does not know (it was restored from
 * a backup) is answered by a `restart` frame and the feed from its start. What the server refuses
 * for good (401 after renewing, 404) ends the iteration with a ParlorError; nothing else does.
 */

import { Chain } from "./chain.js";
import { ParlorError } from "./parlor-error.js";
import { backoff, pause, within } from "./retry.js";
import { sseFrames, webSocketFrames } from "./transports.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./transports.js").Address} Address */

/**
 * How the connection is doing, told to `onState` on every change.
 * @typedef {object} FeedState
 * @property {"connecting" | "connected" | "reconnecting" | "closed"} state
 * @property {"sse" | "websocket"} transport
 * @property {string | undefined} cursor  The place after the last frame handed out.
 * @property {number} reconnects  Connections after the first.
 * @property {number} gaps        Frames that did not follow on, each answered by catching up.
 * @property {number} duplicates  Frames that came again and were dropped.
 * @property {number} retryInMs   Until the next attempt, while reconnecting.
 * @property {string} reason      Why the last connection ended, "" before the first end.
 */

/**
 * A hole that was found, before it is closed.
 * @typedef {object} Gap
 * @property {string | undefined} after  The cursor that we hold.
 * @property {string} prev  What the frame that came says comes before it.
 */

/**
 * @typedef {object} FollowOptions
 * @property {string} [after]  The cursor to go on from, "0" for the beginning; now when left out.
 * @property {AbortSignal} [signal]  Ends the iteration without an error.
 * @property {"sse" | "websocket"} [transport]
 * @property {string} [share]  All tabs of a browser that name the same have one connection between
 *   them, where browsers can do that and `after` is given; see together.js.
 * @property {(state: FeedState) => void} [onState]
 * @property {(gap: Gap) => void} [onGap]  Told of each hole; the frames that were missing follow.
 * @property {number} [silenceMs]     No bytes for this long means that the connection is dead.
 * @property {number} [maxBackoffMs]  The longest pause between two attempts; 4 s at most, where the server
 *   accepted the last one.
 */

/** @typedef {{events: Frame[], next: string}} Page */

/**
 * What a feed needs of the conversation that it follows.
 * @typedef {object} Source
 * @property {() => Address} address  Where and as whom to connect, asked for anew each time.
 * @property {() => Promise<string>} now  The conversation's cursor at this moment.
 * @property {(after: string, limit?: number) => Promise<Page>} events  Throws what the server has against us.
 * @property {(refused: unknown) => Promise<boolean>} renewed  Whether there is another credential now.
 */

/** The server sends a comment every 15 s; two lost ones and some grace. */
const SILENCE_MS = 40_000;
const MAX_BACKOFF_MS = 30_000;
/** The longest pause after a connection that the server accepted: what breaks there is most often the line. */
const MAX_BROKEN_BACKOFF_MS = 4000;
/** Before the server says otherwise, and the least that a `retry:` of 0 can mean. */
const RETRY_MS = 1000;
const MIN_RETRY_MS = 100;
/** A connection that lived this long counts as a success even if nothing was said on it. */
const STEADY_MS = 5000;
/** The cursor before everything. */
const START = "0";

/**
 * @param {Source} source
 * @param {FollowOptions} [options]
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export async function* follow(source, options = {}) {
  const { signal, transport = "sse", silenceMs = SILENCE_MS, maxBackoffMs = MAX_BACKOFF_MS } = options;
  const open = transport === "websocket" ? webSocketFrames : sseFrames;
  let chain = new Chain(options.after);
  let [connections, failures, gaps, duplicates] = [0, 0, 0, 0];
  let retryMs = RETRY_MS;
  let reason = "";
  let renewed = false;

  /**
   * @param {FeedState["state"]} state
   * @param {number} [retryInMs]
   */
  const report = (state, retryInMs = 0) => {
    const reconnects = Math.max(0, connections - 1);
    options.onState?.({ state, transport, cursor: chain.cursor, reconnects, gaps, duplicates, retryInMs, reason });
  };

  report("connecting");
  try {
    while (!signal?.aborted) {
      const line = new AbortController();
      const cut = () => line.abort();
      signal?.addEventListener("abort", cut, { once: true });
      const address = source.address();
      let openedAt = 0;
      let pauseMs = 0;
      try {
        chain.cursor ??= await source.now();
        const frames = open({
          ...address,
          cursor: chain.cursor,
          signal: line.signal,
          watch: (promise) => within(silenceMs, promise),
          onRetry: (ms) => (retryMs = Math.min(Math.max(ms, MIN_RETRY_MS), maxBackoffMs)),
          onOpen: () => {
            openedAt = Date.now();
            connections++;
            renewed = false;
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
          let place = chain.take(frame);
          if (place === "gap") {
            gaps++;
            options.onGap?.({ after: chain.cursor, prev: frame.prev });
            yield* stored(source, chain);
            place = chain.take(frame);
          }
          if (place === "gap") {
            reason = "A frame did not follow on.";
            failures++;
            break;
          }
          failures = 0;
          if (place === "next") yield frame;
          else duplicates++;
        }
      } catch (error) {
        if (signal?.aborted) return;
        const told = await verdict(error, transport, source, chain.cursor);
        const refused = told instanceof ParlorError && told.final;
        if (refused && told.status === 401 && !renewed && (await source.renewed(address.credentials))) {
          renewed = true;
          continue;
        }
        if (refused && refusesCursor(told) && chain.cursor !== START) {
          chain = new Chain(START);
          failures = 0;
          yield { id: START, prev: START, type: "restart", at: new Date().toISOString(), data: {} };
          continue;
        }
        if (refused || told instanceof TypeError) throw told;
        reason = told instanceof Error ? told.message : String(told);
        if (told instanceof ParlorError) pauseMs = told.retryAfterMs;
      } finally {
        signal?.removeEventListener("abort", cut);
        line.abort();
      }
      if (signal?.aborted) return;
      if (openedAt > 0 && Date.now() - openedAt >= STEADY_MS) failures = 0;
      const longestMs = openedAt > 0 ? Math.min(maxBackoffMs, Math.max(retryMs, MAX_BROKEN_BACKOFF_MS)) : maxBackoffMs;
      pauseMs = Math.max(pauseMs, backoff(failures++, retryMs, longestMs));
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

/**
 * Whether it is the place to go on from that the server will not have: it never gave it, or cannot
 * read it.
 * @param {ParlorError} error
 */
export function refusesCursor({ status, type, fields }) {
  const named = typeof fields === "object" && fields !== null && ("after" in fields || "Last-Event-ID" in fields);
  return status === 400 && (type === "unknown_cursor" || named);
}

/**
 * What is stored after the chain's cursor, page by page, to the present. Ends before a hole.
 * @param {Pick<Source, "events">} source
 * @param {Chain} chain
 * @param {number} [limit]
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export async function* stored(source, chain, limit) {
  for (;;) {
    const before = chain.cursor ?? "0";
    const { events } = await source.events(before, limit);
    for (const frame of events) {
      const place = chain.take(frame);
      if (place === "gap") return;
      if (place === "next") yield frame;
    }
    if (chain.cursor === before) return;
  }
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
    return source.events(cursor, 1).then(() => error, (refusal) => refusal);
  }
  if (error instanceof TypeError && transport === "sse") {
    return new ParlorError("The server cannot be reached.", { cause: error });
  }
  return error;
}
