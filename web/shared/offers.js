/**
 * Answers and questions to choose from, as buttons: what a bot offers, as long as nothing was said
 * after it, and what an account offers before anything was.
 */

import { element } from "./element.js";
import { KeyedList } from "./keyed.js";

/** @typedef {import("../client/transcript.js").Transcript} Transcript */

export class Offers {
  /**
   * @param {HTMLElement} group
   * @param {string} className  Of a button.
   * @param {(words: string) => void} onChoose
   */
  constructor(group, className, onChoose) {
    this.group = group;
    this.list = new KeyedList(group);
    this.className = className;
    this.onChoose = onChoose;
  }

  /**
   * @param {Transcript} transcript
   * @param {{free: boolean, starters?: string[]}} state  Whether nothing waits to be sent, and what
   *   to offer before anything was said.
   */
  show({ entries, replies }, { free, starters = [] }) {
    const last = entries.at(-1);
    const bots = last?.kind === "message" && last.author.type === "bot" ? (last.buttons ?? []) : [];
    const offered = !free || replies.length > 0 ? [] : last ? bots : starters;
    const items = offered.map((words, at) => ({ key: `${last?.id ?? "first"}:${at}`, print: words, make: () => this.button(words) }));
    this.group.hidden = items.length === 0;
    this.list.show(items);
  }

  /**
   * @param {string} words
   * @private
   */
  button(words) {
    const made = element("button", this.className, words);
    made.type = "button";
    made.dir = "auto";
    made.onclick = () => this.onChoose(words);
    return made;
  }
}
