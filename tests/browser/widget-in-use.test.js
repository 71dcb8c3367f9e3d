// The widget for everybody: keyboard, screen reader, less motion, both directions, narrow screens,
// light and dark. The server is pretended; what it says does not matter here.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { eventually } from "./harness/eventually.js";
import { browser, DESKTOP, PHONE } from "./harness/page.js";
import { pretend } from "./harness/pretend.js";
import { shop } from "./harness/shop.js";
import { JANE, Widget } from "./harness/widget.js";

const { source: AXE } = createRequire(import.meta.url)("axe-core");
const BOT = { type: "bot", name: "Teapot" };
const SARAH = { type: "agent", name: "Sarah" };

let chromium;
let chat;
let store;
before(async () => (chromium = await browser()));
after(() => chromium?.close());
const close = async () => {
  await store?.close();
  await chat?.close();
};
beforeEach(async () => {
  await close();
  chat = await pretend({ greeting: "Hi! Ask me about pots, cups and what goes with them.", brand: "Teapots", look: { color: "#7a2e8e", text_color: "#fff" } });
  store = await shop(chat.origin);
});
after(close);

function scenario(name, device, body) {
  test(name, { timeout: 90_000 }, async () => {
    const context = await chromium.newContext(device);
    try {
      await body(context);
    } finally {
      await context.close();
    }
  });
}

const open = (context, options = {}) => Widget.open(context, { shop: store, siteKey: "site_1", ...options });
/** What has the focus: inside the widget, or in the page around it. */
const focused = (widget) =>
  widget.page.evaluate(() => {
    const at = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;
    return at?.getAttribute("aria-label") ?? at?.closest("label, .field")?.querySelector("label")?.textContent ?? at?.id ?? at?.tagName;
  });

scenario("everything can be done with the keyboard, and its place is visible", DESKTOP, async (context) => {
  const widget = await open(context);
  const { keyboard } = widget.page;
  await widget.page.locator("#first").focus();
  await keyboard.press("Tab");
  assert.equal(await focused(widget), "Open chat");
  await keyboard.press("Enter");
  await widget.panel.waitFor();
  assert.equal(await focused(widget), "Your name", "one can write at once");
  await keyboard.press("Enter");
  await eventually("what is missing is said", async () => (await widget.page.locator(".fault:visible").count()) === 3);
  assert.equal(await widget.page.locator("[aria-invalid]").count(), 3);
  const described = await widget.page.locator("input[type=email]").evaluate((input) => input.getRootNode().getElementById(input.getAttribute("aria-describedby")).textContent);
  assert.equal(described, "Please enter a valid e-mail address.");
  await keyboard.type(JANE.name);
  await keyboard.press("Tab");
  await keyboard.type(JANE.email);
  await keyboard.press("Tab");
  await keyboard.type("Good morning!");
  await keyboard.press("Shift+Enter");
  await keyboard.type("Hello?");
  await keyboard.press("Enter");
  await widget.page.locator('[data-key^="message:"]').waitFor();
  assert.deepEqual(await widget.texts("mine"), ["Good morning!\nHello?"]);
  assert.equal(await focused(widget), "Write a message…");
  chat.message(BOT, "Which?", { buttons: ["Pots"] });
  await widget.page.getByRole("button", { name: "Pots" }).waitFor();
  const stops = [];
  for (let at = 0; at < 12; at++) {
    stops.push(await focused(widget));
    const seen = await widget.page.evaluate(() => {
      const at = document.activeElement?.shadowRoot?.activeElement;
      return !at || (getComputedStyle(at).outlineStyle !== "none" && parseFloat(getComputedStyle(at).outlineWidth) >= 2);
    });
    assert.ok(seen, `the focus on ${stops.at(-1)} can be seen`);
    await keyboard.press("Shift+Tab");
  }
  for (const stop of ["Write a message…", "Attach a file", "Messages", "Close chat", "first"]) assert.ok(stops.includes(stop), `${stop} is reached; reached were ${stops}`);
  await widget.page.getByRole("button", { name: "Pots" }).focus();
  await keyboard.press("Enter");
  await eventually("it was said", async () => (await widget.texts("mine")).length === 2);
  await keyboard.press("Escape");
  assert.equal(await widget.panel.isVisible(), false);
  assert.equal(await focused(widget), "Open chat", "the focus goes back to where it was");
  assert.deepEqual(widget.faults, []);
});

scenario("a screen reader hears each finished message once, and no chunk", DESKTOP, async (context) => {
  const widget = await open(context);
  await widget.begin("Hello");
  await widget.page.locator('[data-key^="message:"]').waitFor();
  assert.equal(await widget.page.getByRole("log", { name: "Conversation" }).getAttribute("aria-live"), "polite");
  await widget.page.evaluate(() => {
    const { shadowRoot } = document.querySelector("parlor-widget");
    window.heard = [];
    const aloud = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest("[aria-live]")?.getAttribute("aria-live") === "polite";
    new MutationObserver((changes) => {
      for (const { type, target, addedNodes } of changes) {
        if (type === "characterData" && aloud(target)) window.heard.push(target.data);
        for (const node of addedNodes) if (aloud(node) && node.isConnected) window.heard.push(node.querySelector?.(".text")?.textContent ?? node.textContent);
      }
    }).observe(shadowRoot.querySelector(".log"), { subtree: true, childList: true, characterData: true });
  });
  const words = ["We ", "have ", "pots."];
  const reply_id = "9".repeat(32);
  chat.tell("reply.started", { reply_id, in_reply_to: "x", author: BOT });
  for (let at = 0; at < words.length; at++) {
    chat.tell("reply.chunk", { reply_id, offset: words.slice(0, at).join("").length, text: words[at] });
    const soFar = words.slice(0, at + 1).join("");
    await eventually(`"${soFar}" is shown`, async () => (await widget.page.locator(".entry--growing .text").allTextContents()).join() === soFar.trim());
  }
  chat.tell("message.outbound", { message_id: reply_id, conversation_id: "cv_1", author: BOT, text: words.join(""), created_at: new Date().toISOString() });
  await widget.page.locator(".entry--bot").waitFor();
  assert.deepEqual(await widget.page.evaluate(() => window.heard), ["We have pots."]);
});

scenario("who wants less motion gets none", { ...DESKTOP, reducedMotion: "reduce" }, async (context) => {
  const widget = await open(context);
  await widget.begin("Hello");
  chat.tell("typing", { author: SARAH, typing: true }, { passing: true });
  await widget.page.locator(".beads").waitFor();
  const moving = () => widget.page.evaluate(() => document.querySelector("parlor-widget").shadowRoot.getAnimations().filter((each) => each.playState === "running").length);
  assert.equal(await moving(), 0);
  await widget.page.emulateMedia({ reducedMotion: "no-preference" });
  await eventually("the check can tell", async () => (await moving()) > 0);
});

scenario("it stands where the shop wants it, in both directions", DESKTOP, async (context) => {
  const sideOf = async (part) => {
    const box = await part.boundingBox();
    return box.x + box.width / 2 > 640 ? "right" : "left";
  };
  const middle = async (tag, dir) => {
    const widget = await open(context, { tag, about: { dir } });
    const side = await sideOf(widget.launcher);
    await widget.launcher.click();
    await widget.panel.waitFor();
    assert.deepEqual([await sideOf(widget.launcher), await sideOf(widget.panel)], [side, side], `${tag}, ${dir}: the panel stands there too`);
    await widget.page.close();
    return side;
  };
  for (const [tag, ltr, rtl] of [["", "right", "left"], ['data-position="start"', "left", "right"], ['data-position="left"', "left", "left"], ['data-position="right"', "right", "right"]]) {
    assert.deepEqual([await middle(tag, "ltr"), await middle(tag, "rtl")], [ltr, rtl], tag);
    // The visitor's language does not move it.
    for (const lang of ["ar", "en"]) {
      const spoken = `data-lang="${lang}" ${tag}`;
      assert.deepEqual([await middle(spoken, "ltr"), await middle(spoken, "rtl")], [ltr, rtl], spoken);
    }
  }
});

scenario("an Arabic visitor of a page that runs left to right finds the button where others do", { ...DESKTOP, locale: "ar" }, async (context) => {
  const widget = await open(context, { about: { dir: "ltr" } });
  const box = await widget.launcher.boundingBox();
  assert.ok(box.x > 640, `the button is at ${box.x}`);
  assert.equal(await widget.page.locator(".root").getAttribute("dir"), "rtl", "its text is Arabic");
});

scenario("data attributes choose language, theme and that it is open", { ...DESKTOP, locale: "fr-CA" }, async (context) => {
  const french = await open(context);
  assert.equal(await french.launcher.getAttribute("aria-label"), "Ouvrir le chat");
  await french.page.close();
  const german = await open(context, { tag: 'data-lang="de" data-theme="dark" data-open' });
  await german.panel.waitFor();
  assert.equal(await german.page.locator(".root").getAttribute("lang"), "de");
  assert.equal(await german.panel.evaluate((panel) => getComputedStyle(panel).backgroundColor), "rgb(26, 29, 35)");
  assert.equal(await german.page.evaluate(() => document.activeElement.tagName), "BODY", "what opens by itself takes no focus");
});

for (const [size, device] of [["desktop", DESKTOP], ["phone", PHONE]]) {
  for (const colorScheme of ["light", "dark"]) {
    for (const lang of ["en", "ar"]) {
      scenario(`${size}, ${colorScheme}, ${lang}: axe finds nothing, nothing is cut off`, { ...device, colorScheme }, (context) => inspect(context, `${size}-${colorScheme}-${lang}`, lang));
    }
  }
}

/** Looks at the widget in each of its states: axe, overflow, and a picture where one is wanted. */
async function inspect(context, name, lang) {
  const widget = await open(context, { tag: `data-lang="${lang}"`, about: { dir: lang === "ar" ? "rtl" : "ltr", lang, pictures: "blob:" } });
  // The browser's own way in: the page's policy refuses a script of ours.
  const client = await context.newCDPSession(widget.page);
  const look = async (state) => {
    await widget.page.evaluate(() => {
      const ending = document.querySelector("parlor-widget").shadowRoot.getAnimations().filter((each) => each.effect.getComputedTiming().endTime !== Infinity);
      return Promise.all(ending.map((each) => each.finished));
    });
    await client.send("Runtime.evaluate", { expression: AXE });
    const { violations } = await widget.page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    assert.deepEqual(violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html)}`), [], `${state}: mend these`);
    const wide = await widget.page.evaluate(() => {
      const { shadowRoot } = document.querySelector("parlor-widget");
      const parts = Array.from(shadowRoot.querySelectorAll(".panel, .scroll, .composer, .head"));
      return [document.documentElement, ...parts].filter((part) => part.scrollWidth > part.clientWidth + 1).map((part) => part.className);
    });
    assert.deepEqual(wide, [], `${state}: too wide`);
    if (!process.env.SCREENSHOTS) return;
    await mkdir(process.env.SCREENSHOTS, { recursive: true });
    await widget.page.screenshot({ path: path.join(process.env.SCREENSHOTS, `widget-${name}-${state}.png`) });
  };
  await look("1-closed");
  await widget.launcher.click();
  await widget.panel.waitFor();
  await look("2-fresh");
  await widget.page.locator(".send").click();
  await look("3-faults");
  await widget.begin(lang === "ar" ? "مرحبا، هل لديكم أباريق؟" : "Hello, do you have teapots?");
  await widget.page.locator('[data-key^="message:"]').waitFor();
  chat.message(BOT, lang === "ar" ? "نعم. أي لون تفضل؟" : "We do: https://example.com/a-rather-long-address-that-has-to-break-somewhere/teapots?colour=blue. Which colour?", {
    buttons: lang === "ar" ? ["أزرق", "أحمر", "لا يهم"] : ["Blue", "Red", "It does not matter"],
  });
  await widget.page.locator(".offer").first().waitFor();
  await look("4-offers");
  chat.tell("conversation.assigned", { conversation_id: "cv_1", agent: { name: "Sarah" } });
  const attachments = [{ activity_id: 3, id: 1, filename: "prices of all our teapots in every colour.pdf", size: 1_234_567, mime_type: "application/pdf" }];
  chat.message(SARAH, lang === "ar" ? "تفضل" : "Here you are.", { attachments });
  const mine = chat.message({ type: "customer" }, "Thank you");
  chat.tell("conversation.read", { reader: "agent", message_id: mine });
  chat.tell("typing", { author: SARAH, typing: true }, { passing: true });
  await widget.page.locator(".beads").waitFor();
  await widget.page.locator("input[type=file]").setInputFiles([{ name: "my old pot.txt", mimeType: "text/plain", buffer: Buffer.from("x") }]);
  await look("5-person");
}
