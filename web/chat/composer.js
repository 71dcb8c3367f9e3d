/**
 * Where the reader writes: Enter sends, Shift+Enter breaks the line, Escape stops a reply. While a
 * reply is made and nothing is written, Send is Stop.
 *
 * Enter that ends a composition (Chinese, Japanese, Korean input and others) sends nothing. The
 * draft survives a reload.
 */

import { byId } from "../shared/element.js";
import { Typing } from "../shared/typing.js";
import { memory } from "./memory.js";

/** As the server counts them: what the reader sees as one sign may be several units of a text. */
const LONGEST = 10_000;

export class Composer {
  /** @param {{onSend: (text: string) => void, onStop: () => void, onTyping: (typing: boolean) => void}} actions */
  constructor(actions) {
    this.actions = actions;
    this.form = byId("composer", HTMLFormElement);
    this.field = byId("message", HTMLTextAreaElement);
    this.stop = byId("stop", HTMLButtonElement);
    this.send = byId("send", HTMLButtonElement);
    this.chips = byId("chips", HTMLElement);
    this.fault = byId("fault", HTMLElement);
    this.stoppable = false;
    this.typing = new Typing(actions.onTyping);

    this.field.value = memory.draft();
    this.fit();
    this.field.addEventListener("input", () => this.written());
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.submit();
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing && this.stoppable) this.askStop();
    });
    this.stop.addEventListener("click", () => this.askStop());
    for (const chip of this.chips.querySelectorAll("button")) {
      chip.addEventListener("click", () => {
        this.actions.onSend(chip.textContent ?? "");
        this.focus();
      });
    }
  }

  focus() {
    this.field.focus();
  }

  /** @param {boolean} usable */
  enable(usable) {
    this.field.disabled = this.send.disabled = !usable;
    for (const chip of this.chips.querySelectorAll("button")) chip.disabled = !usable;
  }

  /**
   * @param {{stoppable: boolean, fresh: boolean}} state  Whether there is a reply to stop, and
   *   whether nothing was said yet.
   */
  show({ stoppable, fresh }) {
    this.chips.hidden = !fresh;
    this.stoppable = stoppable;
    this.turn();
  }

  /**
   * Send or Stop: whichever can be meant.
   * @private
   */
  turn() {
    const stops = this.stoppable && this.field.value.trim() === "";
    if (this.stop.hidden !== stops) return;
    const focused = [this.stop, this.send].some((button) => button === document.activeElement);
    this.stop.hidden = !stops;
    this.send.hidden = stops;
    this.stop.disabled = false;
    // A focused button that disappears would leave the keyboard nowhere.
    if (focused) this.focus();
  }

  /** @private */
  submit() {
    const text = this.field.value.trim();
    if (!text || this.send.disabled || this.isTooLong(text)) return;
    this.field.value = "";
    this.turn();
    this.fit();
    memory.setDraft("");
    this.typing.over();
    this.actions.onSend(text);
    this.focus();
  }

  /**
   * Says so, if it is.
   * @param {string} text
   * @private
   */
  isTooLong(text) {
    const long = text.length > LONGEST && Array.from(text).length > LONGEST;
    this.fault.hidden = !long;
    this.fault.textContent = long ? `At most ${LONGEST.toLocaleString()} characters, please.` : "";
    if (long) this.field.setAttribute("aria-invalid", "true");
    else this.field.removeAttribute("aria-invalid");
    return long;
  }

  /** @private */
  askStop() {
    if (this.stop.disabled) return;
    // Once is enough; the button comes back with the next reply, or if this one goes on.
    this.stop.disabled = true;
    setTimeout(() => (this.stop.disabled = false), 2000);
    if (document.activeElement === this.stop || document.activeElement === document.body) this.focus();
    this.actions.onStop();
  }

  /** @private */
  written() {
    this.turn();
    this.fit();
    if (!this.fault.hidden) this.isTooLong(this.field.value);
    memory.setDraft(this.field.value);
    this.typing.written(this.field.value);
  }

  /**
   * The field grows with its text up to the height that the style sheet allows.
   * @private
   */
  fit() {
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight}px`;
  }
}
