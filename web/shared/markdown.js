/**
 * Markdown in the replies of bots and models, as nodes.
 *
 * A parser of others' making tells the pieces apart (vendor/README.md); the nodes are made here, one
 * by one, and are none that load or run anything: a picture becomes a link, HTML stays text, and a
 * link leads to http, https or mailto. A reply that grows is shown with its open ends closed, and
 * only what differs is touched: nothing flickers, and a selection stays.
 */

import { lexer } from "../vendor/marked.js";
import remend from "../vendor/remend.js";
import { element } from "./element.js";
import { setData } from "./keyed.js";
import { link, safe } from "./links.js";

/** @typedef {import("../vendor/marked.js").Token} Token */
/** @typedef {{copy: string, copied: string}} Words */

/** A piece of the text as it stands on the page. @typedef {{print: string, node: HTMLElement}} Block */

/** How long a copy button says that it did. */
const SAID_MS = 2000;
/** What may still become something else when a text grows: its last pieces, blank lines counted. */
const UNSETTLED = 3;
const CLOSING = { katex: false, htmlTags: false, comparisonOperators: false, singleTilde: false };

/** @type {WeakMap<Element, {text: string, tokens: Token[], blocks: Block[]}>} */
const shown = new WeakMap();

/**
 * Shows a text in an element, or brings it up to date there.
 * @param {HTMLElement} holder
 * @param {string} text
 * @param {Words} words
 * @param {boolean} [growing]  More may come.
 */
export function showMarkdown(holder, text, words, growing = false) {
  const before = shown.get(holder) ?? { text: "", tokens: [], blocks: [] };
  const tokens = pieces(growing ? remend(readable(text), CLOSING) : text, before.tokens);
  const told = tokens.filter(({ type }) => type !== "space" && type !== "def");
  const writer = new Writer(words);
  const blocks = told.map((token, at) => {
    const open = growing && at === told.length - 1;
    const print = `${open ? "+" : "="}${token.raw.trimEnd()}`;
    const known = before.blocks[at];
    if (known?.print === print) return known;
    writer.open = open;
    const fresh = writer.block(token);
    const node = known ? patched(known.node, fresh) : fresh;
    if (!known) holder.append(node);
    return { print, node };
  });
  for (const { node } of before.blocks.slice(blocks.length)) node.remove();
  shown.set(holder, { text, tokens, blocks });
}

/** Marks at the very end: of what they are part is not known. */
const LAST_MARKS = /[*_~`[!]+$/;
/** Words of a link whose address is to come. */
const LAST_WORDS = /\[[^\]\n]+\]$/;
/** A last line of marks alone: of a list, a heading, a rule. */
const LAST_LINE = /(^|\n)[ \t]*(?:[-+*#>=~`]+|\d+[.)]?)[ \t]*$/;
/** The last lines, as long as they are those of a table. */
const LAST_ROWS = /(?:^|\n)\|[^\n]*(?:\n\|[^\n]*)*$/;

/**
 * A text that grows, without what cannot be read yet: marks whose meaning is to come, a row of a
 * table that is not whole, a table without its second line.
 * @param {string} text
 */
export function readable(text) {
  const [rows] = LAST_ROWS.exec(text) ?? [];
  const lines = rows?.trimStart().split("\n") ?? [];
  if (rows) text = text.slice(0, -(lines.length < 3 ? rows : `\n${lines.at(-1)}`).length);
  return text.replace(LAST_LINE, "$1").replace(LAST_MARKS, "").replace(LAST_WORDS, "$&()");
}

/**
 * The pieces of a text. What was settled when the text was shorter is not read again.
 * @param {string} text
 * @param {Token[]} before
 * @returns {Token[]}
 */
function pieces(text, before) {
  const settled = before.slice(0, -UNSETTLED);
  const known = settled.map(({ raw }) => raw).join("");
  const kept = known && text.startsWith(known) ? settled : [];
  const rest = kept.length > 0 ? text.slice(known.length) : text;
  try {
    return [...kept, ...lexer(rest, { gfm: true, breaks: false })];
  } catch {
    // Nested deeper than anybody can read.
    return [...kept, { type: "html", raw: rest, text: rest }];
  }
}

class Writer {
  /** @param {Words} words */
  constructor(words) {
    this.words = words;
    /** The piece may still grow: where its links lead to is not known. */
    this.open = false;
  }

  /**
   * @param {Token} token
   * @returns {HTMLElement}
   */
  block(token) {
    switch (token.type) {
      case "heading":
        return element("p", "heading", ...this.inline(token));
      case "code":
        return this.code(token);
      case "blockquote":
        return element("blockquote", "", ...this.blocks(token.tokens));
      case "list":
        return this.list(token);
      case "table":
        return this.table(token);
      case "hr":
        return element("hr", "");
      case "html":
        return element("p", "", token.raw.trimEnd());
      default:
        return element("p", "", ...this.inline(token));
    }
  }

  /**
   * @param {Token[]} [tokens]
   * @private
   */
  blocks(tokens = []) {
    return tokens.filter(({ type }) => type !== "space" && type !== "def").map((token) => this.block(token));
  }

  /**
   * @param {Token} token
   * @private
   */
  list({ ordered, start, items = [] }) {
    const made = element(ordered ? "ol" : "ul", "", ...items.map((item) => this.item(item)));
    if (made instanceof HTMLOListElement && typeof start === "number") made.start = start;
    return made;
  }

  /**
   * @param {Token} item
   * @private
   */
  item({ task, checked, tokens = [] }) {
    const content = tokens.flatMap((token) => {
      if (token.type === "checkbox" || token.type === "space") return [];
      return token.type === "text" ? this.inline(token) : [this.block(token)];
    });
    return element("li", "", task ? `${checked ? "☑" : "☐"} ` : null, ...content);
  }

  /**
   * @param {Token} token
   * @private
   */
  table({ header = [], rows = [] }) {
    const row = (/** @type {"th" | "td"} */ tag, /** @type {import("../vendor/marked.js").Cell[]} */ cells) =>
      element("tr", "", ...cells.map((cell) => element(tag, cell.align ? `align-${cell.align}` : "", ...this.inline({ type: "cell", raw: "", tokens: cell.tokens }))));
    const head = element("thead", "", row("th", header));
    const body = element("tbody", "", ...rows.map((cells) => row("td", cells)));
    const made = element("div", "table", element("table", "", head, body));
    made.tabIndex = 0; // It may be wider than its place: the keyboard moves it.
    return made;
  }

  /**
   * @param {Token} token
   * @private
   */
  code({ text = "", lang }) {
    const pre = element("pre", "", element("code", "", text));
    pre.tabIndex = 0;
    const copy = element("button", "copy", this.words.copy);
    copy.type = "button";
    copy.addEventListener("click", () => this.copy(copy, pre));
    return element("div", "code", element("div", "code__head", element("span", "", lang?.split(/\s/)[0] ?? ""), copy), pre);
  }

  /**
   * @param {HTMLButtonElement} button
   * @param {HTMLElement} from
   * @private
   */
  async copy(button, from) {
    try {
      await navigator.clipboard.writeText(from.textContent ?? "");
    } catch {
      // Not allowed here, or not over this connection: it is selected, for the keyboard to copy.
      getSelection()?.selectAllChildren(from);
      return;
    }
    button.textContent = this.words.copied;
    setTimeout(() => (button.textContent = this.words.copy), SAID_MS);
  }

  /**
   * What stands in a line.
   * @param {Token} token
   * @returns {(Node | string)[]}
   * @private
   */
  inline({ tokens, text = "" }) {
    return tokens ? tokens.map((token) => this.word(token)) : [text];
  }

  /**
   * @param {Token} token
   * @returns {Node | string}
   * @private
   */
  word(token) {
    const { type, raw, text = "" } = token;
    switch (type) {
      case "strong":
        return element("strong", "", ...this.inline(token));
      case "em":
        return element("em", "", ...this.inline(token));
      case "del":
        return raw.startsWith("~~") ? element("del", "", ...this.inline(token)) : raw;
      case "codespan":
        return element("code", "", text);
      case "br":
        return "\n";
      case "link":
        return this.link(token, this.inline(token));
      case "image":
        return this.link(token, [text || (token.href ?? "")]);
      case "html":
      case "checkbox":
        return raw;
      default:
        return token.tokens ? element("span", "", ...this.inline(token)) : text;
    }
  }

  /**
   * @param {Token} token
   * @param {(Node | string)[]} content
   * @private
   */
  link({ href = "", raw }, content) {
    const to = safe(href);
    if (this.open) return element("span", "link", ...content);
    return to ? link(to, ...content) : raw;
  }
}

/**
 * Makes a node like a fresh one, touching only what differs; answers the one that stands there now.
 * @template {HTMLElement} N
 * @param {N} node
 * @param {N} fresh
 * @returns {N}
 */
function patched(node, fresh) {
  if (!alike(node, fresh)) {
    node.replaceWith(fresh);
    return fresh;
  }
  const [old, young] = [Array.from(node.childNodes), Array.from(fresh.childNodes)];
  young.forEach((child, at) => {
    const there = old[at];
    if (!there) node.append(child);
    else if (there instanceof Text && child instanceof Text) setData(there, child.data);
    else if (there instanceof HTMLElement && child instanceof HTMLElement) patched(there, child);
    else there.replaceWith(child);
  });
  for (const child of old.slice(young.length)) child.remove();
  return node;
}

/**
 * @param {HTMLElement} node
 * @param {HTMLElement} fresh
 */
function alike(node, fresh) {
  if (node.tagName !== fresh.tagName || node.className !== fresh.className) return false;
  if (node instanceof HTMLAnchorElement && fresh instanceof HTMLAnchorElement) return node.href === fresh.href;
  return true;
}
