/**
 * The event stream format of the WHATWG HTML standard (section 9.2.6), as a push parser.
 *
 * Bytes go in as they come from the network; events come out whole. A chunk may end anywhere:
 * inside a UTF-8 sequence, between CR and LF, inside the byte order mark. What is unfinished when
 * the stream ends is never reported, as the standard says, so a half event cannot be mistaken for
 * a whole one. The browser's own EventSource was refused because it cannot send a header and hides
 * the status of a failed connection.
 */

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

export class SseParser {
  /** @param {SseHandlers} handlers */
  constructor(handlers) {
    this.handlers = handlers;
    /** Drops one byte order mark at the start and keeps split sequences until they are whole. */
    this.decoder = new TextDecoder("utf-8");
    /** The line that has not ended yet, in pieces, so that a long one is not copied per chunk. */
    this.pieces = /** @type {string[]} */ ([]);
    /** The last chunk ended with CR: a LF that comes next belongs to it. */
    this.afterCr = false;
    this.data = /** @type {string[]} */ ([]);
    this.type = "";
    this.id = "";
  }

  /**
   * Takes the next bytes and reports every event that they complete.
   * @param {Uint8Array} bytes
   */
  push(bytes) {
    const text = this.decoder.decode(bytes, { stream: true });
    if (text === "") return;
    let start = this.afterCr && text.charCodeAt(0) === LF ? 1 : 0;
    this.afterCr = false;
    for (let at = start; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code !== LF && code !== CR) continue;
      this.pieces.push(text.slice(start, at));
      if (code === CR) {
        if (at + 1 === text.length) this.afterCr = true;
        else if (text.charCodeAt(at + 1) === LF) at++;
      }
      start = at + 1;
      const line = this.pieces.length === 1 ? this.pieces[0] : this.pieces.join("");
      this.pieces = [];
      this.line(line);
    }
    if (start < text.length) this.pieces.push(text.slice(start));
  }

  /**
   * @param {string} line
   * @private
   */
  line(line) {
    if (line === "") return this.dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return this.handlers.onComment?.(line.slice(1));
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    switch (name) {
      case "data":
        this.data.push(value);
        break;
      case "event":
        this.type = value;
        break;
      case "id":
        if (!value.includes("\0")) this.id = value;
        break;
      case "retry":
        if (/^[0-9]+$/.test(value)) this.handlers.onRetry?.(Number(value));
        break;
      default: // The standard: a field of another name is ignored.
    }
  }

  /** @private */
  dispatch() {
    const { data, type } = this;
    this.data = [];
    this.type = "";
    // The standard looks at the buffer before it drops the last line feed: one empty `data:` line
    // is an event, none is not.
    if (data.length === 0) return;
    this.handlers.onEvent?.({ type: type || "message", data: data.join("\n"), id: this.id });
  }
}

const LF = 0x0a;
const CR = 0x0d;
