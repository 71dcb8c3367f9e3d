/**
 * Where the visitor writes: Enter sends, Shift+Enter breaks the line. It also asks who writes, where
 * the account wants that. While a reply is made and nothing is written, Send is Stop. Files come by the button, by dropping and by pasting.
 *
 * Enter that ends a composition (Chinese, Japanese, Korean input and others) sends nothing. The
 * draft survives a reload; files do not, no storage may keep them.
 */

import { element } from "../shared/element.js";
import { Typing } from "../shared/typing.js";
import { field, say } from "./field.js";
import { icon } from "./icons.js";
import { fill } from "./words.js";

/** @typedef {import("./files.js").Files} Files */
/** @typedef {import("./words.js").Words} Words */
/** @typedef {import("./store.js").Visitor} Visitor */

/**
 * @typedef {object} Actions
 * @property {(text: string, files: File[], who: {name: string, email: string} | null) => void} onSend
 * @property {(typing: boolean) => void} onTyping
 * @property {(text: string) => void} onDraft
 * @property {() => void} onStop
 */

const LONGEST = 10_000;
const ADDRESS = /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/;

export class Composer {
  /**
   * @param {Words} words
   * @param {Files} files
   * @param {string} draft
   * @param {Actions} actions
   */
  constructor(words, files, draft, actions) {
    this.words = words;
    this.fileList = files;
    this.actions = actions;
    /** @type {File[]} */
    this.files = [];
    this.asking = false;
    this.begun = false;
    this.typing = new Typing(actions.onTyping);

    this.name = field(words.name, element("input", "input"), { autocomplete: "name", required: true });
    this.email = field(words.email, element("input", "input"), { autocomplete: "email", type: "email", inputMode: "email", required: true });
    this.intro = element("legend", "", words.intro);
    this.about = element("fieldset", "about", this.intro, this.name.box, this.email.box);
    this.about.hidden = true;

    this.message = field(words.message, element("textarea", "input input--message"), {
      rows: 1, placeholder: words.message, autocomplete: "off", enterKeyHint: "send", value: draft,
    });
    this.message.label.classList.add("hidden");
    this.picker = element("input", "hidden");
    Object.assign(this.picker, { type: "file", multiple: true, tabIndex: -1 });
    this.picker.setAttribute("aria-hidden", "true");
    this.attach = this.button("attach", words.attach, icon("clip"), () => this.picker.click());
    this.stoppable = false;
    this.stop = this.button("stop", words.stop, icon("stop"), () => this.askStop());
    this.stop.classList.replace("tool", "round");
    this.stop.hidden = true;
    this.send = element("button", "round send", icon("send"));
    this.send.type = "submit";
    this.send.setAttribute("aria-label", words.send);
    this.send.title = words.send;
    this.tray = element("ul", "tray");
    this.tray.hidden = true;

    const row = element("div", "row", this.attach, this.message.box, this.stop, this.send);
    this.form = element("form", "composer", this.about, this.tray, row, this.picker);
    this.form.noValidate = true;
    this.form.setAttribute("aria-label", words.message);
    this.listen();
  }

  /** @private */
  listen() {
    const area = this.message.input;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    area.addEventListener("keydown", (event) => {
      if (!(event instanceof KeyboardEvent) || event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.submit();
    });
    area.addEventListener("input", () => this.written());
    area.addEventListener("paste", (event) => {
      const files = event instanceof ClipboardEvent ? Array.from(event.clipboardData?.files ?? []) : [];
      if (files.length === 0) return;
      event.preventDefault();
      this.take(files);
    });
    this.picker.addEventListener("change", () => {
      this.take(Array.from(this.picker.files ?? []));
      this.picker.value = "";
    });
  }

  /**
   * @param {string} name
   * @param {string} label
   * @param {Node} drawing
   * @param {() => void} run
   * @private
   */
  button(name, label, drawing, run) {
    const made = element("button", `tool ${name}`, drawing);
    made.type = "button";
    made.title = label;
    made.setAttribute("aria-label", label);
    made.onclick = run;
    return made;
  }

  /** To the first thing that is to be written. */
  focus() {
    const empty = [this.name, this.email].find((each) => this.asking && !each.input.value);
    (empty ?? this.message).input.focus();
  }

  /**
   * @param {{asking: boolean, begun: boolean, stoppable: boolean, visitor: Visitor}} state  Whether
   *   the visitor is to be asked who writes, has written, and has a reply to stop.
   */
  show({ asking, begun, stoppable, visitor }) {
    if (asking !== this.asking) {
      this.asking = asking;
      this.about.hidden = !asking;
      this.intro.textContent = begun ? this.words.afterIntro : this.words.intro;
      this.name.input.value ||= visitor.name;
      this.email.input.value ||= visitor.email;
    }
    // Files need a conversation to lie in, and a text opens it.
    this.begun = begun;
    this.attach.hidden = !begun;
    this.stoppable = stoppable;
    this.turn();
    this.fit();
  }

  /**
   * Send or Stop: whichever can be meant.
   * @private
   */
  turn() {
    const stops = this.stoppable && this.files.length === 0 && this.message.input.value.trim() === "";
    if (this.stop.hidden !== stops) return;
    const focused = this.stop.matches(":focus") || this.send.matches(":focus");
    this.stop.hidden = !stops;
    this.send.hidden = stops;
    this.stop.disabled = false;
    // A focused button that disappears would leave the keyboard nowhere.
    if (focused) this.message.input.focus();
  }

  /**
   * Says this, as if the visitor had written it; where who writes is still asked it waits for that.
   * @param {string} text
   */
  offer(text) {
    this.message.input.value = text;
    if (this.asking && !(this.name.input.value && this.email.input.value)) {
      this.written();
      this.focus();
    } else this.submit();
  }

  /** @param {File[]} files */
  take(files) {
    if (!this.begun) return;
    this.files.push(...files);
    this.showTray();
    this.message.input.focus();
  }

  /** @private */
  showTray() {
    const chips = this.files.map((file, at) => {
      const remove = this.button("remove", fill(this.words.remove, { name: file.name }), icon("close"), () => {
        this.files.splice(at, 1);
        this.showTray();
        this.message.input.focus();
      });
      return element("li", "", this.fileList.pending(file), remove);
    });
    this.tray.replaceChildren(...chips);
    this.tray.hidden = chips.length === 0;
    this.turn();
  }

  /** Who writes, where that is asked; says what is wrong with it. */
  who() {
    if (!this.asking) return null;
    const who = { name: this.name.input.value.trim(), email: this.email.input.value.trim() };
    say(this.name, who.name ? "" : this.words.needName);
    say(this.email, ADDRESS.test(who.email) ? "" : this.words.badEmail);
    return who;
  }

  /** @private */
  submit() {
    const { words, name, email, message } = this;
    const text = message.input.value.trim();
    const long = Array.from(text).length > LONGEST;
    say(message, long ? fill(words.tooLong, { n: LONGEST }) : !this.begun && !text ? words.needMessage : "");
    const who = this.who();
    const wrong = [name, email, message].find((each) => each.input.getAttribute("aria-invalid") === "true");
    if (wrong) return wrong.input.focus();
    if (!text && this.files.length === 0) return;
    const files = this.files.splice(0);
    this.showTray();
    message.input.value = "";
    this.turn();
    this.fit();
    this.actions.onDraft("");
    this.typing.over();
    this.actions.onSend(text, files, who);
    message.input.focus();
  }

  /** @private */
  askStop() {
    // Once is enough; the button comes back with the next reply, or if this one goes on.
    this.stop.disabled = true;
    setTimeout(() => (this.stop.disabled = false), 2000);
    this.message.input.focus();
    this.actions.onStop();
  }

  /** @private */
  written() {
    this.fit();
    this.turn();
    const { value } = this.message.input;
    say(this.message, "");
    this.actions.onDraft(value);
    this.typing.written(value);
  }

  /**
   * The field grows with its text up to the height that the style sheet allows.
   * @private
   */
  fit() {
    const area = this.message.input;
    // An empty field runs as the widget does: so does its placeholder.
    area.dir = area.value ? "auto" : "";
    area.style.height = "auto";
    if (area.scrollHeight > 0) area.style.height = `${area.scrollHeight + 2}px`;
  }
}
