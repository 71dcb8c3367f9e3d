/**
 * The reply that is being written: a text that grows by chunks.
 *
 * Offsets count Unicode code points, not UTF-16 units. What overlaps is dropped, and a hole is
 * never papered over: such a reply is marked `broken` and stays as it is until a chunk closes the
 * hole, it is restarted, or its whole text comes with the message.
 */

/** @typedef {import("./frame.js").Author} Author */

/**
 * @typedef {object} Reply
 * @property {string} id
 * @property {string | null} inReplyTo
 * @property {Author} author
 * @property {string} text
 * @property {number} length    Of the text, in code points.
 * @property {number} restarts
 * @property {boolean} broken   A chunk is missing; the text is not to be trusted.
 */

const BOT = /** @type {Author} */ ({ type: "bot", name: null });

/**
 * The reply when nothing of it has been seen.
 * @param {string} id
 * @param {string | null} inReplyTo
 * @param {Author} [author]
 * @returns {Reply}
 */
export function begun(id, inReplyTo, author = BOT) {
  return { id, inReplyTo, author, text: "", length: 0, restarts: 0, broken: false };
}

/**
 * The reply with a chunk more.
 * @param {Reply} reply
 * @param {number} offset
 * @param {string} text
 * @returns {Reply}
 */
export function grown(reply, offset, text) {
  if (offset > reply.length) return { ...reply, broken: true };
  let fresh = text;
  if (offset < reply.length) {
    const known = Array.from(reply.text).slice(offset).join("");
    if (!text.startsWith(known)) return { ...reply, broken: reply.broken || !known.startsWith(text) };
    fresh = text.slice(known.length);
  }
  return { ...reply, text: reply.text + fresh, length: reply.length + points(fresh), broken: false };
}

/**
 * The length of a text in Unicode code points.
 * @param {string} text
 */
export function points(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
