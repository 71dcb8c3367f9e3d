/**
 * One connection for all tabs of a browser that follow the same conversation. Over HTTP/1.1 a
 * browser has six connections to a server: with a stream in each tab, the seventh tab never loads.
 *
 * One tab leads: it holds a lock, follows the feed and hands each frame on to the others. Every tab
 * has a chain of its own, so a tab proves for itself that it missed nothing. One that did, or that
 * begins elsewhere, opens a connection of its own until it stands where the leader does. When the
 * leader ends, the lock falls to another tab, which goes on from its own cursor. A leader that does
 * not answer any more, as in a tab that its browser froze, loses the lock.
 */

import { Chain } from "./chain.js";
import { isFrame } from "./frame.js";

/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./feed.js").FollowOptions} FollowOptions */
/** @typedef {import("./feed.js").FeedState} FeedState */

/**
 * By what tabs meet.
 * @typedef {object} Meeting
 * @property {Pick<LockManager, "request">} locks
 * @property {(name: string) => Channel} channel
 */
/** @typedef {Pick<BroadcastChannel, "postMessage" | "close" | "onmessage">} Channel */

/**
 * What the leader says: things stand so, and it is at this cursor; the next frame.
 * @typedef {{what: "state", state: FeedState, cursor: string} | {what: "frame", frame: Frame}} Told
 */
/** What tabs say to each other; one that is there asks how things stand. @typedef {Told | {what: "here"}} Said */

/** A tab asks this often whether the leader is there, and waits so long for the answer. */
const ASK_EVERY_MS = 15_000;
const ANSWER_MS = 4000;
/** What a tab has heard and not read yet; beyond this it catches up instead. */
const HEARD_LIMIT = 1024;

/**
 * The tabs that meet under a name; null where tabs cannot meet.
 * @param {Meeting | undefined} given
 * @param {string} name
 * @returns {Tabs | null}
 */
export function tabsOf(given, name) {
  try {
    const { locks } = given ?? navigator;
    const channel = given ? given.channel : (/** @type {string} */ called) => new BroadcastChannel(called);
    // Of another version of this code a tab would not understand what is said.
    return locks ? new Tabs(locks, channel, `parlor/1/${name}`) : null;
  } catch {
    return null;
  }
}

/** This tab among the others of one name. */
class Tabs {
  /**
   * @param {Pick<LockManager, "request">} locks
   * @param {(name: string) => Channel} channel
   * @param {string} name
   */
  constructor(locks, channel, name) {
    this.locks = locks;
    this.name = name;
    this.open = channel;
    /** @type {Channel | null} */
    this.channel = null;
    this.leading = false;
    /** @type {Told[]} */
    this.heard = [];
    /** Where the leader stands, as far as it said. @type {string | undefined} */
    this.cursor = undefined;
    /** What the leader answers when somebody asks. @type {(() => void) | null} */
    this.onAsked = null;
    /** Told of whatever changed. */
    this.wake = () => {};
    this.left = new AbortController();
    /** Gives the lock back. */
    this.release = () => {};
  }

  join() {
    this.channel = this.open(this.name);
    this.channel.onmessage = ({ data }) => this.hear(data);
    this.ask();
    this.asking = setInterval(() => this.ask(), ASK_EVERY_MS);
    if (typeof document !== "undefined") {
      document.addEventListener("visibilitychange", () => document.hidden || this.ask(), { signal: this.left.signal });
    }
    this.queue();
  }

  leave() {
    this.left.abort();
    this.leading = false;
    this.release();
    clearInterval(this.asking);
    clearTimeout(this.waiting);
    this.channel?.close();
    this.channel = null;
  }

  /** @param {Said} said */
  say(said) {
    this.channel?.postMessage(said);
  }

  /** Waits until something changed. */
  changed() {
    return new Promise((/** @type {(value: void) => void} */ resolve) => (this.wake = resolve));
  }

  /**
   * @param {any} said
   * @private
   */
  hear(said) {
    if (said?.what === "here") return this.leading ? this.onAsked?.() : undefined;
    if (this.leading) return;
    const isOne = said?.what === "frame" ? isFrame(said.frame) : said?.what === "state" && typeof said.cursor === "string";
    if (!isOne) return;
    clearTimeout(this.waiting);
    this.cursor = said.what === "frame" ? said.frame.id : said.cursor;
    this.heard.push(said);
    if (this.heard.length > HEARD_LIMIT) this.heard.shift();
    this.wake();
  }

  /**
   * Asks how things stand, and takes over where nobody answers.
   * @private
   */
  ask() {
    if (this.leading || this.left.signal.aborted) return;
    this.say({ what: "here" });
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      if (!this.leading) this.queue({ steal: true });
    }, ANSWER_MS);
  }

  /**
   * Waits for the lock, or takes it.
   * @param {LockOptions} [how]
   * @private
   */
  queue(how = {}) {
    this.queued?.abort();
    const queued = (this.queued = new AbortController());
    const end = () => queued.abort();
    this.left.signal.addEventListener("abort", end, { once: true });
    const hold = () => {
      if (this.left.signal.aborted) return undefined;
      this.lead(true);
      return new Promise((/** @type {(value: void) => void} */ resolve) => (this.release = resolve));
    };
    this.locks
      .request(this.name, how.steal ? how : { signal: queued.signal }, hold)
      .catch((error) => {
        if (this.left.signal.aborted || queued.signal.aborted) return;
        // Another tab took the lock. Where there are no locks at all, nobody is led.
        this.lead(error?.name !== "AbortError");
        if (!this.leading) this.queue();
      })
      .finally(() => this.left.signal.removeEventListener("abort", end));
  }

  /**
   * @param {boolean} leading
   * @private
   */
  lead(leading) {
    this.leading = leading;
    clearTimeout(this.waiting);
    this.heard = [];
    this.wake();
  }
}

/**
 * Follows as `follow` does, with the other tabs.
 * @param {Tabs} tabs
 * @param {(options: FollowOptions) => AsyncGenerator<Frame, void, void>} follow
 * @param {FollowOptions} options
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export async function* together(tabs, follow, options) {
  const { signal, onState } = options;
  let chain = new Chain(options.after);
  /** @type {FeedState | null} */
  let last = null;

  /** @param {FeedState} state */
  const report = (state) => {
    const told = { ...state, cursor: chain.cursor };
    const isNew = !last || /** @type {const} */ (["state", "reconnects", "gaps", "duplicates", "reason"]).some((name) => last?.[name] !== told[name]);
    last = told;
    if (isNew) onState?.(told);
  };
  const tell = () => {
    if (last) tabs.say({ what: "state", state: last, cursor: chain.cursor ?? "0" });
  };
  /** @param {Frame} frame */
  const take = (frame) => {
    if (frame.type !== "restart") return chain.take(frame);
    chain = new Chain(frame.id);
    return "next";
  };
  const isOver = () => signal?.aborted || tabs.left.signal.aborted;
  /** Whether what the leader hands on follows on to what we have, or we have it. */
  const isLevel = () =>
    chain.passed.has(tabs.cursor ?? "") || tabs.heard.some((said) => said.what === "frame" && said.frame.prev === chain.cursor);

  /**
   * A connection of our own, until it has done. How it does is told where it is handed on: the
   * line of one that only catches up is the leader's.
   * @param {() => boolean | undefined} isDone
   * @param {boolean} handOn
   */
  async function* connected(isDone, handOn) {
    const line = new AbortController();
    const end = () => {
      if (isDone()) line.abort();
    };
    tabs.wake = end;
    signal?.addEventListener("abort", end, { once: true });
    const own = (/** @type {FeedState} */ state) => {
      if (!handOn || state.state === "closed" || line.signal.aborted) return;
      report(state);
      tell();
    };
    try {
      for await (const frame of follow({ ...options, after: chain.cursor, signal: line.signal, onState: own })) {
        const place = take(frame);
        if (place === "next" && handOn) tabs.say({ what: "frame", frame });
        if (place === "next") yield frame;
        if (isDone()) return;
      }
    } finally {
      signal?.removeEventListener("abort", end);
      line.abort();
    }
  }

  async function* led() {
    while (!isOver() && !tabs.leading) {
      const said = tabs.heard.shift();
      if (!said) {
        await tabs.changed();
        continue;
      }
      let behind = false;
      if (said.what === "frame") {
        const place = take(said.frame);
        behind = place === "gap";
        if (place === "next") yield said.frame;
      } else {
        report(said.state);
        behind = !chain.passed.has(said.cursor);
      }
      if (behind && !isLevel()) yield* connected(() => isOver() || tabs.leading || isLevel(), false);
    }
  }

  const wake = () => tabs.wake();
  signal?.addEventListener("abort", wake, { once: true });
  tabs.onAsked = tell;
  report({ state: "connecting", transport: options.transport ?? "sse", cursor: chain.cursor, reconnects: 0, gaps: 0, duplicates: 0, retryInMs: 0, reason: "" });
  try {
    if (!isOver()) tabs.join();
    while (!isOver()) yield* tabs.leading ? connected(() => isOver() || !tabs.leading, true) : led();
  } finally {
    signal?.removeEventListener("abort", wake);
    tabs.leave();
    if (last) report({ .../** @type {FeedState} */ (last), state: "closed" });
  }
}
