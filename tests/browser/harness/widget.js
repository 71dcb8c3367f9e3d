// The widget in a shop's page, spoken of in its own words.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { eventually } from "./eventually.js";
import { browser, DESKTOP } from "./page.js";
import { PLENTY, Server } from "./parlor.js";
import { shop } from "./shop.js";

/** One transparent pixel. */
export const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");

export const JANE = { name: "Jane Doe", email: "jane@example.com" };

/** A server with a shop before it, and a browser, for the tests of one file. */
export const stage = {
  /** @type {Server} */ server: undefined,
  /** @type {import("playwright-core").Browser} */ chromium: undefined,
  shop: undefined,
  siteKey: "",
};

/** A server's own site key. */
export async function siteKeyOf(server) {
  return (await server.credentials()).widget_site_key;
}

/** Starts what the tests of this file stand on. */
export function useStage() {
  before(async () => {
    stage.server = await Server.start();
    await stage.server.set({ limits: PLENTY, require_details: "before" });
    stage.siteKey = await siteKeyOf(stage.server);
    stage.shop = await shop(stage.server.origin);
    stage.chromium = await browser();
  });
  after(async () => {
    await stage.chromium?.close();
    await stage.shop?.close();
    await stage.server?.stop();
  });
}

/** A scenario with a fresh browser profile, closed whatever happens. */
export function scenario(name, body, { device = DESKTOP, timeout = 90_000 } = {}) {
  test(name, { timeout }, async () => {
    const context = await stage.chromium.newContext(device);
    try {
      await body(context);
    } finally {
      await context.close();
    }
  });
}

/** One tab of a shop with the widget in it. What it should never do is noted in `faults`. */
export class Widget {
  /**
   * @param {import("playwright-core").BrowserContext} context
   * @param {{shop?: any, siteKey?: string, tag?: string, about?: Record<string, string>, expect?: RegExp}} [options]
   */
  static async open(context, { shop = stage.shop, siteKey = stage.siteKey, tag = "", about = {}, expect = /(?!)/ } = {}) {
    const widget = new Widget();
    widget.siteKey = siteKey;
    widget.faults = [];
    widget.keys = [];
    const page = (widget.page = await context.newPage());
    page.setDefaultTimeout(30_000);
    const note = (text) => expect.test(text) || widget.faults.push(text);
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) note(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => note(`uncaught: ${error.message}`));
    page.on("request", (request) => {
      if (request.method() === "POST" && request.url().endsWith("/messages")) widget.keys.push(request.headers()["idempotency-key"]);
    });
    await page.exposeFunction("noteViolation", (text) => note(`policy: ${text}`));
    await page.exposeFunction("midReply", (text) => widget.onMidReply(text));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        window.noteViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
      });
    });
    widget.address = shop.page({ tag: `data-site-key="${siteKey}" ${tag}`, ...about });
    await page.goto(widget.address);
    await widget.launcher.waitFor({ state: "attached" });
    return widget;
  }

  get launcher() {
    return this.page.locator(".launcher");
  }

  get panel() {
    return this.page.getByRole("dialog");
  }

  get field() {
    return this.page.locator("textarea");
  }

  async unfold() {
    await this.launcher.click();
    await this.panel.waitFor();
  }

  /** Writes the first message, with who it is from where that is asked. */
  async begin(text, { name, email } = JANE) {
    if (!(await this.panel.isVisible())) await this.unfold();
    if (await this.page.locator(".about").isVisible()) {
      await this.page.locator("input[autocomplete=name]").fill(name);
      await this.page.locator("input[type=email]").fill(email);
    }
    await this.say(text);
  }

  async say(text) {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  /** Waits until the line is in that state. */
  line(state) {
    return this.page.locator(`.root[data-line="${state}"]`).waitFor();
  }

  /** The texts of the messages that are in the conversation, of this side. */
  texts(side) {
    return this.page.locator(`[data-key^="message:"].entry--${side} .text`).allTextContents();
  }

  /** Waits until nothing is under way and there are that many answers; answers their texts. */
  answers(count, { withinMs } = {}) {
    return eventually(`${count} answers are shown`, async () => {
      if ((await this.page.locator(".entry--growing, .beads, .entry--unsent").count()) > 0) return null;
      const texts = await this.texts("theirs");
      return texts.length === count && texts;
    }, withinMs);
  }

  /** The next file that is saved, by this page or by one that it opens for that. */
  download() {
    return new Promise((resolve) => {
      this.page.once("download", resolve);
      this.page.context().on("page", (opened) => opened.once("download", resolve));
    });
  }

  /** What the browser keeps of the visitor. */
  visitor() {
    return this.page.evaluate((key) => JSON.parse(localStorage.getItem(`parlor.widget.${key}.visitor`)), this.siteKey);
  }

  /** The stored messages, oldest first, as the visitor's own token opens them. */
  async stored(server = stage.server) {
    const { token } = await this.visitor();
    const frames = [];
    for (let after = "0"; ; ) {
      const url = `${server.origin}/live/v1/conversations/current/events?limit=100&after=${encodeURIComponent(after)}`;
      const response = await fetch(url, { headers: { "x-site-key": this.siteKey, "x-visitor-token": token } });
      if (!response.ok) throw new Error(`GET events answered ${response.status}: ${await response.text()}`);
      const page = await response.json();
      frames.push(...page.events);
      if (page.events.length === 0 || page.next === after) break;
      after = page.next;
    }
    return frames.filter((frame) => frame.type.startsWith("message.")).map((frame) => frame.data);
  }

  /** What is shown is what is stored, each once and in order. */
  async agrees(server = stage.server) {
    const messages = await this.stored(server);
    const shown = await this.page.locator('[data-key^="message:"] .text').allTextContents();
    // Between paragraphs there is space, not a line's end.
    assert.deepEqual(shown, messages.map((message) => message.text.replaceAll("\n\n", "")).filter(Boolean));
    return messages;
  }

  /**
   * Makes ready to do something in the very moment in which a reply shows text and is not finished.
   * Answers what to wait on; that answers the text so far.
   */
  async inMidReply(run = () => {}) {
    const caught = new Promise((resolve, reject) => {
      this.onMidReply = (text) => Promise.resolve(run()).then(() => resolve(text), reject);
    });
    await this.page.evaluate(() => {
      const { shadowRoot } = document.querySelector("parlor-widget");
      const observer = new MutationObserver(() => {
        const text = shadowRoot.querySelector(".entry--growing .text")?.textContent;
        if (!text) return;
        observer.disconnect();
        window.midReply(text);
      });
      observer.observe(shadowRoot.querySelector(".entries"), { subtree: true, childList: true, characterData: true });
    });
    return () => caught;
  }
}
