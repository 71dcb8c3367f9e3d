/**
 * The proof that nothing was missed: every frame names the cursor before it.
 */
export type Frame = import("./frame.js").Frame;
export declare class Chain {
    cursor: string | undefined;
    /** Cursors passed of late, so that what comes again can be told from what is missing. */
    passed: Set<string>;
    /** @param {string} [after] */
    constructor(after?: string);
    /**
     * Whether a frame follows on, came before, or shows a hole. The chain moves on with the next only.
     * @param {Frame} frame
     * @returns {"next" | "duplicate" | "gap"}
     */
    take(frame: Frame): "next" | "duplicate" | "gap";
}
