// The widget when somebody is at the other end: what a bot offers, a person who takes over, types,
// reads and sends files. The server is pretended, because only it can play that person.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { eventually } from "./harness/eventually.js";
import { BOT, ME, met, SARAH, scene, usePretence } from "./harness/met.js";
import { PIXEL } from "./harness/widget.js";

usePretence();

const asked = (path) => scene.chat.requests.filter((request) => request.path.endsWith(path)).map((request) => JSON.parse(request.body));
const events = (widget) => widget.page.locator(".event").allTextContents();

met("what a bot offers can be chosen, as long as nothing was said after it", async (widget) => {
  scene.chat.message(BOT, "Which one?", { buttons: ["Blue pot", "أحمر"] });
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
  scene.chat.tell("conversation.escalated", { conversation_id: "cv_1", in_reply_to: null, trigger_message: null, assigned_agent: null });
  scene.chat.tell("conversation.assigned", { conversation_id: "cv_1", agent: { name: "Sarah" } });
  scene.chat.tell("typing", { author: SARAH, typing: true }, { passing: true });
  await widget.page.getByText("Sarah is typing").waitFor({ state: "attached" });
  scene.chat.message(SARAH, "Hi, I am Sarah.");
  await widget.page.getByText("Hi, I am Sarah.").waitFor();
  assert.equal(await widget.page.locator(".beads").count(), 0);
  assert.deepEqual(await events(widget), ["A person is taking over", "Sarah joined"]);
  assert.equal(await widget.page.locator(".entry--agent .who").textContent(), "Sarah");
  scene.chat.tell("conversation.resolved", { conversation_id: "cv_1" });
  scene.chat.tell("conversation.reopened", { conversation_id: "cv_1" });
  await widget.page.getByText("The conversation is open again").waitFor();
  assert.equal((await events(widget)).length, 4);
});

met("what was seen is told, both ways", async (widget) => {
  const mine = scene.chat.message(ME, "Are you there?");
  scene.chat.tell("conversation.read", { reader: "agent", message_id: mine });
  await widget.page.locator(".entry--mine").last().getByText("Seen").waitFor();
  assert.equal(await widget.page.getByText("Seen").count(), 1);
  const theirs = scene.chat.message(SARAH, "Yes.");
  await eventually("that it was read is said", () => asked("/read").length === 1);
  assert.deepEqual(asked("/read"), [{ message_id: theirs }]);
  await widget.page.keyboard.press("Escape");
  scene.chat.message(SARAH, "One more thing.");
  scene.chat.message(SARAH, "And another.");
  await widget.page.getByRole("button", { name: "Open chat. New messages: 2" }).waitFor();
  assert.equal(await widget.page.locator(".badge").textContent(), "2");
  assert.equal(asked("/read").length, 1, "what is not looked at is not read");
  await widget.launcher.click();
  await eventually("that it was read is said", () => asked("/read").length === 2);
  assert.equal(await widget.page.locator(".badge").isVisible(), false);
});

met("what was said is put into the log once, however often it is marked as seen", async (widget) => {
  await widget.page.evaluate(() => {
    const { shadowRoot } = document.querySelector("parlor-widget");
    window.added = [];
    const note = (node) => node instanceof HTMLElement && !node.closest('[aria-live="off"]') && window.added.push(node.textContent);
    new MutationObserver((records) => records.forEach(({ addedNodes }) => addedNodes.forEach(note)))
      .observe(shadowRoot.querySelector(".entries"), { subtree: true, childList: true });
  });
  for (const text of ["One of mine", "Another of mine"]) {
    await widget.say(text);
    const shown = widget.page.locator('[data-key^="message:"].entry--mine', { hasText: text });
    await shown.waitFor();
    const message_id = (await shown.getAttribute("data-key")).split(":")[1];
    scene.chat.tell("conversation.read", { reader: "agent", message_id });
    await shown.getByText("Seen").waitFor();
    assert.equal(await widget.page.getByText("Seen").count(), 1);
  }
  const added = await widget.page.evaluate(() => window.added);
  assert.deepEqual(["One of mine", "Another of mine"].map((text) => added.filter((each) => each.includes(text)).length), [1, 1]);
  assert.ok(!added.some((each) => each.includes("Seen")), "the mark is no news");
});

met("a file that arrived while its page was left is found, and not called lost", async (widget) => {
  const page = widget.page;
  await page.addInitScript(() => {
    const keep = Storage.prototype.setItem;
    Storage.prototype.setItem = function (name, text) {
      if (text.includes('"refused"')) window.wasRefused = true;
      return keep.call(this, name, text);
    };
  });
  // The server has it, and the page never hears of that.
  await page.route("**/files", async (route) => {
    await route.fetch().catch(() => {});
    await page.reload().catch(() => {});
  });
  await page.locator("input[type=file]").setInputFiles([{ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("tea") }]);
  await widget.field.press("Enter");
  const file = page.locator('[data-key^="message:"] a.file');
  await file.waitFor();
  await eventually("nothing is left to send", async () => (await page.locator(".entry--unsent").count()) === 0);
  assert.equal(await page.evaluate(() => window.wasRefused), undefined, "it was never called lost");
  assert.deepEqual([await file.count(), scene.chat.frames.filter(({ data }) => data.attachments).length], [1, 1]);
}, { expect: /Failed to load resource/ });

met("one that arrives after it was called lost is not lost any more", async (widget) => {
  const page = widget.page;
  let held;
  await page.route("**/files", (route) => (held = route));
  await page.locator("input[type=file]").setInputFiles([{ name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("tea") }]);
  await widget.field.press("Enter");
  await eventually("it is on its way", () => held);
  await page.reload();
  await page.getByText("Not sent. The file was lost by leaving the page.").waitFor();
  const attachments = [{ activity_id: 9, id: 1, filename: "a.txt", size: 3, mime_type: "text/plain" }];
  scene.chat.message(ME, "a.txt", { attachments });
  await page.locator('[data-key^="message:"] a.file').waitFor();
  await eventually("it is not called lost", async () => (await page.locator(".entry--unsent").count()) === 0);
}, { expect: /Failed to load resource/ });

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
    scene.chat.files.set("7/1", PIXEL);
    scene.chat.message(SARAH, "Look:", { attachments: [file, { activity_id: 7, id: 2, filename: "list.pdf", size: 123_456, mime_type: "application/pdf" }] });
    const link = widget.page.getByRole("link", { name: /^Download\s+pot <b>\.png\s+70 byte$/ });
    await link.waitFor();
    await eventually("the picture was fetched", () => scene.chat.requests.some((request) => request.path.endsWith("/files/7/1")));
    if (shown) await link.locator("img").waitFor();
    else assert.equal(await link.locator("img").count(), 0);
    const { token } = await widget.visitor();
    const base = `${scene.chat.origin}/api/v1/chat/conversations/${token}/files`;
    assert.equal(await link.getAttribute("href"), `${base}/7/1?disposition=attachment&site_key=site_1`);
    const [fetched] = scene.chat.requests.filter((request) => request.path.endsWith("/files/7/1"));
    assert.deepEqual([fetched.headers["x-site-key"], fetched.query.disposition], ["site_1", "inline"]);
    assert.equal(scene.chat.requests.filter((request) => request.path.endsWith("/files/7/2")).length, 0, "only pictures are fetched unasked");
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
  const uploads = scene.chat.requests.filter((request) => request.path.endsWith("/files"));
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
  scene.chat.message(BOT, "See https://example.com/a?b=c. Or <a href=javascript:alert(1)>x</a> javascript:alert(2)");
  const link = widget.page.locator(".entry--bot .text a");
  await link.waitFor();
  assert.deepEqual([await link.count(), await link.getAttribute("href")], [1, "https://example.com/a?b=c"]);
  assert.match(await link.getAttribute("rel"), /noopener noreferrer/);
  assert.equal(await widget.page.locator(".entry--bot .text").textContent(), "See https://example.com/a?b=c. Or <a href=javascript:alert(1)>x</a> javascript:alert(2)");
});

met("a conversation that was deleted makes room for another", async (widget) => {
  const before = await widget.visitor();
  scene.chat.message(BOT, "Bye.");
  scene.chat.tell("conversation.deleted", { conversation_id: "cv_1" });
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
