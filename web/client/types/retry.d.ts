/**
 * Patience: pauses that grow with chance in them, and an end to every wait.
 */
/**
 * Half of the pause is certain and half is chance: a server that comes back is not met by all its
 * clients in the same instant.
 * @param {number} failures  So far.
 * @param {number} firstMs
 * @param {number} longestMs
 */
export declare function backoff(failures: number, firstMs: number, longestMs: number): number;
/**
 * Ends early when the caller gives up or the browser says that it is online again.
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export declare function pause(ms: number, signal?: AbortSignal): Promise<void>;
/**
 * Gives up on what takes too long. What it was is not ended by that.
 * @template T
 * @param {number} ms
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export declare function within<T>(ms: number, promise: Promise<T>): Promise<T>;
/**
 * Tries again what failed in passing, as long as the server asks to wait or a little longer each
 * time. Only for what may be done twice.
 * @template T
 * @param {() => Promise<T>} call
 * @param {{retries: number, signal?: AbortSignal}} options
 * @returns {Promise<T>}
 */
export declare function persist<T>(call: () => Promise<T>, { retries, signal }: {
    retries: number;
    signal?: AbortSignal;
}): Promise<T>;
