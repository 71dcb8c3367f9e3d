/**
 * The client of the widget surface, `/api/v1/chat`: what a visitor of a shop may do with the shop's
 * site key. The conversation itself is followed on the live surface; `conversation` opens it there.
 *
 * A visitor token is a secret of the visitor's browser: whoever has it reads the conversation.
 */

import { newKey, query } from "./conversation.js";
import { Parlor } from "./parlor-client.js";
import { persist } from "./retry.js";

/** @typedef {{greeting?: string, starters?: string[]}} Welcome */
/**
 * @typedef {object} WidgetConfig
 * @property {string} greeting
 * @property {string} [brand]
 * @property {{color?: string, text_color?: string}} [look]
 * @property {"before" | "after_first_answer" | "never"} [require_details]
 * @property {string[]} [starters]
 * @property {Record<string, Welcome>} [translations]
 * @property {"at_once" | "minutes" | "hours" | "day"} [reply_time]
 */
/** @typedef {import("./frame.js").FileData} WidgetFile */
/** @typedef {{direction: "inbound" | "outbound", body: string, timestamp: string, author: string, attachments?: WidgetFile[]}} WidgetMessage */
/** @typedef {{name?: string, email?: string, anonymous?: boolean, message: string, visitorToken: string}} Opening */
/** @typedef {{idempotencyKey?: string, retries?: number, signal?: AbortSignal}} WriteOptions */

const RETRIES = 3;
/** A large file over a slow line. */
const UPLOAD_MS = 300_000;

export class WidgetClient {
  /** @param {Omit<import("./parlor-client.js").Options, "renew"> & {siteKey: string}} options */
  constructor({ siteKey, ...options }) {
    this.siteKey = siteKey;
    this.options = options;
    this.parlor = new Parlor({ ...options, headers: { "x-site-key": siteKey } });
  }

  /**
   * How the shop greets and looks.
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<WidgetConfig>}
   */
  config(options = {}) {
    return this.parlor.request("GET", "/api/v1/chat/config", { signal: options.signal });
  }

  /**
   * Opens the visitor's conversation with its first message. 409 when the token has one already.
   * Without `wait` it answers before the bot does, whose reply then comes on the feed as it is made.
   * @param {Opening} opening
   * @param {WriteOptions & {wait?: boolean}} [options]
   * @returns {Promise<{conversationToken: string, autoReply: string | null}>}
   */
  async start(opening, options = {}) {
    const { visitorToken, ...rest } = opening;
    const body = { ...rest, visitor_token: visitorToken };
    const headers = options.wait === false ? { prefer: "respond-async" } : undefined;
    const told = await this.write("/api/v1/chat/conversations", body, options, { headers });
    return { conversationToken: told.conversation_token, autoReply: told.auto_reply ?? null };
  }

  /**
   * The messages, oldest first; with `since` those after that time.
   * @param {string} visitorToken
   * @param {{since?: string, signal?: AbortSignal}} [options]
   * @returns {Promise<WidgetMessage[]>}
   */
  messages(visitorToken, options = {}) {
    const { since, signal } = options;
    return this.parlor.request("GET", `${at(visitorToken)}/messages${query({ since })}`, { signal });
  }

  /**
   * @param {string} visitorToken
   * @param {string} message
   * @param {WriteOptions & {name?: string, email?: string}} [options]  Who writes, where it was not told before.
   * @returns {Promise<void>}
   */
  async reply(visitorToken, message, options = {}) {
    const { name, email } = options;
    await this.write(`${at(visitorToken)}/messages`, { message, name, email }, options);
  }

  /**
   * Sends a file, with a text where one is given.
   * @param {string} visitorToken
   * @param {File} file
   * @param {WriteOptions & {message?: string}} [options]
   * @returns {Promise<WidgetFile[]>}
   */
  async upload(visitorToken, file, options = {}) {
    const form = new FormData();
    if (options.message) form.append("message", options.message);
    form.append("file", file, file.name);
    const told = await this.write(`${at(visitorToken)}/files`, form, options, { timeoutMs: UPLOAD_MS });
    return told.attachments ?? [];
  }

  /**
   * Fetches a file, for a preview.
   * @param {string} visitorToken
   * @param {Pick<WidgetFile, "activity_id" | "id">} file
   * @param {{disposition?: "inline" | "attachment", signal?: AbortSignal}} [options]
   * @returns {Promise<Blob>}
   */
  async file(visitorToken, file, options = {}) {
    const { disposition, signal } = options;
    const path = `${at(visitorToken)}/files/${file.activity_id}/${file.id}${query({ disposition })}`;
    const response = await this.parlor.answer("GET", path, { signal, headers: { accept: "*/*" } });
    return response.blob();
  }

  /**
   * The address of a file for a link, which cannot carry a header.
   * @param {string} visitorToken
   * @param {Pick<WidgetFile, "activity_id" | "id">} file
   * @param {{disposition?: "inline" | "attachment"}} [options]
   */
  fileUrl(visitorToken, file, options = {}) {
    const values = { disposition: options.disposition, site_key: this.siteKey };
    const path = `${at(visitorToken)}/files/${file.activity_id}/${file.id}${query(values)}`;
    return new URL(path, this.parlor.origin).href;
  }

  /**
   * The visitor's conversation on the live surface: by the token that `start` answered while that
   * is good, and by the visitor's own for as long as the conversation is there.
   * @param {{visitorToken: string, conversationToken?: string | null}} visitor
   */
  conversation({ visitorToken, conversationToken }) {
    const own = {
      headers: { "x-site-key": this.siteKey, "x-visitor-token": visitorToken },
      query: { site_key: this.siteKey, visitor_token: visitorToken },
    };
    if (!conversationToken) return new Parlor({ ...this.options, ...own }).conversation("current");
    let given = false;
    const renew = () => {
      if (given) return null;
      given = true;
      return own;
    };
    return new Parlor({ ...this.options, token: conversationToken, renew }).conversation("current");
  }

  /**
   * @param {string} path
   * @param {unknown} body
   * @param {WriteOptions} options
   * @param {import("./parlor-client.js").About} [about]
   * @returns {Promise<any>}
   * @private
   */
  write(path, body, options, about = {}) {
    const { idempotencyKey = newKey(), retries = RETRIES, signal } = options;
    const headers = { ...about.headers, "idempotency-key": idempotencyKey };
    return persist(() => this.parlor.request("POST", path, { ...about, body, headers, signal }), { retries, signal });
  }
}

/** @param {string} visitorToken */
function at(visitorToken) {
  return `/api/v1/chat/conversations/${encodeURIComponent(visitorToken)}`;
}
