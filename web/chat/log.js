/**
 * The conversation as the reader sees it: one list item per entry, kept in step with the transcript.
 *
 * Screen readers hear finished messages: an item that grows or may still change says
 * `aria-live="off"`, and a reply that ends is put in anew, which is one addition to the log with its
 * whole text. Times are the reader's own.
 */

import { Days, Sequence } from "../shared/days.js";
import { byId, element } from "../shared/element.js";
import { KeyedList, setNotes, setText } from "../shared/keyed.js";
import { grow, said, saying } from "../shared/said.js";
import { Attachments } from "./attachments.js";

/** @typedef {import("../client/transcript.js").Transcript} Transcript */
/** @typedef {import("../client/transcript.js").Message} Message */
/** @typedef {import("../client/transcript.js").Notice} Notice */
/** @typedef {import("../client/reply.js").Reply} Reply */
/** @typedef {import("../client/outbox.js").Unsent} Unsent */
/** @typedef {import("./memory.js").Seam} Seam */
/** @typedef {{transcript: Transcript, earlier: import("../client/session.js").Session["earlier"], unsent: Unsent[], seams: Record<string, Seam[]>, held: boolean}} Picture */
/** @typedef {import("../shared/keyed.js").Item} Item */
/** @typedef {import("../client/frame.js").FileData} FileData */

const COPYING = { copy: "Copy", copied: "Copied" };
const days = new Days();
const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });

export class Log {
  /** @param {{onEarlier: () => void, onRetry: (key: string) => void, onDelete: (key: string) => void, fileUrl: (file: FileData) => string}} actions */
  constructor(actions) {
    this.actions = actions;
    this.attachments = new Attachments(actions.fileUrl);
    this.keyed = new KeyedList(byId("entries", HTMLElement));
    this.region = byId("log", HTMLElement);
    /** Where the list began when it was last shown. */
    this.begins = "0";
  }

  /** Empties the list, silently: what is put in next is history and not news. */
  clear() {
    this.region.setAttribute("aria-live", "off");
    this.keyed.clear();
  }

  /** From here on, what is added is news. */
  speak() {
    this.region.setAttribute("aria-live", "polite");
  }

  /**
   * @param {Picture} picture
   * @param {boolean} above  Something is put in at the beginning, which is no news.
   */
  show(picture, above) {
    if (above) this.region.setAttribute("aria-live", "off");
    this.begins = picture.transcript.begins;
    this.keyed.show(this.items(picture));
  }

  /**
   * @param {Picture} picture
   * @returns {Item[]}
   */
  items({ transcript, earlier, unsent, seams, held }) {
    /** @type {Item[]} */
    const items = [];
    if (transcript.begins !== "0") items.push(this.earlier(earlier));
    const { read } = transcript;
    const seen = transcript.entries.findIndex((entry) => entry.id === read.agent);
    const lastMine = transcript.entries.findLastIndex((entry) => entry.kind === "message" && entry.author.type === "customer");
    const sequence = new Sequence(days);
    transcript.entries.forEach((entry, at) => {
      const day = sequence.day(entry.at);
      if (day) items.push({ key: `day:${entry.id}`, print: day, make: () => event("day", [day]) });
      if (entry.kind === "notice") {
        sequence.interrupt();
        items.push({ key: `notice:${entry.id}`, print: "", make: () => notice(entry) });
        return;
      }
      const first = sequence.isFirst(entry.author);
      const notes = [
        ...(seams[entry.id] ?? []).map(seamWords),
        ...(entry.partial ? ["Stopped"] : []),
        ...(at === lastMine && seen >= at ? ["Seen"] : []),
      ];
      const update = (/** @type {HTMLElement} */ item) => setNotes(item.querySelector(".entry__meta"), notes);
      items.push({ key: `message:${entry.id}`, print: String(first), make: () => this.message(entry, first), grow: update });
    });
    for (const reply of transcript.replies) {
      const notes = (seams[reply.id] ?? []).map(seamWords);
      if (reply.broken) notes.push("A part is missing; it comes with the whole text");
      const first = sequence.isFirst(reply.author);
      const print = JSON.stringify([first, notes]);
      const update = (/** @type {HTMLElement} */ item) => grow(item.querySelector(".entry__text"), reply.text, COPYING);
      items.push({ key: `reply:${reply.id}`, print, make: () => underWay(reply, first, notes), grow: update });
    }
    for (const entry of unsent) {
      const print = JSON.stringify([entry.state, entry.reason, held]);
      items.push({ key: `unsent:${entry.key}`, print, make: () => this.unsent(entry, held) });
    }
    const typist = transcript.typing.find((author) => author.type !== "customer");
    if (typist) {
      const name = nameOf(typist);
      items.push({ key: "typing", print: name, make: () => beads(element("bdi", "", name), " is typing") });
    } else if (transcript.waiting.length > 0 && transcript.replies.length === 0) {
      items.push({ key: "thinking", print: "", make: () => beads("An answer is on its way") });
    }
    return items;
  }

  /**
   * @param {Picture["earlier"]} state
   * @returns {Item}
   */
  earlier(state) {
    const words = { idle: "Earlier messages", loading: "Loading earlier messages", failed: "Earlier messages could not be loaded. Try again" }[state];
    const make = () => {
      const button = element("button", "entry__action", words);
      button.type = "button";
      button.onclick = () => this.actions.onEarlier();
      return element("li", "event event--earlier", button);
    };
    return { key: "earlier", print: "", make, grow: (item) => setText(item.querySelector("button"), words) };
  }

  /**
   * @param {Unsent} entry
   * @param {boolean} held
   */
  unsent(entry, held) {
    const words = {
      waiting: held ? "Will be sent when the line is restored" : entry.reason ? "Not sent yet. Trying again by itself" : "Waiting",
      sending: "Sending",
      sent: "Sent",
      refused: `Not sent. ${entry.reason}`,
    }[entry.state];
    const meta = element("p", "entry__meta", element("span", "", words));
    if (entry.state === "refused" || (entry.state === "waiting" && entry.reason && !held)) {
      meta.setAttribute("role", "status");
      const again = element("button", "entry__action", "Try now");
      again.type = "button";
      again.onclick = () => this.actions.onRetry(entry.key);
      const drop = element("button", "entry__action", "Delete");
      drop.type = "button";
      drop.onclick = () => this.actions.onDelete(entry.key);
      meta.append(again, drop);
    }
    const item = element("li", `entry entry--customer entry--unsent entry--${entry.state}`, whose("You", false), said("entry__text", { author: { type: "customer" }, text: entry.text }, COPYING), meta);
    item.setAttribute("aria-live", "off");
    return item;
  }

  /**
   * @param {Message} entry
   * @param {boolean} first  Of this speaker's in a row.
   * @private
   */
  message(entry, first) {
    const at = new Date(entry.at);
    const time = element("time", "", Number.isNaN(at.valueOf()) ? "" : clock.format(at));
    time.dateTime = entry.at;
    const meta = element("p", "entry__meta", time);
    // A file that came without words has its name for a text.
    const files = entry.files ?? [];
    const named = files.some((file) => file.filename === entry.text);
    const text = named ? null : said("entry__text", entry, COPYING);
    const list = files.length > 0 ? this.attachments.list(files) : null;
    return element("li", `entry entry--${entry.author.type}`, whose(nameOf(entry.author), first, entry.author.type), text, list, meta);
  }
}

/**
 * @param {Reply} reply
 * @param {boolean} first
 * @param {string[]} notes
 */
function underWay(reply, first, notes) {
  const meta = notes.length > 0 ? element("p", "entry__meta", ...notes.map((note) => element("span", "", note))) : null;
  const words = saying("entry__text", reply.author);
  const item = element("li", "entry entry--bot entry--growing", whose(nameOf(reply.author), first, "bot"), words, meta);
  item.setAttribute("aria-live", "off");
  item.setAttribute("aria-busy", "true");
  return item;
}

/** @param {Notice} entry */
function notice(entry) {
  const who = element("bdi", "", entry.agent ?? "");
  /** @type {string | (Node | string)[]} */
  const words = {
    escalated: entry.agent ? [who, " is taking over"] : "A person is taking over. The assistant stays silent from here",
    assigned: entry.agent ? [who, " joined the conversation"] : "A person joined the conversation",
    resolved: "This conversation was closed. Write to open it again",
    reopened: "The conversation is open again",
    stopped: "You stopped the reply before it began",
    failed: "The assistant could not answer. Please ask again",
  }[entry.what];
  return event(entry.what, [words].flat());
}

/**
 * @param {string} what
 * @param {(Node | string)[]} words
 */
function event(what, words) {
  return element("li", `event event--${what}`, element("span", "", ...words));
}

/** @param {(Node | string)[]} words */
function beads(...words) {
  const item = element("li", "beads", element("span", "beads__words", ...words), element("i", ""), element("i", ""), element("i", ""));
  item.setAttribute("aria-live", "off");
  return item;
}

/**
 * Always there for who listens, shown once for who looks.
 * @param {string} name
 * @param {boolean} shown
 * @param {string} [type]
 */
function whose(name, shown, type) {
  const who = element("p", shown && type !== "customer" ? "entry__who" : "entry__who hidden-visually", element("bdi", "", name));
  if (type === "bot") who.append(" ", element("span", "entry__kind", "assistant"));
  if (type === "agent") who.append(" ", element("span", "entry__kind entry__kind--person", "person"));
  return who;
}

/** @param {Seam} seam */
function seamWords(seam) {
  return seam.what === "restarted" ? "Written anew after an interruption" : `Resumed at character ${seam.at}`;
}

/** @param {import("../client/frame.js").Author} author */
function nameOf(author) {
  return author.name || { bot: "Assistant", agent: "Agent", customer: "You" }[author.type];
}
