/**
 * A visitor and the visitor's conversation: begun by the first message, the same in every tab.
 */

import { newKey, ParlorError, Session } from "../client/parlor-client.js";
import { isTheirs } from "../client/session.js";
import { deliver } from "./delivery.js";
import { watchPresence } from "./presence.js";
import { someone } from "./store.js";

/** @typedef {import("../client/parlor-client.js").WidgetClient} WidgetClient */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./store.js").Visitor} Visitor */

export class Visit {
  /**
   * @param {WidgetClient} client
   * @param {Store} store
   * @param {() => void} onChange
   */
  constructor(client, store, onChange) {
    this.client = client;
    this.store = store;
    this.onChange = onChange;
    /** The conversation that was here can no longer be reached. */
    this.gone = false;
    /** When the account wants to know who writes. @type {"before" | "after_first_answer" | "never"} */
    this.requires = "before";
    /** Ends with the widget. */
    this.life = new AbortController();
    /** The files of unsent entries, which no storage keeps. @type {Map<string, File>} */
    this.files = new Map();
    this.visitor = store.visitor ?? someone();
    this.session = this.begin();

    const { signal } = this.life;
    store.onVisitor(() => this.settle(), signal);
    const presence = {
      onLeft: () => this.session.save(),
      onLongGone: () => this.rest(),
      onBack: () => {
        this.session.follow();
        onChange();
      },
      onOnline: () => this.session.refresh(),
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
  begin() {
    const { token } = this.visitor;
    return new Session(null, {
      memory: this.store.memory(token),
      share: `widget/${this.client.siteKey}/${token}`,
      deliver: (entry) => deliver(this, entry),
      onChange: this.onChange,
      onFrame: ({ type }) => {
        if (type === "conversation.deleted") this.forget();
      },
      onEnd: (error) => {
        if (error instanceof ParlorError && (error.status === 401 || error.status === 404)) this.forget();
      },
    });
  }

  /**
   * Goes to this visitor's conversation.
   * @param {Visitor} visitor
   */
  open(visitor) {
    if (this.life.signal.aborted) return;
    const { token: visitorToken, conversationToken, started } = visitor;
    const isOther = visitorToken !== this.visitor.token;
    this.visitor = visitor;
    if (isOther) {
      this.session.close();
      this.session = this.begin();
    }
    this.session.enter(started ? this.client.conversation({ visitorToken, conversationToken }) : null);
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
    const { outbox, transcript } = this.session;
    const known = Boolean(name && email);
    if (!started && (name || email) && outbox.entries.some((entry) => entry.state === "refused")) return true;
    if (this.requires === "after_first_answer") return started && !known && transcript.entries.some(isTheirs);
    return this.requires === "before" && !started && !known;
  }

  /**
   * @param {string} text
   * @param {File[]} files
   * @param {{name: string, email: string} | null} who  Where it was asked.
   */
  say(text, files, who) {
    const { outbox, transcript } = this.session;
    this.gone = false;
    if (who) this.visitor = { ...this.visitor, ...who };
    if (text) outbox.add(text, transcript);
    for (const file of files) {
      const key = newKey();
      this.files.set(key, file);
      outbox.add("", transcript, { key, file: { name: file.name, size: file.size } });
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

  /**
   * Gives the connection back, unless something is still to be sent.
   * @private
   */
  rest() {
    if (this.session.outbox.entries.every((entry) => entry.state === "refused")) this.session.rest();
  }

  /**
   * The conversation is no more: the next message begins another.
   * @private
   */
  forget() {
    const { name, email } = this.visitor;
    this.gone = true;
    const visitor = { ...someone(), name, email };
    this.store.visitor = visitor;
    this.open(visitor);
  }

  /** For good, whatever happens to the visitor in other tabs. */
  close() {
    this.session.save();
    this.life.abort();
    this.session.close();
  }
}
