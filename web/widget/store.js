/**
 * What the widget keeps in the visitor's browser, for one site key.
 *
 * The visitor and the transcript are in localStorage: every tab shows the same conversation, and a
 * new visit finds it. Unsent messages, the draft and whether the panel is open belong to a tab. Where
 * storage is refused or full, the same is kept in memory for as long as the page lives.
 */

import { newKey } from "../client/conversation.js";

/** @typedef {import("../client/transcript.js").Transcript} Transcript */
/** @typedef {import("../client/outbox.js").Unsent} Unsent */
/** @typedef {import("../client/widget-client.js").WidgetConfig} WidgetConfig */

/**
 * @typedef {object} Visitor
 * @property {string} token  Opens the conversation for as long as it exists: a secret.
 * @property {string | null} conversationToken  Opens it until it expires.
 * @property {boolean} started  There is a conversation.
 * @property {boolean} [anonymous]  It was begun without a name, and none was told since.
 * @property {string} name
 * @property {string} email
 */

/** @returns {Visitor} somebody who is not known yet */
export function someone() {
  return { token: newKey() + newKey(), conversationToken: null, started: false, name: "", email: "" };
}

/** Entries that are stored; the page shows all that it has seen. */
const STORED_ENTRIES = 200;

export class Store {
  /** @param {string} siteKey */
  constructor(siteKey) {
    this.prefix = `parlor.widget.${siteKey}.`;
    /** @type {Map<string, string>} */
    this.memory = new Map();
  }

  /** @returns {Visitor | null} */
  get visitor() {
    const kept = this.read("localStorage", "visitor");
    return typeof kept?.token === "string" ? kept : null;
  }

  set visitor(visitor) {
    this.write("localStorage", "visitor", visitor);
  }

  /** @returns {WidgetConfig | null} */
  get config() {
    return this.read("localStorage", "config");
  }

  set config(config) {
    this.write("localStorage", "config", config);
  }

  /**
   * The transcript of that visitor's conversation, if it is the one that was kept.
   * @param {string} token
   * @returns {Transcript | null}
   */
  transcript(token) {
    const kept = this.read("localStorage", "transcript");
    return kept?.token === token && kept.transcript?.entries ? kept.transcript : null;
  }

  /**
   * Stored in one piece with its cursor, so an old copy is as good as a new one.
   * @param {string} token
   * @param {Transcript} transcript
   */
  setTranscript(token, transcript) {
    const entries = transcript.entries.slice(-STORED_ENTRIES);
    this.write("localStorage", "transcript", { token, transcript: { ...transcript, entries, typing: [] } });
  }

  /**
   * @param {string} token
   * @returns {Unsent[]}
   */
  unsent(token) {
    const kept = this.read("sessionStorage", "unsent");
    return kept?.token === token ? kept.entries : [];
  }

  /**
   * @param {string} token
   * @param {Unsent[]} entries
   */
  setUnsent(token, entries) {
    this.write("sessionStorage", "unsent", entries.length > 0 ? { token, entries } : null);
  }

  /** @returns {string} */
  get draft() {
    return this.read("sessionStorage", "draft") ?? "";
  }

  set draft(text) {
    this.write("sessionStorage", "draft", text || null);
  }

  /** @returns {boolean | null} null when this tab has not said yet. */
  get open() {
    return this.read("sessionStorage", "open");
  }

  set open(open) {
    this.write("sessionStorage", "open", open);
  }

  /** @returns {boolean | null} null where the visitor has not chosen. */
  get sound() {
    return this.read("localStorage", "sound");
  }

  set sound(sound) {
    this.write("localStorage", "sound", sound);
  }

  /**
   * Tells when another tab began a conversation or went to another.
   * @param {() => void} tell
   */
  onVisitor(tell) {
    addEventListener("storage", (event) => {
      if (event.key === `${this.prefix}visitor`) tell();
    });
  }

  /**
   * @param {"localStorage" | "sessionStorage"} where
   * @param {string} name
   * @returns {any}
   * @private
   */
  read(where, name) {
    const key = this.prefix + name;
    try {
      return JSON.parse(this.memory.get(key) ?? window[where].getItem(key) ?? "null");
    } catch {
      return null;
    }
  }

  /**
   * @param {"localStorage" | "sessionStorage"} where
   * @param {string} name
   * @param {unknown} value  Null forgets it.
   * @private
   */
  write(where, name, value) {
    const key = this.prefix + name;
    try {
      if (value === null) window[where].removeItem(key);
      else window[where].setItem(key, JSON.stringify(value));
      this.memory.delete(key);
    } catch {
      this.memory.set(key, JSON.stringify(value));
    }
  }
}
