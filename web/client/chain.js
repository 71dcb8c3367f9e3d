/**
 * The proof that nothing was missed: every frame names the cursor before it.
 */

/** @typedef {import("./frame.js").Frame} Frame */

const REMEMBERED = 1024;

export class Chain {
  /** @param {string} [after] */
  constructor(after) {
    this.cursor = after;
    /** Cursors passed of late, so that what comes again can be told from what is missing. */
    this.passed = new Set(after === undefined ? [] : [after]);
  }

  /**
   * Whether a frame follows on, came before, or shows a hole. The chain moves on with the next only.
   * @param {Frame} frame
   * @returns {"next" | "duplicate" | "gap"}
   */
  take(frame) {
    if (frame.prev !== this.cursor) return this.passed.has(frame.id) ? "duplicate" : "gap";
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
}
