/**
 * The event stream format of the WHATWG HTML standard (section 9.2.6), as a push parser.
 *
 * Bytes go in as they come from the network; events come out whole. A chunk may end anywhere:
 * inside a UTF-8 sequence, between CR and LF, inside the byte order mark. What is unfinished when
 * the stream ends is never reported, as the standard says, so a half event cannot be mistaken for
 * a whole one. The browser's own EventSource was refused because it cannot send a header and hides
 * the status of a failed connection.
 */
export type ServerEvent = {
    /**
     * The `event:` field, or "message".
     */
    type: string;
    /**
     * The `data:` lines, joined by line feeds.
     */
    data: string;
    /**
     * The last `id:` seen on this stream, "" before the first.
     */
    id: string;
};
export type SseHandlers = {
    onEvent?: (event: ServerEvent) => void;
    onRetry?: (milliseconds: number) => void;
    onComment?: (text: string) => void;
};
/**
 * @typedef {object} ServerEvent
 * @property {string} type  The `event:` field, or "message".
 * @property {string} data  The `data:` lines, joined by line feeds.
 * @property {string} id    The last `id:` seen on this stream, "" before the first.
 */
/**
 * @typedef {object} SseHandlers
 * @property {(event: ServerEvent) => void} [onEvent]
 * @property {(milliseconds: number) => void} [onRetry]
 * @property {(text: string) => void} [onComment]
 */
export declare class SseParser {
    handlers: SseHandlers;
    /** Drops one byte order mark at the start and keeps split sequences until they are whole. */
    decoder: TextDecoder;
    /** The line that has not ended yet, in pieces, so that a long one is not copied per chunk. */
    pieces: string[];
    /** The last chunk ended with CR: a LF that comes next belongs to it. */
    afterCr: boolean;
    data: string[];
    type: string;
    id: string;
    /** @param {SseHandlers} handlers */
    constructor(handlers: SseHandlers);
    /**
     * Takes the next bytes and reports every event that they complete.
     * @param {Uint8Array} bytes
     */
    push(bytes: Uint8Array): void;
    /**
     * @param {string} line
     * @private
     */
    private line;
    /** @private */
    private dispatch;
}
