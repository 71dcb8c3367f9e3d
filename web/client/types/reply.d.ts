/**
 * The reply that is being written: a text that grows by chunks.
 *
 * Offsets count Unicode code points, not UTF-16 units. What overlaps is dropped, and a hole is
 * never papered over: such a reply is marked `broken` and stays as it is until a chunk closes the
 * hole, it is restarted, or its whole text comes with the message.
 */
export type Author = import("./frame.js").Author;
export type Reply = {
    id: string;
    inReplyTo: string | null;
    author: Author;
    text: string;
    /**
     * Of the text, in code points.
     */
    length: number;
    restarts: number;
    /**
     * A chunk is missing; the text is not to be trusted.
     */
    broken: boolean;
};
/**
 * The reply when nothing of it has been seen.
 * @param {string} id
 * @param {string | null} inReplyTo
 * @param {Author} [author]
 * @returns {Reply}
 */
export declare function begun(id: string, inReplyTo: string | null, author?: Author): Reply;
/**
 * The reply with a chunk more.
 * @param {Reply} reply
 * @param {number} offset
 * @param {string} text
 * @returns {Reply}
 */
export declare function grown(reply: Reply, offset: number, text: string): Reply;
/**
 * The length of a text in Unicode code points.
 * @param {string} text
 */
export declare function points(text: string): number;
