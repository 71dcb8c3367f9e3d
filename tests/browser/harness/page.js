// The chat page in a real browser, spoken of in its own words.

import { chromium } from "playwright-core";
import { eventually } from "./eventually.js";

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

const FLAGS =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

export function browser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS.split(" ") });
}

/** One tab. Everything that it should never do is noted in `faults`. */
export class Tab {
  static async open(context, origin, { ready = true, query = "?wire" } = {}) {
    const tab = new Tab();
    tab.origin = origin;
    tab.faults = [];
    tab.requests = [];
    tab.page = await context.newPage();
    tab.page.setDefaultTimeout(30_000);
    tab.page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) tab.faults.push(`console: ${message.text()}`);
    });
    tab.page.on("pageerror", (error) => tab.faults.push(`uncaught: ${error.message}`));
    tab.page.on("dialog", (dialog) => {
      tab.faults.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    const requested = (url) => {
      tab.requests.push(url);
      if (!url.startsWith(`${origin}/`) && !url.startsWith(`${origin.replace("http", "ws")}/`)) tab.faults.push(`request: ${url}`);
    };
    tab.page.on("request", (request) => requested(request.url()));
    tab.page.on("websocket", (socket) => requested(socket.url()));
    await tab.page.exposeFunction("noteViolation", (text) => tab.faults.push(`policy: ${text}`));
    await tab.page.exposeFunction("midReply", (text) => tab.onMidReply(text));
    await tab.page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        window.noteViolation(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
      });
    });
    tab.response = await tab.page.goto(`${origin}/${query}`);
    if (ready) await tab.line("connected");
    return tab;
  }

  /** Waits until the line is in that state. */
  line(state) {
    return this.page.locator(`body[data-line="${state}"]`).waitFor();
  }

  async say(text) {
    await this.page.fill("#message", text);
    await this.page.press("#message", "Enter");
  }

  /** The conversation's id and token. */
  session() {
    return this.page.evaluate(() => JSON.parse(localStorage.getItem("parlor.session")));
  }

  /** The texts of the finished messages by this kind of author. */
  texts(author) {
    return this.page.locator(`[data-key^="message:"].entry--${author} .entry__text`).allTextContents();
  }

  /** Waits until nothing is under way and there are that many answers; answers their texts. */
  answers(count) {
    return eventually(`${count} answers are shown`, async () => {
      if ((await this.page.locator(".entry--growing, .beads, .entry--unsent").count()) > 0) return null;
      const texts = await this.texts("bot");
      return texts.length === count && texts;
    });
  }

  /**
   * Makes ready to do something in the very moment in which a reply shows text and is not finished:
   * in the page (`click`, `press`, `reload`) or out here (`run`). Answers what to wait on; that
   * answers the text so far, and after a reload once the new page is there.
   */
  async inMidReply({ run, ...act }) {
    const caught = new Promise((resolve, reject) => {
      this.onMidReply = (text) => Promise.resolve(run?.()).then(() => resolve(text), reject);
    });
    await this.page.evaluate((act) => {
      const look = () => {
        const text = document.querySelector(".entry--growing .entry__text")?.textContent;
        if (!text) return;
        observer.disconnect();
        const told = window.midReply(text);
        if (act.click) document.querySelector(act.click).click();
        if (act.press) document.dispatchEvent(new KeyboardEvent("keydown", { key: act.press, bubbles: true }));
        if (act.reload) told.then(() => location.reload());
      };
      const observer = new MutationObserver(look);
      observer.observe(document.getElementById("entries"), { subtree: true, childList: true, characterData: true });
    }, act);
    const reloaded = act.reload && this.page.waitForEvent("domcontentloaded");
    return async () => {
      const text = await caught;
      await reloaded;
      return text;
    };
  }
}
