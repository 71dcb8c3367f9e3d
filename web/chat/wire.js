/**
 * "What's on the wire": the last frames as they came, with their cursors, for who builds on the feed.
 * It is there where the page was asked for with `?wire`.
 */

import { byId, element } from "../shared/element.js";
import { memory } from "./memory.js";

/** @typedef {import("../client/frame.js").Frame} Frame */

const SHOWN = 40;
/** Where the panel has a place of its own beside the conversation. */
const ROOMY = "(min-width: 64rem)";

export class Wire {
  constructor() {
    this.panel = byId("wire", HTMLElement);
    this.toggle = byId("wire-toggle", HTMLButtonElement);
    this.list = byId("frames", HTMLElement);
    this.none = byId("frames-none", HTMLElement);
    this.toggle.addEventListener("click", () => {
      const open = Boolean(this.panel.hidden);
      memory.setChoice("wire", open);
      this.open(open);
    });
    this.wanted = new URLSearchParams(location.search).has("wire");
    this.toggle.hidden = !this.wanted;
    const chosen = memory.choice("wire");
    this.open(this.wanted && (typeof chosen === "boolean" ? chosen : matchMedia(ROOMY).matches));
  }

  /** @param {boolean} open */
  open(open) {
    this.panel.hidden = !open;
    this.toggle.setAttribute("aria-expanded", String(open));
  }

  clear() {
    this.list.replaceChildren();
    this.none.hidden = false;
  }

  /** @param {Frame} frame */
  add(frame) {
    if (!this.wanted) return;
    this.none.hidden = true;
    const offset = frame.type === "reply.chunk" ? `@${frame.data.offset}` : "";
    const summary = element(
      "summary",
      "",
      element("code", "frames__type", frame.type),
      element("span", "frames__offset", offset),
      element("code", "frames__cursor", frame.id),
    );
    const row = element("details", "frames__frame", summary);
    row.dataset.kind = frame.type.split(".")[0];
    // The whole frame is written out when somebody opens it, not forty times a second.
    row.addEventListener("toggle", () => {
      if (row.open && row.childElementCount === 1) row.append(element("pre", "", JSON.stringify(frame, null, 2)));
    });
    this.list.prepend(element("li", "", row));
    while (this.list.childElementCount > SHOWN) this.list.lastElementChild?.remove();
  }
}
