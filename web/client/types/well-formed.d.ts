/**
 * Texts as they can be sent.
 *
 * A text that was cut inside an emoji ends in half a character, which is no text to a strict parser.
 * The server keeps U+FFFD for it; here it is that already, so that what was sent and what comes back
 * on the feed are the same.
 */
/**
 * The text, with U+FFFD for every half of a character (`toWellFormed`, for browsers without it too).
 * @param {string} text
 */
export declare function wellFormed(text: string): string;
