/**
 * Where the reader writes: Enter sends, Shift+Enter breaks the line, Escape stops a reply.
 *
 * Enter that ends a composition (Chinese, Japanese, Korean input and others) sends nothing. The
 * draft survives a reload.
 */

import { byId } from "./element.js";
import { memory } from "./memory.js";
import { Typing } from "./typing.js";

export class Composer {
  /** @param {{onSend: (text: string) => void, onStop: () => void, onTyping: (typing: boolean) => void}} actions */
  constructor(actions) {
    this.actions = actions;
    this.form = byId("composer", HTMLFormElement);
    this.field = byId("message", HTMLTextAreaElement);
    this.stop = byId("stop", HTMLButtonElement);
    this.send = byId("send", HTMLButtonElement);
    this.chips = byId("chips", HTMLElement);
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
      if (event.key === "Escape" && !event.isComposing && !this.stop.hidden) this.askStop();
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
    if (this.stop.hidden === !stoppable) return;
    // A focused button that disappears would leave the keyboard nowhere.
    if (!stoppable && document.activeElement === this.stop) this.focus();
    this.stop.hidden = !stoppable;
    this.stop.disabled = false;
  }

  /** @private */
  submit() {
    const text = this.field.value.trim();
    if (!text || this.send.disabled) return;
    this.field.value = "";
    this.fit();
    memory.setDraft("");
    this.typing.over();
    this.actions.onSend(text);
    this.focus();
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
    this.fit();
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
