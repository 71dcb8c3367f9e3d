/**
 * What the widget keeps in the visitor's browser, for one site key.
 *
 * The visitor and the transcript are in localStorage: every tab shows the same conversation, and a
 * new visit finds it. Unsent messages, the draft and whether the panel is open belong to a tab. Where
 * storage is refused or full, the same is kept in memory for as long as the page lives; see shared/shelf.js.
 */

import { isFlag, isText, isTranscript, isUnsent, listOf, mapOf, orNone, shaped } from "../client/checked.js";
import { newKey } from "../client/conversation.js";
import { Shelf } from "../shared/shelf.js";

/** @typedef {import("../client/session.js").Memory} Memory */
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

/** Entries that are stored; older ones are fetched when they are asked for. */
const STORED_ENTRIES = 200;

const isWelcome = shaped({ greeting: orNone(isText), starters: orNone(listOf(isText)) });
const isConfig = shaped({
  greeting: isText,
  brand: orNone(isText),
  require_details: orNone(isText),
  starters: orNone(listOf(isText)),
  translations: orNone(mapOf(isWelcome)),
  reply_time: orNone(isText),
});

export class Store {
  /** @param {string} siteKey */
  constructor(siteKey) {
    this.shelf = new Shelf(`parlor.widget.${siteKey}.`);
  }

  /**
   * The token is what opens the conversation: it is kept even where all else is wrong.
   * @returns {Visitor | null}
   */
  get visitor() {
    const kept = this.shelf.read("localStorage", "visitor", shaped({ token: (token) => isText(token) && token !== "" }));
    if (!kept) return null;
    const textOf = (/** @type {unknown} */ value) => (isText(value) ? /** @type {string} */ (value) : "");
    return {
      token: kept.token,
      conversationToken: textOf(kept.conversationToken) || null,
      started: kept.started !== false,
      anonymous: kept.anonymous === true,
      name: textOf(kept.name),
      email: textOf(kept.email),
    };
  }

  set visitor(visitor) {
    this.shelf.write("localStorage", "visitor", visitor);
  }

  /** @returns {WidgetConfig | null} */
  get config() {
    return this.shelf.read("localStorage", "config", isConfig);
  }

  set config(config) {
    this.shelf.write("localStorage", "config", config);
  }

  /**
   * What is kept of that visitor's conversation: of another's nothing is.
   * @param {string} token
   * @returns {Memory}
   */
  memory(token) {
    const { shelf } = this;
    const kept = shelf.read("localStorage", "transcript", shaped({ token: isText, transcript: isTranscript }));
    const unsent = shelf.read("sessionStorage", "unsent", shaped({ token: isText, entries: isUnsent }));
    return {
      limit: STORED_ENTRIES,
      transcript: kept?.token === token ? kept.transcript : null,
      unsent: unsent?.token === token ? unsent.entries : [],
      keep: (transcript) => shelf.write("localStorage", "transcript", { token, transcript: { ...transcript, typing: [] } }),
      keepUnsent: (entries) => shelf.write("sessionStorage", "unsent", entries.length > 0 ? { token, entries } : null),
      restore: () => shelf.restore(),
    };
  }

  /** @returns {string} */
  get draft() {
    return this.shelf.read("sessionStorage", "draft", isText) ?? "";
  }

  set draft(text) {
    this.shelf.write("sessionStorage", "draft", text || null);
  }

  /** @returns {boolean | null} null when this tab has not said yet. */
  get open() {
    return this.shelf.read("sessionStorage", "open", isFlag);
  }

  set open(open) {
    this.shelf.write("sessionStorage", "open", open);
  }

  /** @returns {boolean | null} null where the visitor has not chosen. */
  get sound() {
    return this.shelf.read("localStorage", "sound", isFlag);
  }

  set sound(sound) {
    this.shelf.write("localStorage", "sound", sound);
  }

  /**
   * Tells when another tab began a conversation or went to another.
   * @param {() => void} tell
   * @param {AbortSignal} signal
   */
  onVisitor(tell, signal) {
    this.shelf.onChange("visitor", tell, signal);
  }
}
