/**
 * The chat page: one conversation of the demo's, shown as its session has it; see client/session.js.
 */

import { Parlor, ParlorError, Session } from "../client/parlor-client.js";
import { byId, element } from "../shared/element.js";
import { soon } from "../shared/keyed.js";
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
/** @typedef {import("../client/parlor-client.js").FeedState} FeedState */
/** @typedef {import("./memory.js").Seam} Seam */

/** So long after older entries were put in, what is added is news again. */
const QUIET_MS = 500;

/** The demo's conversation, and what this page shows of it besides: how the feed did. */
class Chat {
  /**
   * @param {Page} page
   * @param {Demo} demo
   */
  constructor(page, demo) {
    this.page = page;
    this.demo = demo;
    const { conversation_id, token } = demo;
    const kept = memory.kept(conversation_id);
    /** @type {Record<string, Seam[]>} */
    this.seams = kept?.seams ?? {};
    /** Replies that a new connection has yet to take up again. */
    this.interrupted = new Set();
    this.session = new Session(new Parlor({ token }).conversation(conversation_id), {
      memory: {
        limit: STORED_ENTRIES,
        transcript: kept?.transcript ?? null,
        unsent: memory.unsent(conversation_id),
        keep: (transcript) => memory.setKept({ conversation_id, transcript, seams: this.seams }),
        keepUnsent: (unsent) => memory.setUnsent(conversation_id, unsent),
        restore: memory.restore,
      },
      share: `chat/${conversation_id}`,
      onChange: () => page.draw(),
      onState: (feed) => this.onState(feed),
      onFrame: (frame) => this.onFrame(frame),
      onEnd: (error) => this.onEnd(error),
    });
    this.session.outbox.held = page.line.dropped;
  }

  /** Connects anew, over the transport that is chosen now. */
  follow() {
    const { line } = this.page;
    if (this.session.line === "ended") return;
    this.session.rest();
    if (line.dropped) return;
    line.begin();
    this.session.follow(line.transport);
  }

  /**
   * @param {FeedState} feed
   * @private
   */
  onState(feed) {
    this.page.line.follow(feed);
    if (feed.state !== "connected") return;
    for (const reply of this.session.transcript.replies) if (reply.length > 0) this.interrupted.add(reply.id);
  }

  /**
   * @param {Frame} frame
   * @private
   */
  onFrame(frame) {
    if (frame.type === "restart") this.seams = {};
    if (frame.type === "reply.restarted") this.seam(frame.data.reply_id, { what: "restarted", at: 0 });
    if (frame.type === "reply.chunk" && this.interrupted.has(frame.data.reply_id)) {
      this.seam(frame.data.reply_id, { what: "resumed", at: frame.data.offset });
    }
    this.page.wire.add(frame);
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
  onEnd(error) {
    this.page.line.show("ended");
    this.page.composer.enable(false);
    const gone = error instanceof ParlorError && (error.status === 401 || error.status === 404);
    const body = gone
      ? "Its token has expired, or the server was set up anew. What was said stays readable here."
      : `The server said: ${error instanceof Error ? error.message : String(error)}`;
    showNotice({ title: "This conversation can no longer be reached", body: [body], action: { words: "New conversation", run: () => this.page.renew() } });
  }

  close() {
    this.session.save();
    this.session.close();
  }
}

/** The parts of the page and the conversation that is shown in them. */
class Page {
  constructor() {
    /** @type {Chat | null} */
    this.chat = null;
    /** Draws soon. */
    this.draw = soon(() => this.chat && this.drawNow(this.chat));
    this.wire = new Wire();
    this.scroll = new Scroll();
    this.log = new Log({
      onEarlier: () => this.session?.showEarlier(),
      onRetry: (key) => this.session?.outbox.retry(key),
      onDelete: (key) => {
        this.session?.outbox.remove(key);
        this.composer.focus();
      },
      fileUrl: ({ activity_id, id }) => {
        const { conversation_id, token } = this.chat?.demo ?? { conversation_id: "", token: "" };
        return `/live/v1/conversations/${conversation_id}/files/${activity_id}/${id}?token=${encodeURIComponent(token)}`;
      },
    });
    this.offers = new Offers(byId("offers", HTMLElement), "chip", (text) => {
      this.composer.actions.onSend(text);
      this.composer.focus();
    });
    this.line = new Line({
      onDrop: (dropped) => {
        this.session?.outbox.hold(dropped);
        this.chat?.follow();
        this.draw();
      },
      onTransport: () => this.chat?.follow(),
    });
    this.composer = new Composer({
      onSend: (text) => {
        this.scroll.stick();
        this.session?.outbox.add(text, this.session.transcript);
      },
      onStop: () => this.session?.stop(),
      onTyping: (typing) => this.session?.typing(typing),
    });
    byId("new", HTMLButtonElement).addEventListener("click", () => this.renew());
    memory.onOtherSession((demo) => {
      if (demo.token !== this.chat?.demo.token) this.open(demo);
    });
    addEventListener("online", () => this.chat?.follow());
    // A browser keeps a page for the way back, but none that still has a connection or a lock.
    addEventListener("pagehide", () => {
      this.session?.save();
      this.session?.rest();
    });
    addEventListener("pageshow", ({ persisted }) => persisted && this.chat?.follow());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.session?.save();
      else this.draw();
    });
  }

  /** @private */
  get session() {
    return this.chat?.session;
  }

  /** Opens the conversation that was kept, or a new one. */
  start() {
    const demo = memory.session();
    if (demo) this.open(demo);
    else this.renew();
  }

  /** @param {Demo} demo */
  open(demo) {
    this.chat?.close();
    this.chat = new Chat(this, demo);
    byId("brand", HTMLElement).textContent = demo.brand;
    byId("greeting", HTMLElement).textContent = demo.greeting;
    document.title = `${demo.brand} – Parlor`;
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
      const demo = await new Parlor().demo();
      memory.setSession(demo);
      this.open(demo);
    } catch (error) {
      if (!this.chat) {
        this.line.show("ended");
        this.composer.enable(false);
      }
      showNotice(refusal(error, () => this.renew()));
    }
  }

  /**
   * @param {Chat} chat
   * @private
   */
  drawNow({ session, seams }) {
    const shorter = this.scroll.sticking && session.trim();
    const { transcript, earlier, outbox } = session;
    const unsent = outbox.shown(transcript);
    const above = (transcript.begins !== this.log.begins && !shorter) || session.anew;
    session.anew = false;
    this.scroll.keep(() => {
      this.log.show({ transcript, earlier, unsent, seams, held: this.line.dropped }, above);
      this.offers.show(transcript, { free: unsent.length === 0 });
    }, above);
    const stoppable = transcript.replies.length + transcript.waiting.length > 0 && session.line !== "ended" && !this.line.dropped;
    this.composer.show({ stoppable, fresh: transcript.entries.length + unsent.length === 0 });
    this.line.at(transcript.cursor);
    document.body.dataset.status = transcript.status;
    if (above) setTimeout(() => this.draw(), QUIET_MS);
    else if (this.line.hadConnected) this.log.speak();
    if (!document.hidden) session.sayRead();
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
