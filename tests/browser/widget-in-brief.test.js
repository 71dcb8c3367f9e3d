// The widget at first sight, and what it shows: how little it loads until it is opened, what it asks,
// offers and says, Markdown and links, and a page that interferes. The server is pretended, except
// where bytes are counted.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { eventually } from "./harness/eventually.js";
import { browser, DESKTOP } from "./harness/page.js";
import { Server } from "./harness/parlor.js";
import { pretend } from "./harness/pretend.js";
import { shop } from "./harness/shop.js";
import { JANE, PIXEL, siteKeyOf, Widget } from "./harness/widget.js";

const BOT = { type: "bot", name: "Teapot" };
const SARAH = { type: "agent", name: "Sarah" };
const CONFIG = { greeting: "Hi! Ask me about pots.", brand: "Teapots", require_details: "never" };

let chromium;
let chat;
let store;
before(async () => (chromium = await browser()));
after(() => chromium?.close());
const close = async () => {
  await store?.close();
  await chat?.close();
};
const use = async (config) => {
  await close();
  chat = await pretend({ ...CONFIG, ...config });
  store = await shop(chat.origin);
};
beforeEach(() => use({}));
after(close);

function scenario(name, body, device = DESKTOP) {
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
/** A widget that was opened, with a first message of the visitor's. */
const begun = async (context, options) => {
  const widget = await open(context, options);
  await widget.unfold();
  await widget.say("Hello");
  await widget.page.locator('[data-key^="message:"]').waitFor();
  return widget;
};
const opened = () => chat.requests.find(({ method, path }) => method === "POST" && path.endsWith("/conversations"));

scenario("until it is opened it takes at most four requests and 25 kB", async (context) => {
  const server = await Server.start();
  const site = await shop(server.origin);
  try {
    const page = await context.newPage();
    const devtools = await context.newCDPSession(page);
    await devtools.send("Network.enable");
    const asked = new Map();
    let bytes = 0;
    devtools.on("Network.requestWillBeSent", ({ requestId, request }) => request.url.startsWith(server.origin) && asked.set(requestId, request.url));
    devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => asked.has(requestId) && (bytes += encodedDataLength));
    await page.goto(site.page({ tag: `data-site-key="${await siteKeyOf(server)}"` }));
    await page.locator(".launcher").waitFor();
    await page.waitForLoadState("networkidle");
    assert.ok(asked.size <= 4, `${asked.size} requests: ${[...asked.values()]}`);
    assert.ok(bytes > 0 && bytes <= 25_000, `${bytes} bytes`);
    console.log(`until it is opened: ${asked.size} requests, ${bytes} bytes`);
    await page.locator(".launcher").click();
    await page.getByRole("dialog").waitFor();
    assert.ok(asked.size > 20, "the panel came when it was opened");
    console.log(`opened: ${asked.size} requests, ${bytes} bytes`);
  } finally {
    await site.close();
    await server.stop();
  }
});

scenario("who has a conversation gets the whole widget at once, and who opened the panel finds it open", async (context) => {
  const widget = await begun(context);
  await widget.page.reload();
  await widget.panel.waitFor();
  await widget.page.locator(".close").click();
  await widget.page.reload();
  await widget.page.locator(".panel").waitFor({ state: "attached" });
  assert.equal(await widget.panel.isVisible(), false);
});

scenario("what the page asks for before the panel is there is done when it comes", async (context) => {
  const widget = await open(context);
  const [panels, launchers] = await widget.page.evaluate(async () => {
    window.ParlorWidget.open();
    window.ParlorWidget.open();
    await window.ParlorWidget.identify({ name: "Jane", email: "jane@example.com" });
    const { shadowRoot } = document.querySelector("parlor-widget");
    return [shadowRoot.querySelectorAll(".panel").length, shadowRoot.querySelectorAll(".launcher").length];
  });
  assert.deepEqual([panels, launchers], [1, 1]);
  await widget.panel.waitFor();
  await widget.say("Hello");
  await eventually("it was sent", opened);
  assert.deepEqual(JSON.parse(opened().body).email, "jane@example.com");
  await widget.page.evaluate(() => window.ParlorWidget.remove());
  assert.equal(await widget.page.locator("parlor-widget").count(), 0);
  assert.deepEqual(widget.faults, []);
});

scenario("it asks nobody's name where the account does not want it", async (context) => {
  const widget = await begun(context);
  assert.equal(await widget.page.locator(".about").isVisible(), false);
  const { name, email, anonymous } = JSON.parse(opened().body);
  assert.deepEqual({ name, email, anonymous }, { name: undefined, email: undefined, anonymous: true });
  assert.deepEqual(widget.faults, []);
});

scenario("it asks after the first answer where the account wants that, and tells it with the next message", async (context) => {
  await use({ require_details: "after_first_answer" });
  const widget = await begun(context);
  assert.equal(await widget.page.locator(".about").isVisible(), false);
  chat.message(BOT, "Which pot?");
  await widget.page.locator(".about").waitFor();
  await widget.say("The blue one");
  assert.deepEqual(await widget.page.locator(".fault:visible").allTextContents(), ["Please enter your name.", "Please enter a valid e-mail address."]);
  await widget.page.locator("input[autocomplete=name]").fill(JANE.name);
  await widget.page.locator("input[type=email]").fill(JANE.email);
  await widget.field.press("Enter");
  const told = await eventually("it was told", () => chat.requests.find(({ path, body }) => /conversations\/\w+\/messages$/.test(path) && body.includes(JANE.email)));
  assert.deepEqual(JSON.parse(told.body), { message: "The blue one", ...JANE });
  await eventually("nothing is asked any more", async () => !(await widget.page.locator(".about").isVisible()));
  await widget.say("And a cup");
  await eventually("the next goes as always", () => chat.requests.some(({ path, body }) => path.endsWith("/current/messages") && body.includes("And a cup")));
});

scenario("it greets in the visitor's language, offers first questions and says when an answer comes", async (context) => {
  await use({ starters: ["Where is my order?"], translations: { es: { greeting: "¡Hola!", starters: ["¿Dónde está mi pedido?"] } }, reply_time: "hours" });
  const widget = await open(context);
  await widget.unfold();
  assert.equal(await widget.page.locator(".greeting").textContent(), "¡Hola!");
  assert.equal(await widget.page.locator(".soon").textContent(), "Suele responder en unas horas");
  const starter = widget.page.getByRole("group", { name: "Primeras preguntas" }).getByRole("button", { name: "¿Dónde está mi pedido?" });
  await starter.click();
  await widget.page.locator('[data-key^="message:"]').waitFor();
  assert.equal(JSON.parse(opened().body).message, "¿Dónde está mi pedido?");
  assert.equal(await starter.isVisible(), false, "they are for the beginning");
}, { ...DESKTOP, locale: "es-MX" });

scenario("a first question waits where who asks is asked first", async (context) => {
  await use({ require_details: "before", starters: ["Where is my order?"] });
  const widget = await open(context);
  await widget.unfold();
  await widget.page.getByRole("button", { name: "Where is my order?" }).click();
  assert.equal(await widget.field.inputValue(), "Where is my order?");
  await widget.page.locator("input[autocomplete=name]").fill(JANE.name);
  await widget.page.locator("input[type=email]").fill(JANE.email);
  await widget.page.keyboard.press("Enter");
  await eventually("it was sent", opened);
});

const MARKDOWN = [
  "# Hours\n\n**Bold**, *kind* and `code`. See [our page](https://shop.example/hours), help@shop.example.",
  "1. Tea\n2. Pots\n   - small",
  "| Day | Hours |\n|---|--:|\n| Mon | 9–5 |",
  "```js\nconst tea = 1 < 2;\n```",
  "![a picture](https://evil.example/x.png) [no](javascript:alert(1)) <img src=x onerror=alert(1)> <script>alert(1)</script>",
].join("\n\n");

scenario("Markdown of a bot is shown, and nothing in it loads or runs", async (context) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const widget = await begun(context);
  const loaded = [];
  widget.page.on("request", (request) => loaded.push(request.url()));
  chat.message(BOT, MARKDOWN);
  const text = widget.page.locator(".entry--bot .text");
  await text.locator("table").waitFor();
  assert.deepEqual(await text.locator("strong, em, p code, ol > li, ul > li, th, td").allTextContents(), ["Bold", "kind", "code", "Tea", "Potssmall", "small", "Day", "Hours", "Mon", "9–5"]);
  const links = await text.locator("a").evaluateAll((all) => all.map((link) => [link.textContent, link.href, link.rel, link.target]));
  const rest = ["noopener noreferrer nofollow", "_blank"];
  assert.deepEqual(links, [
    ["our page", "https://shop.example/hours", ...rest],
    ["help@shop.example", "mailto:help@shop.example", ...rest],
    ["a picture", "https://evil.example/x.png", ...rest],
  ]);
  assert.equal(await text.locator("img, script, iframe, style, [onerror]").count(), 0);
  const last = await text.locator("p").last().textContent();
  for (const whole of ["[no](javascript:alert(1))", "<img src=x onerror=alert(1)>", "<script>alert(1)</script>"]) assert.ok(last.includes(whole), last);
  await text.getByRole("button", { name: "Copy" }).click();
  await text.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await widget.page.evaluate(() => navigator.clipboard.readText()), "const tea = 1 < 2;");
  assert.deepEqual(loaded.filter((url) => !url.startsWith(chat.origin)), []);
  assert.deepEqual(widget.faults, []);
});

scenario("a reply that grows shows no marks of Markdown, and keeps what stands", async (context) => {
  const widget = await begun(context);
  const reply_id = "9".repeat(32);
  chat.tell("reply.started", { reply_id, in_reply_to: "x", author: BOT });
  const text = widget.page.locator(".entry--growing .text");
  const words = "The **blue pots** are [here](https://shop.example/blue).\n\n- one `small`\n- two\n\nAnd *that* is all of them";
  let first;
  for (let at = 0; at < words.length; at += 3) {
    chat.tell("reply.chunk", { reply_id, offset: at, text: words.slice(at, at + 3) });
    const length = Math.min(at + 3, words.length);
    const shown = await eventually(`${length} characters came`, async () => {
      const now = await widget.page.evaluate(() => JSON.parse(localStorage.getItem("parlor.widget.site_1.transcript"))?.transcript.cursor);
      return now !== undefined && ((await text.count()) ? text.textContent() : "-");
    });
    assert.doesNotMatch(shown, /[*`[\]]|https:/, `after ${length}`);
    first ??= await text.locator("p").first().elementHandle().catch(() => null);
  }
  assert.ok(await first.evaluate((node) => node.isConnected), "the first paragraph is the same node as at first");
  assert.equal(await widget.page.getByRole("button", { name: "Stop" }).isVisible(), true);
  assert.equal(await widget.page.getByRole("button", { name: "Send" }).isVisible(), false, "Send is Stop");
  const caret = () => text.locator("p").last().evaluate((node) => getComputedStyle(node, "::after").animationName);
  assert.equal(await caret(), "caret");
  await widget.field.fill("But");
  assert.equal(await widget.page.getByRole("button", { name: "Send" }).isVisible(), true, "what is written can be sent");
  chat.message(BOT, words, { message_id: reply_id });
  await widget.page.locator(".entry--bot .text a").waitFor();
});

scenario("addresses in a person's text are links, and the text stays whole", async (context) => {
  const widget = await begun(context);
  const words = "See https://en.wikipedia.org/wiki/Tea_(drink). Or (http://a.example/b?c=d&e), mailto:x@y.example, z@y.example! Not javascript:alert(1) nor **bold**";
  chat.message(SARAH, words);
  const text = widget.page.locator(".entry--agent .text");
  await text.waitFor();
  assert.equal(await text.textContent(), words);
  assert.deepEqual(await text.locator("a").evaluateAll((all) => all.map((link) => link.getAttribute("href"))), [
    "https://en.wikipedia.org/wiki/Tea_(drink)", "http://a.example/b?c=d&e", "mailto:x@y.example", "mailto:z@y.example",
  ]);
});

scenario("another day has a line of its own, and names stand apart", async (context) => {
  const widget = await begun(context);
  const at = (days) => new Date(Date.now() - days * 86_400_000).toISOString();
  chat.message(BOT, "Long ago", { created_at: at(400) });
  chat.message(BOT, "Yesterday", { created_at: at(1) });
  chat.message(BOT, "Now", { created_at: at(0) });
  chat.tell("conversation.assigned", { agent: { name: "سارة (2)" } });
  await widget.page.locator(".event--assigned").waitFor();
  const days = await widget.page.locator(".event--day").allTextContents();
  assert.match(days[0], /\d{4}/);
  assert.deepEqual(days.slice(1), ["Yesterday", "Today"]);
  assert.equal(await widget.page.locator(".event--assigned bdi").textContent(), "سارة (2)");
});

scenario("it stays at the end when a picture arrives, and a word of 500 letters wraps", async (context) => {
  const widget = await begun(context, { about: { pictures: "blob:" } });
  for (let at = 0; at < 12; at++) chat.message(BOT, `Line ${at}`);
  chat.message({ type: "customer" }, "x".repeat(500));
  chat.message({ type: "agent", name: "y".repeat(500) }, `**${"z".repeat(500)}**`);
  chat.message({ type: "bot", name: "w".repeat(500) }, "# " + "v".repeat(500), { buttons: ["u".repeat(500)] });
  await widget.page.locator(".offer").waitFor();
  const wide = () => widget.page.locator(".scroll").evaluate((box) => box.scrollWidth > box.clientWidth);
  assert.equal(await wide(), false);
  chat.files.set("9/1", PIXEL);
  chat.message(BOT, "pot.png", { attachments: [{ activity_id: 9, id: 1, filename: "pot.png", size: PIXEL.length, mime_type: "image/png" }] });
  await widget.page.locator(".file__picture").waitFor({ state: "attached" });
  await widget.page.evaluate(() => (document.querySelector("parlor-widget").shadowRoot.querySelector(".file__picture").style.height = "180px"));
  await eventually("it is at the end", () => widget.page.locator(".scroll").evaluate((box) => box.scrollHeight - box.clientHeight - box.scrollTop < 2));
});

scenario("a page's own rules do not reach in, and a transformed body moves nothing", async (context) => {
  const widget = await open(context);
  const place = () => widget.launcher.boundingBox();
  const before = await place();
  await widget.page.evaluate(() => {
    const rules = new CSSStyleSheet();
    rules.replaceSync(`
      parlor-widget { display: none !important; opacity: 0 !important; transform: scale(2) !important; font-size: 40px !important; position: absolute !important; }
      body { transform: translateX(300px) rotate(5deg); filter: blur(1px); }
      * { letter-spacing: 1em !important; visibility: hidden; }`);
    document.adoptedStyleSheets = [rules];
  });
  assert.deepEqual(await place(), before);
  await widget.unfold();
  assert.equal(await widget.panel.evaluate((panel) => getComputedStyle(panel).letterSpacing), "normal");
});

scenario("8,000 emoji are pasted and sent whole", async (context) => {
  const widget = await open(context);
  await widget.unfold();
  const emoji = "🫖".repeat(8000);
  await widget.field.fill(emoji);
  await widget.field.press("Enter");
  await eventually("it was sent", opened);
  assert.equal(JSON.parse(opened().body).message, emoji);
});

scenario("who looks elsewhere finds the count in the title, and hears it once unless that is switched off", async (context) => {
  const widget = await open(context, { tag: "" });
  await widget.page.evaluate(() => {
    window.notes = 0;
    window.AudioContext = class {
      currentTime = 0;
    };
    window.GainNode = class {
      connect() {}
    };
    window.OscillatorNode = class {
      connect() {}
      start() {
        window.notes++;
      }
      stop() {}
    };
  });
  await widget.unfold();
  await widget.say("Hello");
  await widget.page.locator('[data-key^="message:"]').waitFor();
  await widget.page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  chat.message(BOT, "One");
  await eventually("the title counts", async () => (await widget.page.title()) === "(1) A shop");
  assert.equal(await widget.page.evaluate(() => window.notes), 2, "two notes, once");
  await widget.page.getByRole("button", { name: "Turn sounds off" }).click();
  chat.message(BOT, "Two");
  await eventually("the title counts on", async () => (await widget.page.title()) === "(2) A shop");
  assert.equal(await widget.page.evaluate(() => window.notes), 2);
  await widget.page.evaluate(() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => false });
    document.dispatchEvent(new Event("visibilitychange"));
  });
  assert.equal(await widget.page.title(), "A shop");
  await widget.page.reload();
  await widget.page.getByRole("button", { name: "Turn sounds on" }).waitFor();
});

scenario("no network is said at once", async (context) => {
  const widget = await begun(context, { expect: /ERR_INTERNET_DISCONNECTED/ });
  await context.setOffline(true);
  await widget.page.getByText("You are offline.").waitFor({ timeout: 1000 });
  await context.setOffline(false);
  await eventually("it is over", async () => !(await widget.page.locator(".line").isVisible()));
});
