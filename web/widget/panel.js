/**
 * What the visitor sees: the launcher and the panel, in a shadow root of their own.
 *
 * The panel is a dialog that stands beside the page, not over it: the page stays usable, the
 * keyboard is not held in it, Escape closes it, and the focus goes back to where it was.
 */

import { element } from "../shared/element.js";
import { KeyedList, soon } from "../shared/keyed.js";
import { Offers } from "../shared/offers.js";
import { held } from "../shared/scroll.js";
import { Alerts } from "./alerts.js";
import { Composer } from "./composer.js";
import { acceptDrops } from "./dropping.js";
import { Entries } from "./entries.js";
import { Files } from "./files.js";
import { icon } from "./icons.js";
import { fill } from "./words.js";

/** @typedef {import("../client/session.js").Session} Session */
/** @typedef {import("./visit.js").Visit} Visit */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./words.js").Words} Words */
/** @typedef {import("../client/widget-client.js").WidgetConfig} WidgetConfig */

/** This near to the end counts as the end, in CSS pixels. */
const NEAR = 48;
/** A line that is back sooner was never gone, for the visitor. */
const PATIENCE_MS = 1500;
/** So long after older entries were put in, what is added is news again. */
const QUIET_MS = 500;

export class Panel {
  /**
   * @param {{words: Words, language: string, store: Store, alerts: {sound: boolean, badge: boolean}, client: import("../client/parlor-client.js").WidgetClient, onOpen: (open: boolean) => void, onUnread: (unread: number) => void}} about
   */
  constructor({ words, language, store, alerts, client, onOpen, onUnread }) {
    this.words = words;
    this.store = store;
    this.onOpen = onOpen;
    this.onUnread = onUnread;
    /** @type {Visit | null} */
    this.visit = null;
    this.opened = false;
    this.unread = 0;
    this.alerts = new Alerts({ ...alerts, sound: store.sound ?? alerts.sound });
    /** @type {string[]} */
    this.starters = [];
    this.sticking = true;
    /** Draws soon. */
    this.draw = soon(() => this.drawNow());
    this.troubledAt = 0;
    /** Where the list began when it was last shown. */
    this.begins = "0";
    /** @type {Element | null} */
    this.before = null;

    this.files = new Files(client, () => this.visit?.visitor.token ?? "", words, language);
    this.entries = new Entries(words, language, this.files, {
      onEarlier: () => this.visit?.session.showEarlier(),
      onRetry: (key) => {
        const who = this.composer.who();
        if (this.visit && who?.name && who.email) this.visit.visitor = { ...this.visit.visitor, ...who };
        this.visit?.session.outbox.retry(key);
      },
      onDiscard: (key) => {
        this.visit?.session.outbox.remove(key);
        this.composer.message.input.focus();
      },
    });
    this.composer = new Composer(words, this.files, store.draft, {
      onSend: (text, files, who) => {
        this.sticking = true;
        this.visit?.say(text, files, who);
      },
      onTyping: (typing) => this.visit?.session.typing(typing),
      onDraft: (text) => (store.draft = text),
      onStop: () => this.visit?.session.stop(),
    });

    this.badge = element("span", "badge");
    this.badge.setAttribute("aria-hidden", "true");
    this.launcher = this.button("launcher", words.open, icon("chat"), icon("down"), this.badge);
    this.launcher.setAttribute("aria-haspopup", "dialog");
    this.launcher.setAttribute("aria-expanded", "false");
    this.launcher.setAttribute("aria-controls", "panel");
    this.news = element("p", "hidden");
    this.news.setAttribute("role", "status");

    this.brand = element("bdi", "", words.chat);
    this.title = element("h2", "title", this.brand);
    this.title.id = "title";
    this.soon = element("p", "soon");
    this.soon.hidden = true;
    this.bell = this.button("tool", "");
    this.ring(this.alerts.sound);
    this.close = this.button("tool close", words.close, icon("close"));
    this.line = element("p", "line");
    this.line.setAttribute("role", "status");
    this.greeting = element("p", "greeting");
    this.greeting.dir = "auto";
    this.list = new KeyedList(element("ol", "entries"));
    this.log = element("div", "log", this.list.list);
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-label", words.conversation);
    this.log.setAttribute("aria-live", "off");
    const quick = element("div", "quick");
    quick.setAttribute("role", "group");
    this.quick = new Offers(quick, "offer", (text) => this.composer.offer(text));
    this.scroll = element("div", "scroll", this.greeting, this.log, quick);
    this.scroll.tabIndex = 0;
    this.scroll.setAttribute("role", "region");
    this.scroll.setAttribute("aria-label", words.messages);
    this.latest = element("button", "latest", icon("down"), words.latest);
    this.latest.type = "button";
    this.drop = element("div", "drop", words.drop);
    const head = element("div", "head", element("div", "names", this.title, this.soon), this.bell, this.close);
    this.panel = element("section", "panel", head, this.line, this.scroll, element("div", "foot", this.latest, this.composer.form), this.drop);
    this.panel.id = "panel";
    this.panel.tabIndex = -1;
    this.panel.setAttribute("role", "dialog");
    this.panel.setAttribute("aria-labelledby", "title");
    this.panel.hidden = this.line.hidden = this.latest.hidden = this.drop.hidden = this.badge.hidden = true;
    this.root = element("div", "root", this.launcher, this.news, this.panel);
    this.listen();
  }

  /** @private */
  listen() {
    this.launcher.onclick = () => this.show(!this.opened);
    this.close.onclick = () => this.show(false);
    this.bell.onclick = () => this.ring((this.store.sound = !this.alerts.sound));
    this.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.stopPropagation();
      this.show(false);
    });
    this.scroll.addEventListener("scroll", () => this.look(), { passive: true });
    // The place may grow and shrink, and so may what is in it: a picture comes late.
    const sizes = new ResizeObserver(() => this.sticking && this.toEnd());
    for (const watched of [this.scroll, this.log]) sizes.observe(watched);
    this.latest.onclick = () => {
      this.toEnd();
      this.scroll.focus({ preventScroll: true });
    };
    acceptDrops(this.panel, this.drop, () => this.composer.begun, (files) => this.composer.take(files));
    for (const name of ["online", "offline"]) addEventListener(name, () => this.draw());
    document.addEventListener("visibilitychange", () => this.alerts.title());
  }

  /**
   * @param {string} name
   * @param {string} label
   * @param {...Node} content
   * @private
   */
  button(name, label, ...content) {
    const made = element("button", name, ...content);
    made.type = "button";
    made.setAttribute("aria-label", label);
    return made;
  }

  /**
   * @param {WidgetConfig} config
   * @param {string} wanted  The language that the visitor wants first.
   */
  greet({ greeting, brand, starters = [], translations = {}, reply_time: time }, wanted) {
    const own = translations[wanted.toLowerCase().split("-")[0]];
    this.greeting.textContent = own?.greeting || greeting;
    this.starters = own?.starters?.length ? own.starters : starters;
    this.brand.textContent = brand || this.words.chat;
    this.soon.hidden = !time;
    this.soon.textContent = time ? (this.words[time] ?? "") : "";
  }

  /**
   * Switches the sound, and says what another press would do.
   * @param {boolean} on
   * @private
   */
  ring(on) {
    this.alerts.sound = on;
    const label = on ? this.words.quiet : this.words.loud;
    this.bell.setAttribute("aria-label", label);
    this.bell.title = label;
    this.bell.replaceChildren(icon(on ? "bell" : "mute"));
  }

  /**
   * Opens or closes the panel.
   * @param {boolean} open
   * @param {{focus?: boolean}} [options]  Opening by itself leaves the focus where it is.
   */
  show(open, { focus = true } = {}) {
    if (open === this.opened) return;
    this.opened = this.store.open = open;
    this.panel.hidden = !open;
    this.root.dataset.open = String(open);
    this.launcher.setAttribute("aria-expanded", String(open));
    if (open) {
      this.visit?.settle();
      this.before = document.activeElement;
      this.sticking = true;
      this.drawNow();
      this.toEnd();
      // On a phone the keyboard would cover half of the panel before anything was read.
      if (focus && matchMedia("(pointer: fine)").matches) this.composer.focus();
      else if (focus) this.panel.focus({ preventScroll: true });
    } else if (focus) {
      const back = this.before instanceof HTMLElement && this.before.isConnected && this.before !== document.body && this.before !== this.host;
      if (back) /** @type {HTMLElement} */ (this.before).focus();
      else this.launcher.focus();
    }
    if (!open) this.drawNow();
    this.onOpen(open);
  }

  /** The element in the page that holds the shadow root. */
  get host() {
    const root = this.root.getRootNode();
    return root instanceof ShadowRoot ? root.host : null;
  }

  /** @private */
  drawNow() {
    const { visit, words } = this;
    if (!visit) return;
    const { session, visitor, gone } = visit;
    const shorter = (!this.opened || this.sticking) && session.trim();
    const { transcript, outbox, earlier } = session;
    const above = this.opened && ((transcript.begins !== this.begins && !shorter) || session.anew);
    session.anew = false;
    const offline = navigator.onLine === false;
    const unsent = outbox.shown(transcript);
    if (this.opened) {
      // What is put in at the beginning is no news, and moves nobody.
      if (above) this.log.setAttribute("aria-live", "off");
      this.begins = transcript.begins;
      const show = () => this.list.show(this.entries.items({ transcript, earlier, unsent, offline, gone }));
      if (above && !this.sticking) held(this.scroll, show);
      else show();
      const fresh = transcript.entries.length === 0;
      this.quick.group.setAttribute("aria-label", fresh ? words.starters : words.suggestions);
      this.quick.show(transcript, { free: unsent.length === 0, starters: visitor.started ? [] : this.starters });
      const stoppable = transcript.replies.length > 0 && session.line === "connected";
      const begun = visitor.started || outbox.entries.length > 0;
      this.composer.show({ asking: visit.asking, begun, stoppable, visitor });
      if (this.sticking) this.toEnd();
      else this.look();
      if (!document.hidden) session.sayRead();
    }
    this.state(session, offline);
    if (above) setTimeout(() => this.draw(), QUIET_MS);
    else if (session.line === "connected" || !visitor.started) this.log.setAttribute("aria-live", "polite");
    this.count(this.opened && !document.hidden ? 0 : session.unread);
  }

  /**
   * Says how the line is, where that is worth saying.
   * @param {Session} session
   * @param {boolean} offline
   * @private
   */
  state(session, offline) {
    const { words } = this;
    const troubled = session.line === "reconnecting" || session.line === "connecting";
    if (!troubled) this.troubledAt = 0;
    else if (this.troubledAt === 0) {
      this.troubledAt = Date.now();
      setTimeout(() => this.draw(), PATIENCE_MS);
    }
    const long = troubled && Date.now() - this.troubledAt >= PATIENCE_MS;
    const ended = session.line === "ended" ? words.ended : "";
    const said = offline ? words.offline : !long ? ended : session.line === "connecting" ? words.connecting : words.reconnecting;
    this.root.dataset.line = offline ? "offline" : session.line;
    this.line.hidden = said === "";
    if (this.line.textContent !== said) this.line.textContent = said;
  }

  /**
   * @param {number} unread
   * @private
   */
  count(unread) {
    const news = unread > 0 ? fill(this.words.unread, { n: unread }) : "";
    const label = this.opened ? this.words.close : this.words.open;
    this.launcher.setAttribute("aria-label", news ? `${label}. ${news}` : label);
    if (unread === this.unread) return;
    this.unread = unread;
    this.badge.hidden = unread === 0;
    this.badge.textContent = unread > 9 ? "9+" : String(unread);
    this.news.textContent = news;
    this.alerts.count(unread);
    this.onUnread(unread);
  }

  /** @private */
  toEnd() {
    this.scroll.scrollTop = this.scroll.scrollHeight;
    this.sticking = true;
    this.latest.hidden = true;
  }

  /** @private */
  look() {
    const left = this.scroll.scrollHeight - this.scroll.clientHeight - this.scroll.scrollTop;
    this.sticking = left <= NEAR;
    this.latest.hidden = this.sticking;
  }
}
