// A WebSocket that a test holds the other end of: Node 18 has none of its own.

/** A class to pass to the client; `script(socket)` plays the server of each new socket. */
export function socketClass(script) {
  return class {
    static opened = [];

    constructor(url) {
      this.url = new URL(url);
      this.readyState = 0;
      this.sent = [];
      this.constructor.opened.push(this);
      queueMicrotask(() => script(this, this.constructor.opened.length));
    }

    /** The client's side. */
    send(text) {
      const said = JSON.parse(text);
      this.sent.push(said);
      this.onsaid?.(said);
    }

    close() {
      this.readyState = 3;
      this.closedByClient = true;
    }

    /** The server's side. */
    accept() {
      this.readyState = 1;
      this.onopen?.({});
    }

    say(value) {
      this.onmessage?.({ data: typeof value === "string" ? value : JSON.stringify(value) });
    }

    drop() {
      this.readyState = 3;
      this.onclose?.({});
    }
  };
}
