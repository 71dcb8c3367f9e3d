/**
 * The messages that were written and are not in the conversation yet, in order.
 *
 * Each has a key from the moment it is written and goes out under that key until it is answered, so
 * a message whose answer was lost, or whose page was reloaded, is in the conversation once. One goes
 * out at a time, because their order matters. What fails in passing is tried again by itself; what
 * the server refuses waits for the writer. An entry leaves when the feed has brought its message.
 */

import { newKey } from "./conversation.js";
import { ParlorError } from "./parlor-error.js";
import { backoff } from "./retry.js";
import { wellFormed } from "./well-formed.js";

/** @typedef {import("./transcript.js").Transcript} Transcript */
/** @typedef {import("./transcript.js").Message} Message */

/**
 * @typedef {object} Unsent
 * @property {string} key
 * @property {string} text
 * @property {{name: string, size: number}} [file]
 * @property {"waiting" | "sending" | "sent" | "refused"} state
 * @property {string} reason
 * @property {string | null} messageId  Once it was answered, where the answer names it.
 * @property {number} known  How many entries the transcript had when it was written.
 */

const AGAIN_MS = 2000;
const LONGEST_AGAIN_MS = 30_000;

export class Outbox {
  /**
   * @param {(entry: Unsent) => Promise<string | null>} deliver  One attempt; answers the message's
   *   id, or null when it is delivered and its id is not told.
   * @param {Unsent[]} kept  What an earlier page left.
   * @param {(entries: Unsent[]) => void} onChange
   */
  constructor(deliver, kept, onChange) {
    this.deliver = deliver;
    /** @type {Unsent[]} */
    this.entries = kept.map((entry) => (entry.state === "sending" ? { ...entry, state: "waiting" } : entry));
    this.onChange = onChange;
    /** Nothing goes out while the reader has dropped the line. */
    this.held = false;
    this.sending = false;
    this.failures = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.closed = false;
  }

  /**
   * @param {string} text
   * @param {number} known
   * @param {{key?: string, file?: {name: string, size: number}}} [about]
   */
  add(text, known, about = {}) {
    const { key = newKey(), file } = about;
    this.entries.push({ key, text: wellFormed(text), ...(file ? { file } : {}), state: "waiting", reason: "", messageId: null, known });
    this.onChange(this.entries);
    this.pump();
  }

  /** @param {string} key */
  retry(key) {
    this.change(key, { state: "waiting", reason: "" });
    this.pump();
  }

  /** @param {string} key */
  remove(key) {
    this.entries = this.entries.filter((entry) => entry.key !== key);
    this.onChange(this.entries);
  }

  /** @param {boolean} held */
  hold(held) {
    this.held = held;
    if (!held) this.pump();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }

  /** Sends what waits, now. */
  async pump() {
    clearTimeout(this.timer);
    if (this.sending) return;
    this.sending = true;
    for (;;) {
      const next = this.entries.find((entry) => entry.state === "waiting");
      if (!next || this.held || this.closed) break;
      this.change(next.key, { state: "sending" });
      try {
        const messageId = await this.deliver(next);
        this.failures = 0;
        this.change(next.key, { state: "sent", reason: "", messageId });
      } catch (error) {
        if (error instanceof ParlorError && error.final) {
          this.change(next.key, { state: "refused", reason: error.message });
          continue;
        }
        const { message, retryAfterMs } = error instanceof ParlorError ? error : { message: String(error), retryAfterMs: 0 };
        this.change(next.key, { state: "waiting", reason: message });
        const pause = backoff(this.failures++, AGAIN_MS, LONGEST_AGAIN_MS);
        if (!this.closed) this.timer = setTimeout(() => this.pump(), Math.max(pause, retryAfterMs));
        break;
      }
    }
    this.sending = false;
  }

  /**
   * Drops what the feed has brought, and names what it seems to have brought before the server's
   * answer did, which the page need not show twice.
   * @param {Transcript} transcript
   * @returns {Unsent[]} what is still to be shown
   */
  shown(transcript) {
    const ids = new Set(transcript.entries.map((entry) => entry.id));
    const left = this.entries.filter((entry) => entry.messageId === null || !ids.has(entry.messageId));
    const named = new Set(left.map((entry) => entry.messageId));
    /** @type {Set<string>} */
    const taken = new Set();
    /** @type {Set<Unsent>} */
    const arrived = new Set();
    const shown = left.filter((entry) => {
      if (entry.state === "refused" || entry.messageId !== null) return true;
      const early = transcript.entries
        .slice(entry.known)
        .find((each) => isItself(each, entry) && !taken.has(each.id) && !named.has(each.id));
      if (early) taken.add(early.id);
      if (early && entry.state === "sent") arrived.add(entry);
      return !early;
    });
    if (left.length - arrived.size < this.entries.length) {
      this.entries = left.filter((entry) => !arrived.has(entry));
      this.onChange(this.entries);
    }
    return shown;
  }

  /**
   * @param {string} key
   * @param {Partial<Unsent>} change
   * @private
   */
  change(key, change) {
    this.entries = this.entries.map((entry) => (entry.key === key ? { ...entry, ...change } : entry));
    this.onChange(this.entries);
  }
}

/**
 * Whether that may be the message of this entry.
 * @param {Transcript["entries"][number]} each
 * @param {Unsent} entry
 */
function isItself(each, entry) {
  if (each.kind !== "message" || each.author.type !== "customer") return false;
  const { file } = entry;
  return file ? each.files?.some((one) => one.size === file.size) : each.text === entry.text;
}
