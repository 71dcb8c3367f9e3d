/**
 * The conversation as list items: messages, notices, the reply that grows, what was not sent yet.
 *
 * Screen readers hear finished messages: an item that grows or may still change says
 * `aria-live="off"`, and a reply that ends is put in anew, which is one addition to the log with its
 * whole text. Times are the visitor's own. Names stand apart (`bdi`), so that one in another
 * direction turns nothing around.
 */

import { Days, Sequence } from "../shared/days.js";
import { element } from "../shared/element.js";
import { setNotes, setText } from "../shared/keyed.js";
import { grow, said, saying } from "../shared/said.js";
import { filled } from "./words.js";

/** @typedef {import("../client/transcript.js").Transcript} Transcript */
/** @typedef {import("../client/transcript.js").Message} Message */
/** @typedef {import("../client/transcript.js").Notice} Notice */
/** @typedef {import("../client/frame.js").Author} Author */
/** @typedef {import("../client/outbox.js").Unsent} Unsent */
/** @typedef {import("../shared/keyed.js").Item} Item */
/** @typedef {import("./files.js").Files} Files */
/** @typedef {import("./words.js").Words} Words */

/**
 * @typedef {object} Picture
 * @property {Transcript} transcript
 * @property {import("../client/session.js").Session["earlier"]} earlier
 * @property {Unsent[]} unsent
 * @property {boolean} offline
 * @property {boolean} gone  An earlier conversation has ended.
 */

export class Entries {
  /**
   * @param {Words} words
   * @param {string} language
   * @param {Files} files
   * @param {{onEarlier: () => void, onRetry: (key: string) => void, onDiscard: (key: string) => void}} actions
   */
  constructor(words, language, files, actions) {
    this.words = words;
    this.files = files;
    this.actions = actions;
    this.days = new Days(language);
    this.clock = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
  }

  /**
   * @param {Picture} picture
   * @returns {Item[]}
   */
  items({ transcript, earlier, unsent, offline, gone }) {
    const { words } = this;
    /** @type {Item[]} */
    const items = [];
    if (transcript.begins !== "0") items.push(this.earlier(earlier));
    if (gone) items.push({ key: "gone", print: "", make: () => event("gone", [words.gone]) });
    const { entries, read } = transcript;
    const seen = entries.findIndex((entry) => entry.id === read.agent);
    const lastMine = entries.findLastIndex((entry) => entry.kind === "message" && entry.author.type === "customer");
    const sequence = new Sequence(this.days);
    entries.forEach((entry, at) => {
      const day = sequence.day(entry.at);
      if (day) items.push({ key: `day:${entry.id}`, print: day, make: () => event("day", [day]) });
      if (entry.kind === "notice") {
        sequence.interrupt();
        items.push({ key: `notice:${entry.id}`, print: "", make: () => event(entry.what, this.notice(entry)) });
        return;
      }
      const first = sequence.isFirst(entry.author);
      const notes = [...(entry.partial ? [words.cutShort] : []), ...(at === lastMine && seen >= at ? [words.seen] : [])];
      const grow = (/** @type {HTMLElement} */ item) => setNotes(item.querySelector(".meta"), notes);
      items.push({ key: `message:${entry.id}`, print: String(first), make: () => this.message(entry, first), grow });
    });
    for (const reply of transcript.replies) {
      const first = sequence.isFirst(reply.author);
      const make = () => {
        const notes = reply.broken ? [element("p", "meta", words.broken)] : [];
        const item = element("li", "entry entry--theirs entry--growing", this.who(reply.author, first), saying("text", reply.author), ...notes);
        item.setAttribute("aria-live", "off");
        item.setAttribute("aria-busy", "true");
        return item;
      };
      const update = (/** @type {HTMLElement} */ item) => grow(item.querySelector(".text"), reply.text, words);
      items.push({ key: `reply:${reply.id}`, print: JSON.stringify([first, reply.broken]), make, grow: update });
    }
    for (const entry of unsent) {
      items.push({ key: `unsent:${entry.key}`, print: JSON.stringify([entry.state, entry.reason, offline]), make: () => this.unsent(entry, offline) });
    }
    const typist = transcript.typing.find((author) => author.type !== "customer");
    const typing = typist && filled(words.typing, this.name(typist));
    const thinking = transcript.waiting.length > 0 && transcript.replies.length === 0;
    if (typing || thinking) items.push({ key: "beads", print: typist ? this.name(typist) : "", make: () => beads(typing ?? [words.thinking]) });
    return items;
  }

  /**
   * @param {Picture["earlier"]} state
   * @returns {Item}
   * @private
   */
  earlier(state) {
    const { earlier, loadingEarlier, noEarlier } = this.words;
    const words = { idle: earlier, loading: loadingEarlier, failed: noEarlier }[state];
    const make = () => element("li", "event event--earlier", button(words, () => this.actions.onEarlier()));
    return { key: "earlier", print: "", make, grow: (item) => setText(item.querySelector("button"), words) };
  }

  /**
   * @param {Message} entry
   * @param {boolean} first  Of this speaker's in a row.
   * @private
   */
  message(entry, first) {
    const at = new Date(entry.at);
    const time = element("time", "", Number.isNaN(at.valueOf()) ? "" : this.clock.format(at));
    time.dateTime = entry.at;
    const { words } = this;
    const meta = element("p", "meta", time);
    // A file that came without words has its name for a text.
    const named = entry.files?.some((file) => file.filename === entry.text);
    const text = entry.text && !named ? [said("text", entry, words)] : [];
    const files = entry.files?.length > 0 ? [this.files.list(entry.files)] : [];
    const side = entry.author.type === "customer" ? "mine" : "theirs";
    return element("li", `entry entry--${side} entry--${entry.author.type}`, this.who(entry.author, first), ...text, ...files, meta);
  }

  /**
   * @param {Unsent} entry
   * @param {boolean} offline
   * @private
   */
  unsent(entry, offline) {
    const { words } = this;
    const lost = entry.reason === "lost" ? words.lost : entry.reason;
    const state = {
      waiting: offline ? words.waiting : entry.reason ? words.retrying : words.sending,
      sending: words.sending,
      sent: words.sent,
      refused: `${words.refused} ${lost}`,
    }[entry.state];
    const meta = element("p", "meta", element("span", "", state));
    if (entry.state === "refused" || (entry.state === "waiting" && entry.reason && !offline)) {
      meta.setAttribute("role", "status");
      if (entry.reason !== "lost") meta.append(button(words.again, () => this.actions.onRetry(entry.key)));
      meta.append(button(words.discard, () => this.actions.onDiscard(entry.key)));
    }
    const author = { type: /** @type {const} */ ("customer") };
    const content = entry.file ? this.files.pending(entry.file) : said("text", { author, text: entry.text }, words);
    const item = element("li", `entry entry--mine entry--unsent entry--${entry.state}`, this.who(author, false), content, meta);
    item.setAttribute("aria-live", "off");
    return item;
  }

  /**
   * Always there for who listens, shown once in a row for who looks.
   * @param {Author} author
   * @param {boolean} first
   * @private
   */
  who(author, first) {
    const shown = first && author.type !== "customer";
    return element("p", shown ? "who" : "who hidden", element("bdi", "", this.name(author)));
  }

  /**
   * @param {Author} author
   * @private
   */
  name(author) {
    const { words } = this;
    return (author.type !== "customer" && author.name) || { bot: words.assistant, agent: words.person, customer: words.you }[author.type];
  }

  /**
   * @param {Notice} entry
   * @private
   */
  notice({ what, agent }) {
    const { words } = this;
    switch (what) {
      case "escalated":
        return agent ? filled(words.takingOver, agent) : [words.escalated];
      case "assigned":
        return agent ? filled(words.joined, agent) : [words.someoneJoined];
      default:
        return [words[what]];
    }
  }
}

/**
 * @param {string} what
 * @param {(Node | string)[]} words
 */
function event(what, words) {
  return element("li", `event event--${what}`, element("span", "", ...words));
}

/** @param {(Node | string)[]} words */
function beads(words) {
  const item = element("li", "beads", element("span", "hidden", ...words), element("i", ""), element("i", ""), element("i", ""));
  item.setAttribute("aria-live", "off");
  return item;
}

/**
 * @param {string} words
 * @param {() => void} run
 */
function button(words, run) {
  const made = element("button", "plain", words);
  made.type = "button";
  made.onclick = run;
  return made;
}
