/**
 * The reader's place in the conversation: at the end it stays at the end, elsewhere it is left alone.
 */

import { byId } from "./element.js";

/** This near to the end counts as the end, in CSS pixels. */
const NEAR = 48;

/**
 * Changes what stands above the reader's place and leaves the reader there.
 * @param {HTMLElement} box
 * @param {() => void} change
 */
export function held(box, change) {
  const below = box.scrollHeight - box.scrollTop;
  change();
  box.scrollTop = box.scrollHeight - below;
}

export class Scroll {
  constructor() {
    this.box = byId("scroll", HTMLElement);
    this.latest = byId("latest", HTMLButtonElement);
    this.sticking = true;
    this.box.addEventListener("scroll", () => this.look(), { passive: true });
    // The place may grow and shrink, and so may what is in it: a picture comes late.
    const sizes = new ResizeObserver(() => this.sticking && this.toEnd());
    for (const watched of [this.box, byId("entries", HTMLElement)]) sizes.observe(watched);
    this.latest.addEventListener("click", () => {
      this.stick();
      this.toEnd();
      this.box.focus({ preventScroll: true });
    });
  }

  /** Follows the end from here on. */
  stick() {
    this.sticking = true;
  }

  /**
   * @param {() => void} change  What may make the conversation longer.
   * @param {boolean} above  At its beginning: what the reader looks at stays where it is.
   */
  keep(change, above) {
    if (above && !this.sticking) held(this.box, change);
    else change();
    if (this.sticking) this.toEnd();
    else this.look();
  }

  /** @private */
  toEnd() {
    this.box.scrollTop = this.box.scrollHeight;
    this.latest.hidden = true;
  }

  /** @private */
  look() {
    const left = this.box.scrollHeight - this.box.clientHeight - this.box.scrollTop;
    this.sticking = left <= NEAR;
    this.latest.hidden = this.sticking;
  }
}
