// The widget when somebody is at the other end: what a bot offers, a person who takes over, types,
// reads and sends files. The server is pretended, because only it can play that person.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, beforeEach, test } from "node:test";
import { eventually } from "./harness/eventually.js";
import { browser, DESKTOP } from "./harness/page.js";
import { pretend } from "./harness/pretend.js";
import { shop } from "./harness/shop.js";
import { PIXEL, Widget } from "./harness/widget.js";

const BOT = { type: "bot", name: "Teapot" };
const SARAH = { type: "agent", name: "Sarah" };
const ME = { type: "customer" };

let chromium;
let chat;
let store;
before(async () => (chromium = await browser()));
after(() => chromium?.close());
beforeEach(async () => {
  await store?.close();
  await chat?.close();
  chat = await pretend();
  store = await shop(chat.origin);
});
after(async () => {
  await store?.close();
  await chat?.close();
});

/** A scenario with a visitor who has written "Hello" and the panel open. */
function met(name, body, { about = {}, expect } = {}) {
  test(name, { timeout: 60_000 }, async () => {
    const context = await chromium.newContext(DESKTOP);
    try {
      const widget = await Widget.open(context, { shop: store, siteKey: "site_1", about, expect });
      await widget.begin("Hello");
      await widget.page.locator('[data-key^="message:"]').waitFor();
      await body(widget, context);
      assert.deepEqual(widget.faults, []);
    } finally {
      await context.close();
    }
  });
}

const asked = (path) => chat.requests.filter((request) => request.path.endsWith(path)).map((request) => JSON.parse(request.body));
const events = (widget) => widget.page.locator(".event").allTextContents();

met("what a bot offers can be chosen, as long as nothing was said after it", async (widget) => {
  chat.message(BOT, "Which one?", { buttons: ["Blue pot", "أحمر"] });
  const offers = widget.page.getByRole("group", { name: "Suggested replies" });
  await offers.waitFor();
  assert.deepEqual(await offers.getByRole("button").allTextContents(), ["Blue pot", "أحمر"]);
  await offers.getByRole("button", { name: "Blue pot" }).click();
  await offers.waitFor({ state: "hidden" });
  await eventually("it was sent", () => asked("/messages").length === 1);
  assert.deepEqual(asked("/messages"), [{ text: "Blue pot" }]);
  assert.equal(await widget.field.evaluate((field) => field.matches(":focus")), true);
  await widget.page.reload();
  await widget.line("connected");
  assert.deepEqual(await widget.texts("mine"), ["Hello", "Blue pot"]);
  assert.equal(await offers.isVisible(), false);
});

met("a person who takes over is announced, named, and seen typing", async (widget) => {
  chat.tell("conversation.escalated", { conversation_id: "cv_1", in_reply_to: null, trigger_message: null, assigned_agent: null });
  chat.tell("conversation.assigned", { conversation_id: "cv_1", agent: { name: "Sarah" } });
  chat.tell("typing", { author: SARAH, typing: true }, { passing: true });
  await widget.page.getByText("Sarah is typing").waitFor({ state: "attached" });
  chat.message(SARAH, "Hi, I am Sarah.");
  await widget.page.getByText("Hi, I am Sarah.").waitFor();
  assert.equal(await widget.page.locator(".beads").count(), 0);
  assert.deepEqual(await events(widget), ["A person is taking over", "Sarah joined"]);
  assert.equal(await widget.page.locator(".entry--agent .who").textContent(), "Sarah");
  chat.tell("conversation.resolved", { conversation_id: "cv_1" });
  chat.tell("conversation.reopened", { conversation_id: "cv_1" });
  await widget.page.getByText("The conversation is open again").waitFor();
  assert.equal((await events(widget)).length, 4);
});

met("what was seen is told, both ways", async (widget) => {
  const mine = chat.message(ME, "Are you there?");
  chat.tell("conversation.read", { reader: "agent", message_id: mine });
  await widget.page.locator(".entry--mine").last().getByText("Seen").waitFor();
  assert.equal(await widget.page.getByText("Seen").count(), 1);
  const theirs = chat.message(SARAH, "Yes.");
  await eventually("that it was read is said", () => asked("/read").length === 1);
  assert.deepEqual(asked("/read"), [{ message_id: theirs }]);
  await widget.page.keyboard.press("Escape");
  chat.message(SARAH, "One more thing.");
  chat.message(SARAH, "And another.");
  await widget.page.getByRole("button", { name: "Open chat. New messages: 2" }).waitFor();
  assert.equal(await widget.page.locator(".badge").textContent(), "2");
  assert.equal(asked("/read").length, 1, "what is not looked at is not read");
  await widget.launcher.click();
  await eventually("that it was read is said", () => asked("/read").length === 2);
  assert.equal(await widget.page.locator(".badge").isVisible(), false);
});

met("typing is told while it goes on, and its end", async (widget) => {
  await widget.field.pressSequentially("Hm");
  await eventually("typing was told", () => asked("/typing").length === 1);
  await widget.field.fill("");
  await eventually("its end was told", () => asked("/typing").length === 2);
  assert.deepEqual(asked("/typing"), [{ typing: true }, { typing: false }]);
});

const file = { activity_id: 7, id: 1, filename: "pot <b>.png", size: PIXEL.length, mime_type: "image/png" };
for (const [name, pictures, shown] of [["shown where the policy allows it", "blob:", true], ["a link where it does not", "", false]]) {
  met(`a picture is ${name}`, async (widget) => {
    chat.files.set("7/1", PIXEL);
    chat.message(SARAH, "Look:", { attachments: [file, { activity_id: 7, id: 2, filename: "list.pdf", size: 123_456, mime_type: "application/pdf" }] });
    const link = widget.page.getByRole("link", { name: /^Download\s+pot <b>\.png\s+70 byte$/ });
    await link.waitFor();
    await eventually("the picture was fetched", () => chat.requests.some((request) => request.path.endsWith("/files/7/1")));
    if (shown) await link.locator("img").waitFor();
    else assert.equal(await link.locator("img").count(), 0);
    const { token } = await widget.visitor();
    const base = `${chat.origin}/api/v1/chat/conversations/${token}/files`;
    assert.equal(await link.getAttribute("href"), `${base}/7/1?disposition=attachment&site_key=site_1`);
    const [fetched] = chat.requests.filter((request) => request.path.endsWith("/files/7/1"));
    assert.deepEqual([fetched.headers["x-site-key"], fetched.query.disposition], ["site_1", "inline"]);
    assert.equal(chat.requests.filter((request) => request.path.endsWith("/files/7/2")).length, 0, "only pictures are fetched unasked");
    assert.match(await widget.page.locator(".file__size").last().textContent(), /123\.5\skB/);
  }, { about: { pictures }, expect: shown ? undefined : /img-src|blob:/ });
}

met("files go by the button, by pasting and by dropping, and come back", async (widget) => {
  const { page } = widget;
  await page.locator("input[type=file]").setInputFiles([
    { name: "prices.csv", mimeType: "text/csv", buffer: Buffer.from("pot,12\n") },
    { name: "чайник.txt", mimeType: "text/plain", buffer: Buffer.from("чайник") },
  ]);
  await page.getByRole("button", { name: "Remove чайник.txt" }).click();
  await page.evaluate(() => {
    const { shadowRoot } = document.querySelector("parlor-widget");
    const carried = (name) => {
      const data = new DataTransfer();
      data.items.add(new File(["x"], name, { type: "text/plain" }));
      return data;
    };
    const how = { bubbles: true, cancelable: true };
    shadowRoot.querySelector("textarea").dispatchEvent(new ClipboardEvent("paste", { ...how, clipboardData: carried("pasted.txt") }));
    const panel = shadowRoot.querySelector(".panel");
    panel.dispatchEvent(new DragEvent("dragover", { ...how, dataTransfer: carried("dropped.txt") }));
    window.signed = !shadowRoot.querySelector(".drop").hidden;
    panel.dispatchEvent(new DragEvent("drop", { ...how, dataTransfer: carried("dropped.txt") }));
  });
  assert.equal(await page.evaluate(() => window.signed), true, "it says that files may be dropped");
  assert.deepEqual(await page.locator(".tray .file__name").allTextContents(), ["prices.csv", "pasted.txt", "dropped.txt"]);
  await widget.say("Here:");
  await eventually("all arrived", async () => (await page.locator('[data-key^="message:"] a.file').count()) === 3);
  await eventually("nothing is left to send", async () => (await page.locator(".entry--unsent").count()) === 0);
  assert.deepEqual(await widget.texts("mine"), ["Hello", "Here:"]);
  const uploads = chat.requests.filter((request) => request.path.endsWith("/files"));
  assert.deepEqual([uploads.length, new Set(uploads.map((request) => request.headers["idempotency-key"])).size], [3, 3]);
  const loading = widget.download();
  await page.getByRole("link", { name: /prices\.csv/ }).click();
  const loaded = await loading;
  assert.equal(await readFile(await loaded.path(), "utf8"), "pot,12\n");
  assert.equal(page.url(), widget.address, "the shop's page stays");
});

met("a file that is lost by leaving is said to be, and nothing else is", async (widget) => {
  await widget.page.route("**/files", (route) => route.abort("connectionrefused"));
  await widget.page.locator("input[type=file]").setInputFiles([{ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("a") }]);
  await widget.field.press("Enter");
  await widget.page.getByText("Not sent yet. Trying again").waitFor();
  await widget.page.reload();
  await widget.page.getByText("Not sent. The file was lost by leaving the page.").waitFor();
  await widget.page.getByRole("button", { name: "Delete" }).click();
  await widget.page.locator(".entry--unsent").waitFor({ state: "detached" });
}, { expect: /Failed to load resource/ });

met("addresses in what was said are links that tell the other page nothing", async (widget) => {
  chat.message(BOT, "See https://example.com/a?b=c. Or <a href=javascript:alert(1)>x</a> javascript:alert(2)");
  const link = widget.page.locator(".entry--bot .text a");
  await link.waitFor();
  assert.deepEqual([await link.count(), await link.getAttribute("href")], [1, "https://example.com/a?b=c"]);
  assert.match(await link.getAttribute("rel"), /noopener noreferrer/);
  assert.equal(await widget.page.locator(".entry--bot .text").textContent(), "See https://example.com/a?b=c. Or <a href=javascript:alert(1)>x</a> javascript:alert(2)");
});

met("a conversation that was deleted makes room for another", async (widget) => {
  const before = await widget.visitor();
  chat.message(BOT, "Bye.");
  chat.tell("conversation.deleted", { conversation_id: "cv_1" });
  await widget.page.getByText("Your earlier conversation has ended").waitFor();
  const after = await widget.visitor();
  assert.notEqual(after.token, before.token);
  assert.deepEqual([after.started, after.name], [false, "Jane Doe"]);
  assert.equal(await widget.page.locator('[data-key^="message:"]').count(), 0);
});

met("a page can open, close and name the visitor", async (widget) => {
  const told = await widget.page.evaluate(async () => {
    const heard = [];
    for (const what of ["open", "close"]) addEventListener(`parlor-widget:${what}`, () => heard.push(what));
    window.ParlorWidget.close();
    window.ParlorWidget.toggle();
    window.ParlorWidget.close();
    window.ParlorWidget.open();
    await window.ParlorWidget.identify({ name: "Mia" });
    return heard;
  });
  assert.deepEqual(told, ["close", "open", "close", "open"]);
  assert.equal((await widget.visitor()).name, "Mia");
  await widget.page.evaluate(() => window.ParlorWidget.remove());
  assert.equal(await widget.page.locator("parlor-widget").count(), 0);
});
