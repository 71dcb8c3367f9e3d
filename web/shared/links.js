/**
 * Addresses in a text, made clickable. The text stays whole: what is a link and what is not are its
 * pieces in order.
 */

import { element } from "./element.js";

/**
 * Web and mail addresses. Brackets belong to one where they are in pairs; a full stop behind it
 * does not.
 */
const ADDRESS = /(?:https?:\/\/|mailto:)(?:[^\s<>"'()]|\([^\s<>"'()]*\))*(?:[^\s<>"'().,;:!?\]}…]|\([^\s<>"'()]*\))|\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/gi;

/** What a link may lead to; anything else could run. */
const SAFE = ["http:", "https:", "mailto:"];

/**
 * The address as a link may have it; null where it may not.
 * @param {string} address
 */
export function safe(address) {
  try {
    const url = new URL(address);
    return SAFE.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * A link to that address: it leaves the page as it is, and tells nothing of it.
 * @param {string} href  A safe one.
 * @param {...(Node | string)} content
 */
export function link(href, ...content) {
  const made = element("a", "", ...content);
  made.href = href;
  made.target = "_blank";
  made.rel = "noopener noreferrer nofollow";
  return made;
}

/**
 * The text with its addresses as links.
 * @param {string} words
 * @returns {(Node | string)[]}
 */
export function linked(words) {
  /** @type {(Node | string)[]} */
  const pieces = [];
  let at = 0;
  for (const { 0: address, index } of words.matchAll(ADDRESS)) {
    const href = safe(address.includes(":") ? address : `mailto:${address}`);
    if (!href) continue;
    if (index > at) pieces.push(words.slice(at, index));
    pieces.push(link(href, address));
    at = index + address.length;
  }
  if (at < words.length || pieces.length === 0) pieces.push(words.slice(at));
  return pieces;
}
