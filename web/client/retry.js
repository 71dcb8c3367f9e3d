/**
 * Patience: pauses that grow with chance in them, and an end to every wait.
 */

import { ParlorError } from "./parlor-error.js";

/**
 * Half of the pause is certain and half is chance: a server that comes back is not met by all its
 * clients in the same instant.
 * @param {number} failures  So far.
 * @param {number} firstMs
 * @param {number} longestMs
 */
export function backoff(failures, firstMs, longestMs) {
  const whole = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 16));
  return whole / 2 + (Math.random() * whole) / 2;
}

/**
 * Ends early when the caller gives up or the browser says that it is online again.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(ms, signal) {
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

/**
 * Gives up on what takes too long. What it was is not ended by that.
 * @template T
 * @param {number} ms
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export function within(ms, promise) {
  return new Promise((resolve, reject) => {
    const silent = new ParlorError("Nothing was heard for too long.", { type: "silent" });
    const timer = setTimeout(() => reject(silent), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/**
 * Tries again what failed in passing, as long as the server asks to wait or a little longer each
 * time. Only for what may be done twice.
 * @template T
 * @param {() => Promise<T>} call
 * @param {{retries: number, signal?: AbortSignal}} options
 * @returns {Promise<T>}
 */
export async function persist(call, { retries, signal }) {
  for (let failures = 0; ; failures++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ParlorError) || error.final || failures >= retries || signal?.aborted) throw error;
      await pause(Math.max(error.retryAfterMs, backoff(failures, FIRST_MS, LONGEST_MS)), signal);
      if (signal?.aborted) throw error;
    }
  }
}
