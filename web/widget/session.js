/**
 * A visitor's conversation: begun by the first message, followed from then on, in every tab.
 *
 * What is shown comes from the transcript, and the transcript from the feed alone; what was written
 * is in the outbox until the feed brings it back. A reload, a dropped network, a killed server and
 * a second tab are therefore all the same case: go on from the cursor.
 */

import { emptyTranscript, newKey, Outbox, ParlorError, reduce, trimmed } from "../client/parlor-client.js";
import { deliver } from "./delivery.js";
import { watchPresence } from "./presence.js";
import { someone, STORED_ENTRIES } from "./store.js";

/** @typedef {import("../client/parlor-client.js").WidgetClient} WidgetClient */
/** @typedef {import("../client/parlor-client.js").Conversation} Conversation */
/** @typedef {import("../client/frame.js").Frame} Frame */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./store.js").Visitor} Visitor */

/** The most that a crash of the browser can make us read again. */
const SAVE_EVERY_MS = 250;
/** Entries beyond those that are stored, before the oldest are let go. */
const SLACK = 50;

export class Session {
  /**
   * @param {WidgetClient} client
   * @param {Store} store
   * @param {() => void} onChange
   */
  constructor(client, store, onChange) {
    this.client = client;
    this.store = store;
    this.onChange = onChange;
    /** @type {"idle" | "connecting" | "connected" | "reconnecting" | "ended"} */
    this.line = "idle";
    /** The conversation that was here can no longer be reached. */
    this.gone = false;
    /** When the account wants to know who writes. @type {"before" | "after_first_answer" | "never"} */
    this.requires = "before";
    /** What becomes of older entries that the visitor asked for. @type {"idle" | "loading" | "failed"} */
    this.earlier = "idle";
    /** The feed began again: what comes now is no news. */
    this.anew = false;
    /** Ends with the widget. */
    this.life = new AbortController();
    /** The files of unsent entries, which no storage keeps. @type {Map<string, File>} */
    this.files = new Map();
    /** @type {Conversation | null} */
    this.conversation = null;
    this.connection = new AbortController();
    /** @type {string | null} */
    this.readSaid = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.saving = undefined;
    this.unsaved = false;
    this.visitor = store.visitor ?? someone();
    this.transcript = store.transcript(this.visitor.token) ?? emptyTranscript();
    this.outbox = this.emptied();

    const { signal } = this.life;
    store.onVisitor(() => this.settle(), signal);
    const presence = {
      onLeft: () => this.save(),
      onLongGone: () => this.rest(),
      onBack: () => {
        this.follow();
        onChange();
      },
      onOnline: () => this.refresh(),
    };
    watchPresence(presence, signal);
    this.open(this.visitor);
  }

  /** From here on all tabs are the same visitor, whichever came first. */
  settle() {
    const { visitor } = this.store;
    if (!visitor) this.store.visitor = this.visitor;
    else if (visitor.token !== this.visitor.token || visitor.started !== this.visitor.started) this.open(visitor);
    else this.visitor = visitor;
  }

  /** @private */
  emptied() {
    const { token } = this.visitor;
    return new Outbox((entry) => deliver(this, entry), this.store.unsent(token), (unsent) => {
      this.store.setUnsent(token, unsent);
      this.onChange();
    });
  }

  /**
   * Goes to this visitor's conversation.
   * @param {Visitor} visitor
   */
  open(visitor) {
    this.connection.abort();
    if (this.life.signal.aborted) return;
    if (visitor.token !== this.visitor.token) {
      this.outbox.close();
      this.visitor = visitor;
      this.transcript = this.store.transcript(visitor.token) ?? emptyTranscript();
      this.outbox = this.emptied();
    }
    this.visitor = visitor;
    this.conversation = visitor.started ? this.client.conversation({ visitorToken: visitor.token, conversationToken: visitor.conversationToken }) : null;
    this.line = "idle";
    this.follow();
    this.outbox.pump();
    this.onChange();
  }

  /**
   * Who writes: name and address for the first message; a visitor token of the shop's own, so that
   * somebody who is signed in finds the conversation on every device.
   * @param {{name?: string, email?: string, visitorToken?: string}} who
   */
  async identify({ name, email, visitorToken }) {
    const visitor = { ...this.visitor, ...(name ? { name } : {}), ...(email ? { email } : {}) };
    if (!visitorToken || visitorToken === visitor.token) {
      this.visitor = this.store.visitor = visitor;
      return this.onChange();
    }
    const other = { ...visitor, token: visitorToken, conversationToken: null, started: false };
    const there = await this.client.conversation({ visitorToken }).get().then(() => true, (error) => {
      if (error instanceof ParlorError && error.final) return false;
      throw error;
    });
    this.store.visitor = { ...other, started: there };
    this.open({ ...other, started: there });
  }

  /** Whether who writes has to be asked: when the account wants it, and when it was refused. */
  get asking() {
    const { started, name, email } = this.visitor;
    const known = Boolean(name && email);
    if (!started && (name || email) && this.outbox.entries.some((entry) => entry.state === "refused")) return true;
    if (this.requires === "after_first_answer") return started && !known && this.transcript.entries.some(isTheirs);
    return this.requires === "before" && !started && !known;
  }

  /**
   * @param {string} text
   * @param {File[]} files
   * @param {{name: string, email: string} | null} who  Where it was asked.
   */
  say(text, files, who) {
    this.gone = false;
    if (who) this.visitor = { ...this.visitor, ...who };
    if (text) this.outbox.add(text, this.transcript);
    for (const file of files) {
      const key = newKey();
      this.files.set(key, file);
      this.outbox.add("", this.transcript, { key, file: { name: file.name, size: file.size } });
    }
  }

  /**
   * The conversation is there.
   * @param {string | null} conversationToken
   */
  begun(conversationToken) {
    const other = this.store.visitor;
    const known = other?.token === this.visitor.token ? other.conversationToken : null;
    const anonymous = !this.visitor.name || !this.visitor.email;
    this.visitor = { ...this.visitor, started: true, anonymous, conversationToken: conversationToken ?? known };
    this.store.visitor = this.visitor;
    this.open(this.visitor);
  }

  /** The server knows now who writes. */
  told() {
    this.visitor = this.store.visitor = { ...this.visitor, anonymous: false };
  }

  /** Follows the feed from where the transcript stands. */
  async follow() {
    const { conversation } = this;
    if (!conversation || !["idle", "ended"].includes(this.line)) return;
    const { signal } = (this.connection = new AbortController());
    this.line = "connecting";
    try {
      const after = this.transcript.cursor;
      const frames = conversation.follow({
        after,
        signal,
        share: `widget/${this.client.siteKey}/${this.visitor.token}`,
        onState: ({ state }) => {
          if (signal.aborted || state === "closed") return;
          this.line = state;
          if (state === "connected") this.outbox.pump();
          this.onChange();
        },
      });
      for await (const frame of frames) {
        if (signal.aborted) return;
        this.take(frame);
      }
    } catch (error) {
      if (!signal.aborted) this.end(error);
    }
  }

  /**
   * Gives the connection back, unless something is still to be sent.
   * @private
   */
  rest() {
    if (this.outbox.entries.some((entry) => entry.state !== "refused")) return;
    this.connection.abort();
    this.line = "idle";
  }

  /**
   * Connects anew: what the old network's connection was worth is not known.
   * @private
   */
  refresh() {
    this.connection.abort();
    this.line = "idle";
    this.follow();
    this.outbox.pump();
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
    if (this.transcript.status === "deleted") this.forget();
    this.onChange();
  }

  /**
   * The server will not have us any more.
   * @param {unknown} error
   * @private
   */
  end(error) {
    if (error instanceof ParlorError && (error.status === 401 || error.status === 404)) this.forget();
    else this.line = "ended";
    this.onChange();
  }

  /**
   * The conversation is no more: the next message begins another.
   * @private
   */
  forget() {
    const { name, email } = this.visitor;
    this.gone = true;
    this.unsaved = false;
    const visitor = { ...someone(), name, email };
    this.store.visitor = visitor;
    this.open(visitor);
  }

  /** For good, whatever happens to the visitor in other tabs. */
  close() {
    this.save();
    this.life.abort();
    this.connection.abort();
    this.outbox.close();
    this.conversation = null;
  }

  /**
   * Lets go of the oldest entries, for whoever is at the newest: what a frame costs stays the same.
   * Answers whether there were too many.
   */
  trim() {
    if (this.transcript.entries.length <= STORED_ENTRIES + SLACK) return false;
    this.transcript = trimmed(this.transcript, STORED_ENTRIES);
    return true;
  }

  save() {
    clearTimeout(this.saving);
    this.saving = undefined;
    if (this.life.signal.aborted) return;
    this.store.restore();
    if (!this.unsaved) return;
    this.unsaved = false;
    this.store.setTranscript(this.visitor.token, this.transcript);
  }

  /** @param {boolean} typing */
  typing(typing) {
    if (this.line === "connected") this.conversation?.typing(typing).catch(() => {});
  }

  stop() {
    return this.conversation?.stop().catch(() => {});
  }

  /** Says once that the newest answer was seen. For when somebody is there to see it. */
  sayRead() {
    if (document.hidden || this.line !== "connected") return;
    const last = this.transcript.entries.findLast(isTheirs);
    if (!last || last.id === this.transcript.read.customer || last.id === this.readSaid) return;
    this.readSaid = last.id;
    this.conversation?.read(last.id).catch(() => (this.readSaid = null));
  }

  /** How many answers have not been seen. */
  get unread() {
    const { entries, read } = this.transcript;
    const seen = entries.findLastIndex((entry) => entry.id === read.customer || entry.id === this.readSaid || isMine(entry));
    return entries.slice(seen + 1).filter(isTheirs).length;
  }
}

/** @typedef {import("../client/transcript.js").Transcript["entries"][number]} Entry */

/** @param {Entry} entry */
function isMine(entry) {
  return entry.kind === "message" && entry.author.type === "customer";
}

/** @param {Entry} entry */
function isTheirs(entry) {
  return entry.kind === "message" && entry.author.type !== "customer";
}
