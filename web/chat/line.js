/**
 * The line to the server as the reader sees and handles it: its state, the switch that drops and
 * restores it, the choice of transport, and the figures that prove the feed complete.
 */

import { byId } from "../shared/element.js";
import { memory } from "./memory.js";

/** @typedef {import("../client/feed.js").FeedState} FeedState */
/** @typedef {"connecting" | "connected" | "reconnecting" | "dropped" | "ended"} LineState */

const WORDS = {
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  dropped: "Offline",
  ended: "Offline",
};

export class Line {
  /** @param {{onDrop: (dropped: boolean) => void, onTransport: () => void}} actions */
  constructor(actions) {
    this.words = byId("line-state", HTMLElement);
    this.button = byId("drop", HTMLButtonElement);
    this.dropped = false;
    /** Counted over all connections of this page, which a new transport begins anew. */
    this.before = { reconnects: 0, gaps: 0, duplicates: 0 };
    this.now = { ...this.before };
    this.hadConnected = false;
    /** What the feed says, whether or not there is a network. @type {LineState} */
    this.state = "connecting";
    for (const name of ["online", "offline"]) addEventListener(name, () => this.show(this.state));

    this.radios = Array.from(document.querySelectorAll('input[name="transport"]')).filter((each) => each instanceof HTMLInputElement);
    const chosen = memory.choice("transport");
    for (const radio of this.radios) {
      if (radio.value === chosen) radio.checked = true;
      radio.addEventListener("change", () => {
        memory.setChoice("transport", this.transport);
        actions.onTransport();
      });
    }
    this.button.addEventListener("click", () => {
      this.dropped = !this.dropped;
      this.button.textContent = this.dropped ? "Restore connection" : "Drop connection";
      if (this.dropped) this.show("dropped");
      actions.onDrop(this.dropped);
    });
  }

  /** @returns {"sse" | "websocket"} */
  get transport() {
    return this.radios.find((radio) => radio.checked)?.value === "websocket" ? "websocket" : "sse";
  }

  /** Another iteration of the feed begins: its counts come on top of those so far. */
  begin() {
    for (const name of /** @type {const} */ (["reconnects", "gaps", "duplicates"])) {
      this.before[name] += this.now[name];
      this.now[name] = 0;
    }
    if (this.hadConnected) this.before.reconnects++;
    this.hadConnected = false;
  }

  /** @param {FeedState} feed */
  follow(feed) {
    this.now = { reconnects: feed.reconnects, gaps: feed.gaps, duplicates: feed.duplicates };
    if (feed.state === "connected") this.hadConnected = true;
    for (const name of /** @type {const} */ (["reconnects", "gaps", "duplicates"])) {
      byId(name, HTMLElement).textContent = String(this.before[name] + this.now[name]);
    }
    if (feed.state === "reconnecting") {
      byId("reason-row", HTMLElement).hidden = false;
      byId("reason", HTMLElement).textContent = feed.reason;
    }
    if (feed.state !== "closed") this.show(feed.state);
  }

  /** @param {LineState} said */
  show(said) {
    this.state = said;
    // Without a network the feed finds out late; the browser knows at once.
    const state = navigator.onLine || said === "ended" ? said : "dropped";
    document.body.dataset.line = state;
    if (this.words.textContent !== WORDS[state]) this.words.textContent = WORDS[state];
  }

  /** @param {string} cursor */
  at(cursor) {
    byId("cursor", HTMLElement).textContent = cursor;
  }
}
