/**
 * What a page keeps in the browser: values under names, as JSON, checked in form when they are read.
 *
 * What is not of the form that was asked for is thrown away, and is to be had from the server again.
 * What was kept and is gone (storage was cleared while the page is open) can be put back whole.
 * Storage that refuses or is full costs the memory of the next page, never this one's.
 */

import { encode } from "../client/json.js";

/** @typedef {"localStorage" | "sessionStorage"} Where */

export class Shelf {
  /** @param {string} prefix */
  constructor(prefix) {
    this.prefix = prefix;
    /** The texts that were last kept or read. @type {Record<Where, Map<string, string>>} */
    this.held = { localStorage: new Map(), sessionStorage: new Map() };
    /** What storage would not take. @type {Set<string>} */
    this.refused = new Set();
  }

  /**
   * The value of that name; null where there is none of the right form.
   * @param {Where} where
   * @param {string} name
   * @param {(value: any) => boolean} isRight
   * @returns {any}
   */
  read(where, name, isRight) {
    const text = this.text(where, name);
    if (text === null) return null;
    const value = parsed(text);
    if (value !== null && isRight(value)) {
      this.held[where].set(name, text);
      return value;
    }
    this.write(where, name, null);
    return null;
  }

  /**
   * @param {Where} where
   * @param {string} name
   * @param {unknown} value  Null forgets it.
   */
  write(where, name, value) {
    const text = value === null ? null : encode(value);
    if (text === null) this.held[where].delete(name);
    else this.held[where].set(name, text);
    this.put(where, name, text);
  }

  /** Puts back what is gone. */
  restore() {
    for (const where of /** @type {const} */ (["localStorage", "sessionStorage"])) {
      for (const [name, text] of this.held[where]) {
        if (this.text(where, name) === null) this.put(where, name, text);
      }
    }
  }

  /**
   * Tells when another tab kept something under that name, or cleared everything.
   * @param {string} name
   * @param {() => void} tell
   * @param {AbortSignal} [signal]
   */
  onChange(name, tell, signal) {
    const heard = (/** @type {StorageEvent} */ event) => {
      if (event.key === null) this.restore();
      if (event.key === null || event.key === this.prefix + name) tell();
    };
    addEventListener("storage", heard, { signal });
  }

  /**
   * @param {Where} where
   * @param {string} name
   * @returns {string | null}
   * @private
   */
  text(where, name) {
    try {
      if (!this.refused.has(where + name)) return window[where].getItem(this.prefix + name);
    } catch {
      // Closed to us: what this page holds is all there is.
    }
    return this.held[where].get(name) ?? null;
  }

  /**
   * @param {Where} where
   * @param {string} name
   * @param {string | null} text
   * @private
   */
  put(where, name, text) {
    try {
      if (text === null) window[where].removeItem(this.prefix + name);
      else window[where].setItem(this.prefix + name, text);
      this.refused.delete(where + name);
    } catch {
      this.refused.add(where + name);
    }
  }
}

/**
 * @param {string} text
 * @returns {any}
 */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
