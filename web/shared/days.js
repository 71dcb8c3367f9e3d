/**
 * The lines between the days of a conversation, in the reader's own calendar and words, and where its
 * speakers change.
 */

const DAY_MS = 86_400_000;

export class Days {
  /** @param {string} [language] */
  constructor(language) {
    this.date = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
    this.dated = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
    this.near = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  }

  /**
   * What stands above an entry: the day, where it is another than that of the entry before. A
   * conversation that began today begins without.
   * @param {string | null} before  When the entry before was; null for the first.
   * @param {string} at
   * @param {Date} [today]
   * @returns {string | null}
   */
  above(before, at, today = new Date()) {
    const day = midnight(new Date(at));
    if (Number.isNaN(day)) return null;
    const ago = Math.round((midnight(today) - day) / DAY_MS);
    if (before === null ? ago === 0 : midnight(new Date(before)) === day) return null;
    if (ago === 0 || ago === 1) return capital(this.near.format(-ago, "day"));
    const sameYear = new Date(at).getFullYear() === today.getFullYear();
    return (sameYear ? this.date : this.dated).format(new Date(at));
  }
}

/** Entries that are shown one after the other: where a day begins, and where somebody else speaks. */
export class Sequence {
  /** @param {Days} days */
  constructor(days) {
    this.days = days;
    /** @type {string | null} */
    this.before = null;
    this.speaker = "";
  }

  /**
   * What stands above the next entry. Below it, who speaks is named anew.
   * @param {string} at
   */
  day(at) {
    const day = this.days.above(this.before, at);
    this.before = at;
    if (day) this.interrupt();
    return day;
  }

  /** Whoever speaks next is named anew. */
  interrupt() {
    this.speaker = "";
  }

  /**
   * Whether this is the first of an author's in a row.
   * @param {Pick<import("../client/frame.js").Author, "type" | "name">} author
   */
  isFirst({ type, name }) {
    const before = this.speaker;
    this.speaker = `${type}:${name ?? ""}`;
    return this.speaker !== before;
  }
}

/** @param {Date} date */
function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** @param {string} words */
function capital(words) {
  return words.replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
}
