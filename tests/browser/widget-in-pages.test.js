// The widget in pages that go on living: bodies that are swapped, tags that run again, tabs by the
// dozen. The server is pretended, because it has to count who is connected.

import assert from "node:assert/strict";
import { eventually } from "./harness/eventually.js";
import { BOT, met, returning, scenario, scene, usePretence, visit } from "./harness/met.js";

usePretence();

/** As sites do that swap pages: another body, and its classic tags are run again. */
const swap = (widget, { tag = true } = {}) =>
  widget.page.evaluate((tag) => {
    const old = document.querySelector('script[src*="widget.js"]');
    const body = document.createElement("body");
    body.append(Object.assign(document.createElement("main"), { textContent: "Another page" }));
    if (tag) {
      const again = document.createElement("script");
      for (const { name, value } of old.attributes) again.setAttribute(name, value);
      body.append(again);
    }
    document.documentElement.replaceChild(body, document.body);
  }, tag);

const hosts = (widget) => widget.page.locator("parlor-widget").count();
const oneStream = (what) => eventually(`${what}: one stream is open`, () => scene.chat.streams.size === 1);

for (const kind of ['type="module"', "async", "defer"]) {
  met(`a page whose body is swapped has its widget, once: ${kind}`, async (widget) => {
    for (const tag of [true, true, false]) {
      await swap(widget, { tag });
      assert.equal(await hosts(widget), 1);
    }
    assert.ok(await widget.panel.isVisible());
    scene.chat.message(BOT, "Still here");
    await widget.page.getByText("Still here").waitFor();
    assert.equal(await widget.page.getByText("Still here").count(), 1);
    await oneStream("after three swaps");
    await widget.say("So am I");
    await eventually("it is sent once", async () => (await widget.texts("mine")).filter((text) => text === "So am I").length === 1);
  }, { about: { kind, scripts: "any" } });
}

met("a document that is filled anew has its widget, and keeps what was being written", async (widget) => {
  await widget.field.fill("Half a senten");
  await widget.page.evaluate(() => {
    const body = document.createElement("body");
    document.documentElement.replaceChildren(document.createElement("head"), body);
  });
  await eventually("it is back", async () => (await hosts(widget)) === 1 && (await widget.panel.isVisible()));
  assert.equal(await widget.field.inputValue(), "Half a senten");
  await oneStream("after the page was filled anew");
});

met("what somebody takes out of the page is gone and gives its connection back", async (widget) => {
  await oneStream("before");
  await widget.page.evaluate(() => document.querySelector("parlor-widget").remove());
  await eventually("nobody is connected", () => scene.chat.streams.size === 0);
  assert.equal(await hosts(widget), 0);
});

met("two tags are one widget", async (widget) => {
  for (const type of ["", "module"]) {
    await widget.page.evaluate((type) => {
      const old = document.querySelector('script[src*="widget.js"]');
      const again = Object.assign(document.createElement("script"), { src: `${old.src}?again=${type}`, type });
      again.dataset.siteKey = old.dataset.siteKey;
      return new Promise((resolve) => {
        again.onload = resolve;
        document.body.append(again);
      });
    }, type);
  }
  await widget.page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 300)));
  assert.equal(await hosts(widget), 1);
  await oneStream("with three tags");
}, { about: { scripts: "any" } });

met("what is removed stays away, whatever other tabs do", async (widget, context) => {
  const other = await visit(context);
  await other.unfold();
  await other.line("connected");
  await widget.page.evaluate(() => window.ParlorWidget.remove());
  await oneStream("the other tab's");
  const asked = scene.chat.requests.length;
  const seen = [];
  widget.page.on("request", (request) => request.url().includes("/live/") && seen.push(request.url()));
  scene.chat.tell("conversation.deleted", { conversation_id: "cv_1" });
  await other.page.getByText("Your earlier conversation has ended").waitFor();
  scene.chat.restore(0);
  await other.say("Hello again");
  await eventually("it is begun", () => scene.chat.requests.slice(asked).some(({ method, path }) => method === "POST" && path.endsWith("/conversations")));
  await other.line("connected");
  assert.equal(await hosts(widget), 0);
  assert.deepEqual(seen, []);
  await other.page.close();
  await eventually("nobody is connected", () => scene.chat.streams.size === 0);
});

scenario("eight tabs share one connection over HTTP/1.1, and the last goes on when the others are closed", async (context) => {
  await returning(context);
  scene.chat.converse(2);
  const tabs = [];
  for (let number = 0; number < 8; number++) {
    const tab = await visit(context, { tag: "data-open" });
    tabs.push(tab);
    await tab.line("connected");
    assert.deepEqual(await eventually("all is shown", async () => (await tab.texts("theirs")).length === 2 && tab.texts("theirs")), ["Answer 1", "Answer 2"]);
  }
  await oneStream("eight tabs");
  scene.chat.message(BOT, "To everybody");
  for (const tab of tabs) await tab.page.getByText("To everybody").waitFor();
  await oneStream("after a message");
  while (tabs.length > 1) {
    await tabs.shift().page.close();
    scene.chat.message(BOT, `${tabs.length} are left`);
    await tabs.at(-1).page.getByText(`${tabs.length} are left`).waitFor();
  }
  await oneStream("the last");
  assert.deepEqual(await tabs[0].texts("theirs"), ["Answer 1", "Answer 2", "To everybody", ...[7, 6, 5, 4, 3, 2, 1].map((left) => `${left} are left`)]);
  assert.deepEqual(tabs[0].faults, []);
}, { timeout: 120_000 });
