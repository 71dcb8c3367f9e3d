/**
 * The client of Parlor's live and widget surfaces, for browsers and Node ≥ 20. Plain ES modules,
 * nothing else.
 *
 *     const parlor = new Parlor({ origin: "https://chat.example", token });
 *     const conversation = parlor.conversation("current");
 *     await conversation.send("What are your opening hours?");
 *     for await (const frame of conversation.follow({ after: "0" })) …
 *
 * A call that may be done twice is tried again a few times; every other one is a single request.
 * What fails is a ParlorError. Following goes on for ever; see feed.js. In Node, keep an account's
 * key on the server and hand browsers a live token: the key opens every conversation.
 */

import { Conversation } from "./conversation.js";
import { encode } from "./json.js";
import { ParlorError } from "./parlor-error.js";
import { within } from "./retry.js";

export { Conversation, newKey } from "./conversation.js";
export { Outbox } from "./outbox.js";
export { ParlorError } from "./parlor-error.js";
export { Session } from "./session.js";
export { isTranscript } from "./checked.js";
export { emptyTranscript, prepended, reduce, transcriptOf, trimmed } from "./transcript.js";
export { WidgetClient } from "./widget-client.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./frame.js").ConversationView} ConversationView */
/** @typedef {import("./frame.js").MessageData} MessageData */
/** @typedef {import("./feed.js").FeedState} FeedState */
/** @typedef {import("./feed.js").FollowOptions} FollowOptions */
/** @typedef {import("./feed.js").Gap} Gap */
/** @typedef {import("./conversation.js").Sent} Sent */
/** @typedef {import("./conversation.js").SendOptions} SendOptions */
/** @typedef {import("./transcript.js").Transcript} Transcript */

/**
 * Who calls. A browser's WebSocket has no headers, so what opens a socket goes in its address: the
 * token, or what `query` says.
 * @typedef {object} Credentials
 * @property {string} [token]  A live token; it opens one conversation.
 * @property {Record<string, string>} [headers]  Others, such as `X-AeroChat-API-Key` or `x-api-token`.
 * @property {Record<string, string>} [query]
 */

/**
 * @typedef {object} Options
 * @property {string} [origin]  Where the server is; in a browser the page's own by default.
 * @property {() => Credentials | null | Promise<Credentials | null>} [renew]  Asked for another
 *   credential when ours is refused; null when there is none.
 * @property {typeof globalThis.fetch} [fetch]
 * @property {typeof globalThis.WebSocket} [WebSocket]  For runtimes that have none of their own.
 * @property {number} [timeoutMs]  How long an answer may take; 30 s when left out.
 * @property {import("./together.js").Meeting} [tabs]  By what tabs meet; the browser's own.
 */

/** @typedef {Options & Credentials} ParlorOptions */

/**
 * What `POST /live/v1/demo` answers.
 * @typedef {object} Demo
 * @property {string} conversation_id
 * @property {string} contact_id
 * @property {string} token
 * @property {string} expires_at
 * @property {string} brand
 * @property {string} greeting
 */

/**
 * @typedef {object} About
 * @property {unknown} [body]  JSON, or a form as it is.
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {number} [timeoutMs]
 */

const TIMEOUT_MS = 30_000;

export class Parlor {
  /** @param {ParlorOptions} [options] */
  constructor(options = {}) {
    const { origin = globalThis.location?.origin, token, headers, query, renew } = options;
    if (!origin) throw new TypeError("Outside a browser, new Parlor() needs an origin.");
    this.origin = origin;
    /** @type {Credentials} */
    this.credentials = { token, headers, query };
    this.renew = renew;
    /** @type {Promise<Credentials | null> | null} */
    this.renewing = null;
    this.tabs = options.tabs;
    this.timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    // Browsers refuse a fetch that is called as somebody's method.
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.WebSocket = options.WebSocket ?? globalThis.WebSocket;
  }

  /** @returns {Record<string, string>} */
  get headers() {
    const { token, headers } = this.credentials;
    return { ...headers, ...(token ? { authorization: `Bearer ${token}` } : {}) };
  }

  /** @returns {Record<string, string>} */
  get query() {
    const { token, query } = this.credentials;
    return { ...query, ...(token ? { token } : {}) };
  }

  /**
   * The conversation of that id; `current` is the one that a live token opens. Nothing is asked of
   * the server yet.
   * @param {string} id
   */
  conversation(id) {
    return new Conversation(this, id);
  }

  /**
   * Starts a fresh conversation with the demo account, where the server has one; 404 where not.
   * @returns {Promise<Demo>}
   */
  demo() {
    return this.request("POST", "/live/v1/demo");
  }

  /**
   * One request, and another with the new credential where the old one was refused. Throws a
   * ParlorError: of the server's words, or of status 0 without an answer.
   * @param {string} method
   * @param {string} path
   * @param {About} [about]
   * @returns {Promise<any>}
   */
  async request(method, path, about = {}) {
    const response = await this.answer(method, path, about);
    if (response.status === 204) return undefined;
    return within(about.timeoutMs ?? this.timeoutMs, response.json()).catch((cause) => {
      if (cause instanceof ParlorError || about.signal?.aborted) throw cause;
      throw new ParlorError("The answer is not JSON, or was cut off.", { cause });
    });
  }

  /**
   * As `request`, for an answer that is not JSON.
   * @param {string} method
   * @param {string} path
   * @param {About} [about]
   * @returns {Promise<Response>}
   */
  async answer(method, path, about = {}) {
    const used = this.credentials;
    const response = await this.ask(method, path, about);
    if (response.ok) return response;
    const error = await ParlorError.from(response);
    if (error.status !== 401 || !(await this.renewed(used))) throw error;
    const again = await this.ask(method, path, about);
    if (!again.ok) throw await ParlorError.from(again);
    return again;
  }

  /**
   * Whether there is another credential than the one that was refused; asked for once, however
   * many were refused with it.
   * @param {Credentials} refused
   */
  async renewed(refused) {
    if (this.credentials !== refused) return true;
    if (!this.renew) return false;
    this.renewing ??= Promise.resolve(this.renew()).finally(() => (this.renewing = null));
    const fresh = await this.renewing;
    if (fresh && this.credentials === refused) this.credentials = fresh;
    return fresh !== null;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {About} about
   * @returns {Promise<Response>}
   * @private
   */
  async ask(method, path, about) {
    /** @type {Record<string, string>} */
    const headers = { accept: "application/json", ...this.headers, ...about.headers };
    const ended = new AbortController();
    const end = () => ended.abort(about.signal?.reason);
    about.signal?.addEventListener("abort", end, { once: true });
    if (about.signal?.aborted) end();
    /** @type {RequestInit} */
    const init = { method, headers, cache: "no-store", signal: ended.signal };
    if (about.body instanceof FormData) init.body = about.body;
    else if (about.body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = encode(about.body);
    }
    try {
      return await within(about.timeoutMs ?? this.timeoutMs, this.fetch(new URL(path, this.origin), init));
    } catch (cause) {
      ended.abort();
      if (about.signal?.aborted) throw cause;
      if (cause instanceof ParlorError) throw cause;
      throw new ParlorError("The server cannot be reached.", { cause });
    } finally {
      about.signal?.removeEventListener("abort", end);
    }
  }
}
