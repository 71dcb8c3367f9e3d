/**
 * A list kept in step with what it should show: items are known by key, and only what changed is
 * touched, so a selection or a focused button survives the next chunk.
 */

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
      item.remove();
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
