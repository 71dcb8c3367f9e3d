/**
 * One conversation of the live surface: what can be said to it, and its feed.
 */

import { Chain } from "./chain.js";
import { follow, stored } from "./feed.js";
import { persist } from "./retry.js";
import { tabsOf, together } from "./together.js";
import { prepended } from "./transcript.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./frame.js").ConversationView} ConversationView */
/** @typedef {import("./feed.js").FollowOptions} FollowOptions */
/** @typedef {import("./parlor-client.js").Parlor} Parlor */
/** @typedef {import("./transcript.js").Transcript} Transcript */

/** @typedef {{message_id: string, conversation_id: string, cursor: string, created_at: string}} Sent */

/**
 * @typedef {object} SendOptions
 * @property {string} [idempotencyKey]  The same for every attempt at one message, in other tabs too.
 * @property {number} [retries]  After failures in passing; 3 when left out.
 * @property {AbortSignal} [signal]
 */

const RETRIES = 3;

export class Conversation {
  /**
   * @param {Parlor} parlor
   * @param {string} id  `current` is the one that the credential opens.
   */
  constructor(parlor, id) {
    this.parlor = parlor;
    this.id = id;
    this.path = `/live/v1/conversations/${encodeURIComponent(id)}`;
  }

  /**
   * Sends a message; the answer comes on the feed. However often it is tried, under one key the
   * message is there once.
   * @param {string} text
   * @param {SendOptions} [options]
   * @returns {Promise<Sent>}
   */
  send(text, options = {}) {
    const { idempotencyKey = newKey(), retries = RETRIES, signal } = options;
    const headers = { "idempotency-key": idempotencyKey };
    return persist(() => this.parlor.request("POST", `${this.path}/messages`, { body: { text }, headers, signal }), { retries, signal });
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
   * @param {{at?: string, signal?: AbortSignal}} [options]
   * @returns {Promise<ConversationView>}
   */
  get(options = {}) {
    return this.parlor.request("GET", this.path + query({ at: options.at }), { signal: options.signal });
  }

  /**
   * A page of the feed, from the beginning when `after` is left out. With `before` it is the page that
   * ends before that frame; the `prev` of its first frame is "0" when nothing is older.
   * @param {{after?: string, before?: string, limit?: number, signal?: AbortSignal}} [options]
   * @returns {Promise<{events: Frame[], next: string}>}
   */
  events(options = {}) {
    const { after, before, limit, signal } = options;
    return this.parlor.request("GET", `${this.path}/events` + query({ after, before, limit }), { signal });
  }

  /**
   * The transcript with the entries before its own, some at least if there are any.
   * @param {Transcript} transcript
   * @param {{limit?: number, signal?: AbortSignal}} [options]
   * @returns {Promise<(now: Transcript) => Transcript>} Puts them before what the transcript is by now.
   */
  async earlier(transcript, { limit, signal } = {}) {
    let longer = transcript;
    /** @type {[string, Frame[]][]} */
    const pages = [];
    while (longer.begins !== "0" && longer.entries.length === transcript.entries.length) {
      const before = longer.begins;
      const { events } = await persist(() => this.events({ before, limit, signal }), { retries: RETRIES, signal });
      pages.push([before, events]);
      longer = prepended(longer, before, events);
      if (longer.begins === before) break;
    }
    return (now) => pages.reduce((state, [before, frames]) => prepended(state, before, frames), now);
  }

  /**
   * What is stored after a cursor, each frame once and in order, to the present; then it ends.
   * @param {{after?: string, limit?: number, signal?: AbortSignal}} [options]
   * @returns {AsyncGenerator<Frame, void, void>}
   */
  catchUp(options = {}) {
    const { after = "0", limit, signal } = options;
    /** @type {(after: string, limit?: number) => Promise<{events: Frame[], next: string}>} */
    const events = (after, limit) => persist(() => this.events({ after, limit, signal }), { retries: RETRIES, signal });
    return stored({ events }, new Chain(after), limit);
  }

  /**
   * The live feed, each frame once and in order, for as long as the caller reads; see feed.js.
   * Without `after` it begins now: what a reply under way has said so far is in `get().reply`.
   * @param {FollowOptions} [options]
   * @returns {AsyncGenerator<Frame, void, void>}
   */
  follow(options = {}) {
    const { parlor, id } = this;
    const source = {
      address: () => ({
        origin: parlor.origin,
        conversationId: id,
        credentials: parlor.credentials,
        headers: parlor.headers,
        query: parlor.query,
        fetch: parlor.fetch,
        WebSocket: parlor.WebSocket,
      }),
      now: async () => (await this.get({ signal: options.signal })).cursor,
      events: (/** @type {string} */ after, /** @type {number | undefined} */ limit) => this.events({ after, limit, signal: options.signal }),
      renewed: (/** @type {any} */ refused) => parlor.renewed(refused),
    };
    const { share } = options;
    const tabs = share === undefined || options.after === undefined ? null : tabsOf(this.parlor.tabs, `${parlor.origin}/${share}`);
    return tabs ? together(tabs, (own) => follow(source, own), options) : follow(source, options);
  }
}

/**
 * A key for one message, to be kept with it until it is sent. Not `crypto.randomUUID`, which is
 * missing on pages that came over plain HTTP from another machine.
 */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Record<string, string | number | undefined>} values */
export function query(values) {
  const said = Object.entries(values).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}
