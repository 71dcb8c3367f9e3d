/**
 * What somebody said, as an element: Markdown where a bot or a model did, else the text as it is,
 * with its addresses as links.
 */

import { element } from "./element.js";
import { setData } from "./keyed.js";
import { linked } from "./links.js";
import { showMarkdown } from "./markdown.js";

/** @typedef {import("../client/frame.js").Author} Author */
/** @typedef {import("./markdown.js").Words} Words */

/**
 * @param {string} className
 * @param {{author: Pick<Author, "type">, text: string, language?: string | null}} entry
 * @param {Words} words
 */
export function said(className, { author, text, language }, words) {
  const made = element("div", className);
  made.dir = "auto";
  if (language) made.lang = language;
  if (author.type === "bot") {
    made.classList.add("markdown");
    showMarkdown(made, text, words);
  } else made.append(...linked(text));
  return made;
}

/**
 * A reply that is under way, empty as yet.
 * @param {string} className
 * @param {Pick<Author, "type">} author
 */
export function saying(className, { type }) {
  const made = element("div", className);
  made.dir = "auto";
  if (type === "bot") made.classList.add("markdown");
  return made;
}

/**
 * Brings a reply that is under way up to date.
 * @param {Element | null} holder
 * @param {string} text
 * @param {Words} words
 */
export function grow(holder, text, words) {
  if (!(holder instanceof HTMLElement)) return;
  if (holder.classList.contains("markdown")) return showMarkdown(holder, text, words, true);
  if (holder.firstChild instanceof Text) setData(holder.firstChild, text);
  else holder.append(document.createTextNode(text));
}
