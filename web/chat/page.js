/**
 * The chat page: one conversation, followed, folded and shown.
 *
 * Everything that is seen comes from the transcript, and the transcript comes from the feed alone;
 * what was sent is in the outbox until the feed brings it back. A reload, a dropped line, a killed
 * server and a second tab are therefore all the same case: go on from the cursor.
 */

import { emptyTranscript, Outbox, Parlor, ParlorError, reduce, trimmed } from "../client/parlor-client.js";
import { showEarlier } from "../shared/earlier.js";
import { byId, element } from "../shared/element.js";
import { Offers } from "../shared/offers.js";
import { Scroll } from "../shared/scroll.js";
import { Composer } from "./composer.js";
import { Line } from "./line.js";
import { Log } from "./log.js";
import { memory, STORED_ENTRIES } from "./memory.js";
import { showNotice } from "./notice.js";
import { Wire } from "./wire.js";

/** @typedef {import("../client/parlor-client.js").Demo} Demo */
/** @typedef {import("../client/parlor-client.js").Frame} Frame */
/** @typedef {import("../client/outbox.js").Unsent} Unsent */
/** @typedef {import("./memory.js").Seam} Seam */

/** The most that a crash of the browser can make us read again. */
const SAVE_EVERY_MS = 250;
/** Entries beyond those that are stored, before the oldest are let go. */
const SLACK = 50;

/** So long after older entries were put in, what is added is news again. */
const QUIET_MS = 500;

class Chat {
  /**
   * @param {Page} page
   * @param {Demo} session
   */
  constructor(page, session) {
    this.page = page;
    this.session = session;
    this.conversation = new Parlor({ token: session.token }).conversation(session.conversation_id);
    const kept = memory.kept(session.conversation_id);
    this.transcript = kept?.transcript ?? emptyTranscript();
    /** @type {Record<string, Seam[]>} */
    this.seams = kept?.seams ?? {};
    const deliver = async (/** @type {Unsent} */ entry) => {
      const sent = await this.conversation.send(entry.text, { idempotencyKey: entry.key, retries: 0 });
      return sent.message_id;
    };
    this.outbox = new Outbox(deliver, memory.unsent(session.conversation_id), (unsent) => {
      memory.setUnsent(session.conversation_id, unsent);
      page.draw();
    });
    this.outbox.held = page.line.dropped;
    /** Ends the connection; a new one gets a new one. */
    this.connection = new AbortController();
    /** Replies that a new connection has yet to take up again. */
    this.interrupted = new Set();
    /** @type {string | null} */
    this.readSaid = null;
    /** What becomes of older entries that the reader asked for. @type {"idle" | "loading" | "failed"} */
    this.earlier = "idle";
    /** The feed began again: what comes now is no news. */
    this.anew = false;
    this.over = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.saving = undefined;
    this.unsaved = false;
  }

  /** Follows the feed from where the transcript stands, over the transport that is chosen now. */
  async follow() {
    this.connection.abort();
    const connection = (this.connection = new AbortController());
    const { line } = this.page;
    if (line.dropped || this.over) return;
    line.begin();
    try {
      const frames = this.conversation.follow({
        after: this.transcript.cursor,
        signal: connection.signal,
        transport: line.transport,
        // A socket is not among the few connections that a browser has to a server.
        share: line.transport === "sse" ? `chat/${this.session.conversation_id}` : undefined,
        onState: (feed) => {
          if (connection.signal.aborted) return;
          line.follow(feed);
          if (feed.state === "connected") this.connected();
        },
      });
      for await (const frame of frames) {
        if (connection.signal.aborted) return;
        this.take(frame);
      }
    } catch (error) {
      if (!connection.signal.aborted) this.end(error);
    }
  }

  /** @private */
  connected() {
    for (const reply of this.transcript.replies) if (reply.length > 0) this.interrupted.add(reply.id);
    this.outbox.pump();
    this.page.draw();
  }

  /**
   * @param {Frame} frame
   * @private
   */
  take(frame) {
    if (frame.type === "restart") {
      this.anew = true;
      this.seams = {};
      this.readSaid = null;
      this.outbox.resend();
    }
    if (frame.type === "reply.restarted") this.seam(frame.data.reply_id, { what: "restarted", at: 0 });
    if (frame.type === "reply.chunk" && this.interrupted.has(frame.data.reply_id)) {
      this.seam(frame.data.reply_id, { what: "resumed", at: frame.data.offset });
    }
    this.transcript = reduce(this.transcript, frame);
    this.unsaved = true;
    this.saving ??= setTimeout(() => this.save(), SAVE_EVERY_MS);
    this.page.wire.add(frame);
    this.page.draw();
  }

  /**
   * @param {string} replyId
   * @param {Seam} seam
   * @private
   */
  seam(replyId, seam) {
    this.interrupted.delete(replyId);
    const before = seam.what === "restarted" ? [] : (this.seams[replyId] ?? []);
    this.seams = { ...this.seams, [replyId]: [...before, seam] };
  }

  /**
   * The server will not have us any more.
   * @param {unknown} error
   * @private
   */
  end(error) {
    this.over = true;
    this.page.line.show("ended");
    this.page.composer.enable(false);
    const gone = error instanceof ParlorError && (error.status === 401 || error.status === 404);
    const body = gone
      ? "Its token has expired, or the server was set up anew. What was said stays readable here."
      : `The server said: ${error instanceof Error ? error.message : String(error)}`;
    showNotice({ title: "This conversation can no longer be reached", body: [body], action: { words: "New conversation", run: () => this.page.renew() } });
  }

  onChange() {
    this.page.draw();
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
    memory.restore();
    if (!this.unsaved) return;
    this.unsaved = false;
    const { transcript, seams } = this;
    memory.setKept({ conversation_id: this.session.conversation_id, transcript, seams });
  }

  /** Says once that the newest answer was seen, when somebody is there to see it. */
  sayRead() {
    if (document.hidden || this.over || this.page.line.dropped) return;
    const last = this.transcript.entries.findLast((entry) => entry.kind === "message" && entry.author.type !== "customer");
    if (!last || last.id === this.transcript.read.customer || last.id === this.readSaid) return;
    this.readSaid = last.id;
    this.conversation.read(last.id).catch(() => (this.readSaid = null));
  }

  close() {
    this.connection.abort();
    this.outbox.close();
    this.save();
  }
}

/** The parts of the page and the conversation that is shown in them. */
class Page {
  constructor() {
    /** @type {Chat | null} */
    this.chat = null;
    this.drawing = false;
    this.wire = new Wire();
    this.scroll = new Scroll();
    this.log = new Log({
      onEarlier: () => this.chat && showEarlier(this.chat),
      onRetry: (key) => this.chat?.outbox.retry(key),
      onDelete: (key) => {
        this.chat?.outbox.remove(key);
        this.composer.focus();
      },
      fileUrl: ({ activity_id, id }) => {
        const { conversation_id, token } = this.chat?.session ?? { conversation_id: "", token: "" };
        return `/live/v1/conversations/${conversation_id}/files/${activity_id}/${id}?token=${encodeURIComponent(token)}`;
      },
    });
    this.offers = new Offers(byId("offers", HTMLElement), "chip", (text) => {
      this.composer.actions.onSend(text);
      this.composer.focus();
    });
    this.line = new Line({
      onDrop: (dropped) => {
        this.chat?.outbox.hold(dropped);
        this.chat?.follow();
        this.draw();
      },
      onTransport: () => this.chat?.follow(),
    });
    this.composer = new Composer({
      onSend: (text) => {
        this.scroll.stick();
        this.chat?.outbox.add(text, this.chat.transcript);
      },
      onStop: () => this.chat?.conversation.stop().catch(() => {}),
      onTyping: (typing) => {
        if (!this.line.dropped) this.chat?.conversation.typing(typing).catch(() => {});
      },
    });
    byId("new", HTMLButtonElement).addEventListener("click", () => this.renew());
    memory.onOtherSession((session) => {
      if (session.token !== this.chat?.session.token) this.open(session);
    });
    addEventListener("online", () => this.chat?.follow());
    // A browser keeps a page for the way back, but none that still has a connection or a lock.
    addEventListener("pagehide", () => {
      this.chat?.save();
      this.chat?.connection.abort();
    });
    addEventListener("pageshow", ({ persisted }) => persisted && this.chat?.follow());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.chat?.save();
      else this.draw();
    });
  }

  /** Opens the conversation that was kept, or a new one. */
  start() {
    const session = memory.session();
    if (session) this.open(session);
    else this.renew();
  }

  /** @param {Demo} session */
  open(session) {
    this.chat?.close();
    this.chat = new Chat(this, session);
    byId("brand", HTMLElement).textContent = session.brand;
    byId("greeting", HTMLElement).textContent = session.greeting;
    document.title = `${session.brand} – Parlor`;
    showNotice(null);
    this.composer.enable(true);
    this.wire.clear();
    this.log.clear();
    this.scroll.stick();
    this.draw();
    this.chat.follow();
    // On a phone the keyboard would cover half of the page before anything was read.
    if (matchMedia("(pointer: fine)").matches) this.composer.focus();
  }

  /** Asks the server for a fresh conversation and goes there. */
  async renew() {
    try {
      const session = await new Parlor().demo();
      memory.setSession(session);
      this.open(session);
    } catch (error) {
      if (!this.chat) {
        this.line.show("ended");
        this.composer.enable(false);
      }
      showNotice(refusal(error, () => this.renew()));
    }
  }

  /** Draws soon, and once for all that changed meanwhile. */
  draw() {
    if (this.drawing) return;
    this.drawing = true;
    const soon = document.hidden ? (/** @type {() => void} */ run) => setTimeout(run, 100) : requestAnimationFrame;
    soon(() => {
      this.drawing = false;
      if (this.chat) this.drawNow(this.chat);
    });
  }

  /**
   * @param {Chat} chat
   * @private
   */
  drawNow(chat) {
    const shorter = this.scroll.sticking && chat.trim();
    const { transcript, earlier, seams, outbox } = chat;
    const unsent = outbox.shown(transcript);
    const above = (transcript.begins !== this.log.begins && !shorter) || chat.anew;
    chat.anew = false;
    this.scroll.keep(() => {
      this.log.show({ transcript, earlier, unsent, seams, held: this.line.dropped }, above);
      this.offers.show(transcript, { free: unsent.length === 0 });
    }, above);
    const stoppable = transcript.replies.length + transcript.waiting.length > 0 && !chat.over && !this.line.dropped;
    this.composer.show({ stoppable, fresh: transcript.entries.length + unsent.length === 0 });
    this.line.at(transcript.cursor);
    document.body.dataset.status = transcript.status;
    if (above) setTimeout(() => this.draw(), QUIET_MS);
    else if (this.line.hadConnected) this.log.speak();
    chat.sayRead();
  }
}

/**
 * @param {unknown} error
 * @param {() => void} again
 * @returns {import("./notice.js").Said}
 */
function refusal(error, again) {
  const action = { words: "Try again", run: again };
  if (!(error instanceof ParlorError) || error.status !== 404) {
    const message = error instanceof Error ? error.message : String(error);
    return { title: "No conversation could be started", body: [message], action };
  }
  const docs = element("a", "", "API pages");
  docs.href = "/docs";
  const body = [
    "This server has no demo account, which this page talks to. Start one with ",
    element("code", "", "parlor serve --data-dir ./demo"),
    " on an empty directory. To talk to an account of your own, mint a live token with ",
    element("code", "", "POST /live/v1/tokens"),
    "; the README and the ",
    docs,
    " say how.",
  ];
  return { title: "There is no demo here", body, action };
}

new Page().start();
