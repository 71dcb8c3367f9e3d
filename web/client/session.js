/**
 * One conversation as a page has it: followed, folded, written to, and kept over reloads.
 *
 * What is shown comes from the transcript, and the transcript from the feed alone; what was written
 * is in the outbox until the feed brings it back. A reload, a dropped network, a killed server and
 * a second tab are therefore all the same case: go on from the cursor.
 *
 * It draws nothing and knows no storage. Its page gives it a memory, hears what changed, and says
 * when somebody looks, leaves and comes back.
 */

import { Outbox } from "./outbox.js";
import { emptyTranscript, reduce, trimmed } from "./transcript.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {import("./feed.js").FeedState} FeedState */
/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./outbox.js").Unsent} Unsent */
/** @typedef {import("./transcript.js").Transcript} Transcript */

/**
 * What is kept of a conversation, and how.
 * @typedef {object} Memory
 * @property {Transcript | null} transcript  What an earlier page kept.
 * @property {Unsent[]} unsent
 * @property {number} limit  Entries that are kept; older ones are fetched when they are asked for.
 * @property {(transcript: Transcript) => void} keep  Soon after it changed. It is one piece with its
 *   cursor, so an old copy is as good as a new one.
 * @property {(unsent: Unsent[]) => void} keepUnsent  At once.
 * @property {() => void} [restore]  Puts back what is gone from where it was kept.
 */

/**
 * @typedef {object} SessionOptions
 * @property {Memory} memory
 * @property {string} [share]  The name under which a browser's tabs have one connection.
 * @property {(entry: Unsent) => Promise<string | null>} [deliver]  One attempt at a message, where it
 *   is more than sending it; answers as an Outbox wants it.
 * @property {() => void} onChange  There is something else to show.
 * @property {(feed: FeedState) => void} [onState]
 * @property {(frame: Frame) => void} [onFrame]  It is in the transcript now.
 * @property {(error: unknown) => void} [onEnd]  The server refused the feed for good.
 */

/** The most that a crash of the browser can make us read again. */
const SAVE_EVERY_MS = 250;
/** Entries beyond those that are kept, before the oldest are let go. */
const SLACK = 50;
/** Frames that are asked for at once. */
const PAGE = 100;

export class Session {
  /**
   * Nothing is asked of the server before `follow`, but what an earlier page left unsent goes out
   * with the first connection.
   * @param {Conversation | null} conversation  Null until there is one; `enter` brings it.
   * @param {SessionOptions} options
   */
  constructor(conversation, options) {
    const { memory, deliver, onChange } = options;
    this.conversation = conversation;
    this.options = options;
    /** @type {"idle" | "connecting" | "connected" | "reconnecting" | "ended"} */
    this.line = "idle";
    this.transcript = memory.transcript ?? emptyTranscript();
    this.outbox = new Outbox(deliver ?? ((entry) => this.send(entry)), memory.unsent, (unsent) => {
      memory.keepUnsent(unsent);
      onChange();
    });
    /** What becomes of older entries that the reader asked for. @type {"idle" | "loading" | "failed"} */
    this.earlier = "idle";
    /** The feed began again: what comes now is no news. Whoever shows it takes this back. */
    this.anew = false;
    /** Ends the connection; a new one gets a new one. */
    this.connection = new AbortController();
    /** The newest answer of which it was said that it was seen. @type {string | null} */
    this.readSaid = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.saving = undefined;
    this.unsaved = false;
  }

  /**
   * Goes on in this conversation, which was not there before or is opened in another way.
   * @param {Conversation | null} conversation
   */
  enter(conversation) {
    this.conversation = conversation;
    this.line = "idle";
    this.refresh();
    this.options.onChange();
  }

  /**
   * Follows the feed from where the transcript stands, where it is not followed yet.
   * @param {FeedState["transport"]} [transport]
   */
  async follow(transport = "sse") {
    const { conversation, options } = this;
    if (!conversation || !["idle", "ended"].includes(this.line)) return;
    const { signal } = (this.connection = new AbortController());
    this.line = "connecting";
    try {
      const frames = conversation.follow({
        after: this.transcript.cursor,
        signal,
        transport,
        // A socket is not among the few connections that a browser has to a server.
        share: transport === "sse" ? options.share : undefined,
        onState: (feed) => {
          if (signal.aborted) return;
          if (feed.state !== "closed") this.line = feed.state;
          options.onState?.(feed);
          if (feed.state === "connected") this.outbox.pump();
          options.onChange();
        },
      });
      for await (const frame of frames) {
        if (signal.aborted) return;
        this.take(frame);
      }
    } catch (error) {
      if (signal.aborted) return;
      this.line = "ended";
      options.onEnd?.(error);
      options.onChange();
    }
  }

  /** Gives the connection back; `follow` takes another. */
  rest() {
    this.connection.abort();
    if (this.line !== "ended") this.line = "idle";
  }

  /** Connects anew: what the old network's connection was worth is not known. */
  refresh() {
    this.rest();
    this.follow();
    this.outbox.pump();
  }

  /** Ends it. What was not saved is not kept. */
  close() {
    clearTimeout(this.saving);
    this.rest();
    this.outbox.close();
    this.conversation = null;
  }

  /**
   * @param {Frame} frame
   * @private
   */
  take(frame) {
    this.transcript = reduce(this.transcript, frame);
    if (frame.type === "restart") {
      this.anew = true;
      this.readSaid = null;
      this.outbox.resend();
    }
    this.unsaved = true;
    this.saving ??= setTimeout(() => this.save(), SAVE_EVERY_MS);
    this.options.onFrame?.(frame);
    this.options.onChange();
  }

  /** Keeps what changed, now. */
  save() {
    const { memory } = this.options;
    clearTimeout(this.saving);
    this.saving = undefined;
    memory.restore?.();
    if (!this.unsaved) return;
    this.unsaved = false;
    memory.keep(trimmed(this.transcript, memory.limit));
  }

  /**
   * Lets go of the oldest entries, for whoever is at the newest: what a frame costs stays the same.
   * Answers whether there were too many.
   */
  trim() {
    const { limit } = this.options.memory;
    if (this.transcript.entries.length <= limit + SLACK) return false;
    this.transcript = trimmed(this.transcript, limit);
    return true;
  }

  /** Puts the next older entries before the transcript's own, once at a time. */
  async showEarlier() {
    const { conversation, options } = this;
    if (!conversation || this.earlier === "loading") return;
    this.earlier = "loading";
    options.onChange();
    try {
      const put = await conversation.earlier(this.transcript, { limit: PAGE });
      this.earlier = "idle";
      if (this.conversation === conversation) this.transcript = put(this.transcript);
    } catch {
      this.earlier = "failed";
    }
    options.onChange();
  }

  /**
   * One attempt at a message; answers its id, null where there is no conversation.
   * @param {Unsent} entry
   */
  async send({ key, text }) {
    const sent = await this.conversation?.send(text, { idempotencyKey: key, retries: 0 });
    return sent?.message_id ?? null;
  }

  /** @param {boolean} typing */
  typing(typing) {
    if (this.line === "connected") this.conversation?.typing(typing).catch(() => {});
  }

  /** Stops the reply under way. */
  stop() {
    this.conversation?.stop().catch(() => {});
  }

  /** Says once that the newest answer was seen. For when somebody is there to see it. */
  sayRead() {
    if (this.line !== "connected") return;
    const last = this.transcript.entries.findLast(isTheirs);
    if (!last || last.id === this.transcript.read.customer || last.id === this.readSaid) return;
    this.readSaid = last.id;
    this.conversation?.read(last.id).catch(() => (this.readSaid = null));
  }

  /** How many answers have not been seen. */
  get unread() {
    const { entries, read } = this.transcript;
    const isMine = (/** @type {Entry} */ entry) => entry.kind === "message" && entry.author.type === "customer";
    const seen = entries.findLastIndex((entry) => entry.id === read.customer || entry.id === this.readSaid || isMine(entry));
    return entries.slice(seen + 1).filter(isTheirs).length;
  }
}

/** @typedef {Transcript["entries"][number]} Entry */

/**
 * Whether that is an answer: of a bot or of a person.
 * @param {Entry} entry
 */
export function isTheirs(entry) {
  return entry.kind === "message" && entry.author.type !== "customer";
}
