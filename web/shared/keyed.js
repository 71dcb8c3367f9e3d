/**
 * A list kept in step with what it should show: items are known by key, and only what changed is
 * touched, so a selection or a focused button survives the next chunk.
 */

import { element } from "./element.js";

/**
 * @typedef {object} Item
 * @property {string} key
 * @property {string} print  Made anew when this changes.
 * @property {() => HTMLElement} make
 * @property {(item: HTMLElement) => void} [grow]  Brings a standing item up to date.
 */

export class KeyedList {
  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
    /** @type {Map<string, {item: HTMLElement, print: string}>} */
    this.shown = new Map();
  }

  clear() {
    this.list.replaceChildren();
    this.shown.clear();
  }

  /** @param {Item[]} items */
  show(items) {
    const keys = new Set(items.map((item) => item.key));
    for (const [key, { item }] of this.shown) {
      if (keys.has(key)) continue;
      const root = /** @type {Document | ShadowRoot} */ (this.list.getRootNode());
      const focused = item.contains(root.activeElement);
      item.remove();
      // Who was in it stays among what is read.
      if (focused) /** @type {HTMLElement | null} */ (this.list.closest("[tabindex]"))?.focus({ preventScroll: true });
      this.shown.delete(key);
    }
    let at = this.list.firstElementChild;
    for (const { key, print, make, grow } of items) {
      let known = this.shown.get(key);
      if (!known || known.print !== print) {
        const item = make();
        item.dataset.key = key;
        if (known) {
          if (at === known.item) at = item;
          known.item.replaceWith(item);
        }
        known = { item, print };
        this.shown.set(key, known);
      }
      grow?.(known.item);
      if (known.item === at) at = at.nextElementSibling;
      else this.list.insertBefore(known.item, at);
    }
  }
}

/**
 * Brings the remarks on a standing item up to date, "Seen" above all. They come and go silently: a
 * message that was read out is not read out again because of them.
 * @param {Element | null} holder
 * @param {string[]} notes
 */
export function setNotes(holder, notes) {
  const shown = Array.from(holder?.querySelectorAll("[data-note]") ?? []);
  if (shown.length === notes.length && shown.every((note, at) => note.textContent === notes[at])) return;
  for (const note of shown) note.remove();
  for (const words of notes) {
    const note = element("span", "", words);
    note.dataset.note = "";
    note.setAttribute("aria-live", "off");
    holder?.append(note);
  }
}

/**
 * Brings the text of an element up to date.
 * @param {Element | null} holder
 * @param {string} words
 */
export function setText(holder, words) {
  const node = holder?.firstChild;
  if (node instanceof Text) setData(node, words);
}

/**
 * Brings a text up to date; one that only grew keeps its node, and with it a selection in it.
 * @param {Text} node
 * @param {string} words
 */
export function setData(node, words) {
  if (node.data === words) return;
  if (words.startsWith(node.data)) node.appendData(words.slice(node.data.length));
  else node.data = words;
}

/**
 * Draws soon, and once for all that changed meanwhile.
 * @param {() => void} draw
 * @returns {() => void}
 */
export function soon(draw) {
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    const later = document.hidden ? (/** @type {() => void} */ run) => setTimeout(run, 100) : requestAnimationFrame;
    later(() => {
      waits = false;
      draw();
    });
  };
}
