// The widget in conversations that are long: older messages are reached, and what a frame costs does
// not grow. The server is pretended, because a thousand answers are to be there at once.

import assert from "node:assert/strict";
import { eventually } from "./harness/eventually.js";
import { BOT, returning, scenario, scene, usePretence, visit } from "./harness/met.js";

usePretence();

const keys = (widget) => widget.page.locator('[data-key^="message:"] .text').allTextContents();
const earlier = (widget) => widget.page.getByRole("button", { name: "Earlier messages" });
const all = (count) => Array.from({ length: 2 * count }, (_, at) => `${at % 2 ? "Answer" : "Question"} ${(at >> 1) + 1}`);

/** A visitor who comes back to so many questions and answers. */
async function back(context, count, options = {}) {
  await returning(context);
  scene.chat.converse(count);
  const widget = await visit(context, { tag: "data-open", ...options });
  await widget.page.getByText(`Answer ${count}`, { exact: true }).waitFor();
  return widget;
}

scenario("older messages are reached page by page, each once and in order, and the reader's place is kept", async (context) => {
  const widget = await back(context, 400);
  await eventually("the oldest are let go", async () => (await keys(widget)).length <= 250);
  assert.deepEqual(await keys(widget), all(400).slice(-(await keys(widget)).length));
  const button = earlier(widget);
  let turns = 0;
  for (; (await button.count()) > 0; turns++) {
    const before = await keys(widget);
    const place = () =>
      widget.page.evaluate((text) => {
        const { shadowRoot } = document.querySelector("parlor-widget");
        const entry = [...shadowRoot.querySelectorAll(".entry .text")].find((each) => each.textContent === text);
        return Math.round(entry.getBoundingClientRect().top - shadowRoot.querySelector(".scroll").getBoundingClientRect().top);
      }, before[1]);
    await button.scrollIntoViewIfNeeded();
    await button.focus();
    const stood = await place();
    await widget.page.keyboard.press("Enter");
    await eventually("there are more", async () => (await keys(widget)).length > before.length);
    assert.ok(Math.abs((await place()) - stood) <= 60, "what was looked at stays");
  }
  assert.ok(turns > 1);
  assert.deepEqual(await keys(widget), all(400));
  const focused = await widget.page.evaluate(() => document.querySelector("parlor-widget").shadowRoot.activeElement?.className);
  assert.equal(focused, "scroll", "the focus stays among the messages");
  await widget.say("Thanks");
  await eventually("at the newest, the oldest are let go again", async () => (await keys(widget)).length <= 250);
  assert.equal(await button.count(), 1);
  assert.deepEqual(widget.faults, []);
});

scenario("what was let go is there again after a reload", async (context) => {
  const widget = await back(context, 200);
  await eventually("the oldest are let go", async () => (await keys(widget)).length <= 250);
  await widget.page.reload();
  await eventually("what was kept is shown", async () => (await keys(widget)).length === 200);
  await earlier(widget).click();
  await eventually("there are more", async () => (await keys(widget)).length === 300);
  assert.deepEqual(await keys(widget), all(200).slice(-300));
});

scenario("a page that fails is asked for again", async (context) => {
  const widget = await back(context, 200, { expect: /Failed to load/ });
  await eventually("the oldest are let go", async () => (await keys(widget)).length <= 250);
  await widget.page.route("**/events?*", (route) => route.fulfill({ status: 403, json: { error: { type: "forbidden", message: "No." } } }));
  await earlier(widget).click();
  const again = widget.page.getByRole("button", { name: "Earlier messages could not be loaded. Try again" });
  await again.waitFor();
  await widget.page.unroute("**/events?*");
  const before = (await keys(widget)).length;
  await again.click();
  await eventually("there are more", async () => (await keys(widget)).length > before);
  assert.deepEqual(widget.faults, []);
});

scenario("what a frame costs is the same in a long conversation as in a longer one", async (context) => {
  await context.addInitScript(() => {
    window.kept = 0;
    const keep = Storage.prototype.setItem;
    Storage.prototype.setItem = function (name, text) {
      window.kept = Math.max(window.kept, text.length);
      return keep.call(this, name, text);
    };
  });
  const widget = await back(context, 300);
  /** What one more chunk writes: nodes in the list, changes to them, the most that is stored. */
  const cost = async (reply_id) => {
    await eventually("the oldest are let go", async () => (await keys(widget)).length <= 250);
    scene.chat.tell("reply.started", { reply_id, in_reply_to: "m", author: BOT });
    scene.chat.tell("reply.chunk", { reply_id, offset: 0, text: "a" });
    await widget.page.locator(`[data-key="reply:${reply_id}"] .text`).waitFor();
    await widget.page.evaluate(() => {
      window.changes = 0;
      window.kept = 0;
      const { shadowRoot } = document.querySelector("parlor-widget");
      new MutationObserver((records) => (window.changes += records.length)).observe(shadowRoot, { subtree: true, childList: true, characterData: true, attributes: true });
    });
    for (let offset = 1; offset <= 20; offset++) scene.chat.tell("reply.chunk", { reply_id, offset, text: "b" });
    await eventually("it has grown", async () => (await widget.page.locator(`[data-key="reply:${reply_id}"] .text`).textContent()).length === 21);
    await eventually("it is stored", () => widget.page.evaluate(() => window.kept > 0));
    const seen = await widget.page.evaluate(() => ({ changes: window.changes, kept: window.kept, nodes: document.querySelector("parlor-widget").shadowRoot.querySelectorAll(".entries *").length }));
    scene.chat.message(BOT, `a${"b".repeat(20)}`, { message_id: reply_id });
    await widget.page.locator(`[data-key="message:${reply_id}"]`).waitFor();
    return seen;
  };
  const few = await cost("e".repeat(32));
  for (let count = 301; count <= 1500; count++) scene.chat.message(count % 2 ? { type: "customer" } : BOT, `Line ${count}`);
  await widget.page.getByText("Line 1500", { exact: true }).waitFor();
  const many = await cost("f".repeat(32));
  assert.ok(few.changes <= 25 && many.changes <= 25, `changes: ${few.changes}, ${many.changes}`);
  assert.ok(many.nodes <= 1.3 * few.nodes, `nodes: ${few.nodes}, ${many.nodes}`);
  assert.ok(many.kept <= 1.3 * few.kept, `stored: ${few.kept}, ${many.kept}`);
  assert.deepEqual(widget.faults, []);
}, { timeout: 120_000 });
