/**
 * The client of Parlor's live surface, for browsers and Node ≥ 18. Plain ES modules, nothing else.
 *
 *     const parlor = new Parlor({ origin: "https://chat.example", token });
 *     const conversation = parlor.conversation("cv_…");
 *     await conversation.send("What are your opening hours?");
 *     for await (const frame of conversation.follow({ after: "0" })) …
 *
 * A call is one request: it throws a ParlorError and never tries again by itself, because only the
 * caller knows whether it should. Following does, for ever; see feed.js. In Node, keep the token on
 * the server and hand browsers a live token: an account's key opens every conversation.
 */

import { follow } from "./feed.js";
import { ParlorError } from "./parlor-error.js";

export { ParlorError };
export { transcriptOf, emptyTranscript, reduce } from "./transcript.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./frame.js").ConversationView} ConversationView */
/** @typedef {import("./feed.js").FeedState} FeedState */
/** @typedef {import("./feed.js").FollowOptions} FollowOptions */

/**
 * @typedef {object} ParlorOptions
 * @property {string} [origin]  Where the server is; in a browser the page's own by default.
 * @property {string} [token]   A live token; it opens one conversation.
 * @property {Record<string, string>} [headers]  Other credentials, such as `X-AeroChat-API-Key`.
 * @property {typeof globalThis.fetch} [fetch]
 * @property {typeof globalThis.WebSocket} [WebSocket]  For runtimes that have none of their own.
 */

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

/** @typedef {{message_id: string, conversation_id: string, cursor: string, created_at: string}} Sent */

export class Parlor {
  /** @param {ParlorOptions} [options] */
  constructor(options = {}) {
    this.origin = options.origin ?? globalThis.location?.origin;
    if (!this.origin) throw new TypeError("Outside a browser, new Parlor() needs an origin.");
    this.token = options.token;
    /** @type {Record<string, string>} */
    this.headers = { ...options.headers };
    if (options.token) this.headers.authorization = `Bearer ${options.token}`;
    // Browsers refuse a fetch that is called as somebody's method.
    this.fetch = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.WebSocket = options.WebSocket ?? globalThis.WebSocket;
  }

  /**
   * The conversation of that id. Nothing is asked of the server yet.
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
   * One request. Throws a ParlorError: of the server's words, or of status 0 without an answer.
   * @param {string} method
   * @param {string} path
   * @param {{body?: unknown, headers?: Record<string, string>, signal?: AbortSignal}} [about]
   * @returns {Promise<any>}
   */
  async request(method, path, about = {}) {
    /** @type {Record<string, string>} */
    const headers = { accept: "application/json", ...this.headers, ...about.headers };
    /** @type {RequestInit} */
    const init = { method, headers, cache: "no-store", signal: about.signal };
    if (about.body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(about.body);
    }
    try {
      const response = await this.fetch(new URL(path, this.origin), init);
      if (!response.ok) throw await ParlorError.from(response);
      return response.status === 204 ? undefined : await response.json();
    } catch (cause) {
      if (cause instanceof ParlorError || about.signal?.aborted) throw cause;
      throw new ParlorError("The server cannot be reached.", { cause });
    }
  }
}

export class Conversation {
  /**
   * @param {Parlor} parlor
   * @param {string} id
   */
  constructor(parlor, id) {
    this.parlor = parlor;
    this.id = id;
    this.path = `/live/v1/conversations/${encodeURIComponent(id)}`;
  }

  /**
   * Sends a message. The answer comes on the feed. A caller that may try again passes the same
   * `idempotencyKey` each time, and the message is there once.
   * @param {string} text
   * @param {{idempotencyKey?: string, signal?: AbortSignal}} [options]
   * @returns {Promise<Sent>}
   */
  send(text, options = {}) {
    const { idempotencyKey = newKey(), signal } = options;
    return this.parlor.request("POST", `${this.path}/messages`, {
      body: { text },
      headers: { "idempotency-key": idempotencyKey },
      signal,
    });
  }

  /**
   * Stops the reply under way; false when there was none.
   * @returns {Promise<boolean>}
   */
  async stop() {
    const answer = await this.parlor.request("POST", `${this.path}/stop`);
    return answer.stopped;
  }

  /**
   * @param {boolean} typing
   * @returns {Promise<void>}
   */
  typing(typing) {
    return this.parlor.request("POST", `${this.path}/typing`, { body: { typing } });
  }

  /**
   * Says that everything up to this message was seen.
   * @param {string} messageId
   * @returns {Promise<void>}
   */
  read(messageId) {
    return this.parlor.request("POST", `${this.path}/read`, { body: { message_id: messageId } });
  }

  /**
   * The conversation as it is now, or as it was at a cursor or a time.
   * @param {{at?: string}} [options]
   * @returns {Promise<ConversationView>}
   */
  get(options = {}) {
    return this.parlor.request("GET", this.path + query({ at: options.at }));
  }

  /**
   * A page of the feed, from the beginning when `after` is left out.
   * @param {{after?: string, limit?: number}} [options]
   * @returns {Promise<{events: Frame[], next: string}>}
   */
  events(options = {}) {
    const { after, limit } = options;
    return this.parlor.request("GET", `${this.path}/events` + query({ after, limit }));
  }

  /**
   * The live feed, each frame once and in order, for as long as the caller reads; see feed.js.
   * Without `after` it begins now: what a reply under way has said so far is in `get().reply`.
   * @param {FollowOptions} [options]
   * @returns {AsyncGenerator<Frame, void, void>}
   */
  follow(options = {}) {
    const { origin, token, headers, fetch, WebSocket } = this.parlor;
    const source = {
      address: { origin, token, headers, fetch, WebSocket, conversationId: this.id },
      now: async () => (await this.get()).cursor,
      probe: (/** @type {string} */ cursor) => this.events({ after: cursor, limit: 1 }),
    };
    return follow(source, options);
  }
}

/**
 * A key for one message, to be kept with it until it is sent. Not `crypto.randomUUID`, which is
 * missing on pages that came over plain HTTP from another machine.
 */
export function newKey() {
  const bytes = new Uint8Array(16);
  if (globalThis.crypto) crypto.getRandomValues(bytes);
  else bytes.forEach((_, at) => (bytes[at] = Math.random() * 256)); // Node 18: unique is enough.
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Record<string, string | number | undefined>} values */
function query(values) {
  const said = Object.entries(values).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}
