/**
 * The messages that were written and are not in the conversation yet, in order.
 *
 * Each has a key from the moment it is written and goes out under that key until it is answered, so
 * a message whose answer was lost, or whose page was reloaded, is in the conversation once. One goes
 * out at a time, because their order matters. What fails in passing is tried again by itself; what
 * the server refuses waits for the writer. An entry leaves when the feed has brought its message,
 * a file also when it was called refused: it may have arrived while its page was left.
 */

import { newKey } from "./conversation.js";
import { ParlorError } from "./parlor-error.js";
import { backoff } from "./retry.js";

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
 * @property {string | null} since  The last entry before which its message cannot stand.
 * @property {string} after  The transcript's cursor at that moment.
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
   * @param {Transcript} transcript  As it is now.
   * @param {{key?: string, file?: {name: string, size: number}}} [about]
   */
  add(text, transcript, about = {}) {
    const { key = newKey(), file } = about;
    const since = transcript.entries.at(-1)?.id ?? null;
    const place = { since, after: transcript.cursor };
    this.entries = [...this.entries, { key, text, ...(file ? { file } : {}), state: "waiting", reason: "", messageId: null, ...place }];
    this.onChange(this.entries);
    this.pump();
  }

  /** @param {string} key */
  retry(key) {
    // Others went out meanwhile; it is the last of them now.
    const again = this.entries.filter((entry) => entry.key === key);
    this.entries = [...this.entries.filter((entry) => entry.key !== key), ...again];
    this.change(key, { state: "waiting", reason: "" });
    this.pump();
  }

  /** Sends again what was sent and has not come: the server may have lost it. Under its key it is there once. */
  resend() {
    this.entries = this.entries.map((entry) => (entry.state === "sent" ? { ...entry, state: "waiting", messageId: null, since: null, after: "0" } : entry));
    this.onChange(this.entries);
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
    if (this.entries.length === 0) return this.entries;
    const { entries } = transcript;
    const places = new Map(entries.map((entry, at) => [entry.id, at]));
    const named = new Set(this.entries.map((entry) => entry.messageId));
    /** @type {Set<string>} */
    const taken = new Set();
    /** @type {Unsent[]} */
    const left = [];
    /** @type {Unsent[]} */
    const shown = [];
    // They go out in order, so none stands before one that went out before it.
    let last = -1;
    for (const entry of this.entries) {
      const { messageId, state, file } = entry;
      const first = Math.max(last, places.get(entry.since ?? "") ?? -1) + 1;
      const isThis = (/** @type {Transcript["entries"][number]} */ each, /** @type {number} */ at) =>
        at >= first && isItself(each, entry) && !taken.has(each.id) && !named.has(each.id);
      const early = state !== "refused" || file ? entries.findIndex(isThis) : -1;
      const at = messageId === null ? early : (places.get(messageId) ?? -1);
      if (at >= 0) taken.add(entries[at].id);
      if (at >= 0 && (messageId !== null || state === "sent" || state === "refused")) {
        if (state !== "refused") last = Math.max(last, at);
        continue;
      }
      const before = last === first - 1 ? entries[last] : undefined;
      const kept = before ? { ...entry, since: before.id, after: before.cursor } : entry;
      left.push(kept);
      if (at < 0) shown.push(kept);
    }
    if (left.length < this.entries.length) {
      this.entries = left;
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
  return file ? each.files.some((one) => one.size === file.size) : each.text === entry.text;
}
