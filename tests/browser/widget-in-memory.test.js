// What the widget finds in the browser's storage, and what becomes of it when storage is cleared.

import assert from "node:assert/strict";
import { eventually } from "./harness/eventually.js";
import { BOT, met, returning, scenario, scene, SITE_KEY, usePretence, visit } from "./harness/met.js";

usePretence();

const MESSAGE = {
  kind: "message", id: "1".padStart(32, "0"), cursor: "1", author: { type: "customer" }, text: "Question 1", language: null,
  inReplyTo: null, partial: false, buttons: [], files: [], at: "2026-06-16T10:00:00Z",
};
const TRANSCRIPT = {
  cursor: "1", begins: "0", status: "bot", agent: null, entries: [MESSAGE], replies: [], waiting: [], typing: [],
  read: { customer: null, agent: null }, mismatches: 0,
};
const keep = (transcript) => ({ transcript: { token: "v".repeat(64), transcript } });

/** What has been found stored, and that the conversation is shown all the same. */
const found = {
  "entries that are a text, as an old toJSON of arrays makes them": keep({ ...TRANSCRIPT, entries: JSON.stringify([MESSAGE]) }),
  "a list of nothing": keep({ ...TRANSCRIPT, entries: [null] }),
  "a transcript without its fields": keep({ cursor: "1", entries: [MESSAGE] }),
  "messages without their fields": keep({ ...TRANSCRIPT, entries: [{ kind: "message", id: "x" }] }),
  "a transcript of an older version": keep({ ...TRANSCRIPT, begins: undefined, entries: [{ ...MESSAGE, cursor: undefined }] }),
  "a cursor that is none": keep({ ...TRANSCRIPT, cursor: { seq: 1 } }),
  "a cursor that cannot be read": keep({ ...TRANSCRIPT, cursor: "1~x" }),
  "a cursor beyond the log, as after a restored backup": keep({ ...TRANSCRIPT, cursor: "999999", entries: [{ ...MESSAGE, id: "f".repeat(32), text: "Lost with the log" }] }),
  "what is no JSON": { transcript: '{"token":"v' },
  "a configuration that is a list": { config: [] },
  "a visitor of whom the token alone is right": { visitor: { token: "v".repeat(64), conversationToken: 7, name: null } },
  "all that is right": keep(TRANSCRIPT),
};
for (const [what, kept] of Object.entries(found)) {
  scenario(`it comes up with ${what}`, async (context) => {
    scene.chat.converse(2);
    await returning(context, kept);
    const widget = await visit(context, { tag: "data-open", expect: /400/ });
    await widget.line("connected");
    const shown = () => widget.page.locator('[data-key^="message:"] .text').allTextContents();
    await eventually("all is shown", async () => (await shown()).length === 4);
    assert.deepEqual(await shown(), ["Question 1", "Answer 1", "Question 2", "Answer 2"]);
    await widget.say("Thanks");
    await eventually("it is sent", async () => (await shown()).at(-1) === "Thanks");
    assert.deepEqual(widget.faults, []);
  });
}

for (const wrong of ["{}", '"text"', '{"token":1}', "null", "[]"]) {
  scenario(`a visitor that reads ${wrong} is somebody new`, async (context) => {
    await returning(context, { visitor: wrong });
    const widget = await visit(context);
    await widget.begin("Hello");
    await eventually("it is begun", async () => (await widget.texts("mine")).length === 1);
    assert.equal(typeof (await widget.visitor()).token, "string");
    assert.deepEqual(widget.faults, []);
  });
}

scenario("unsent messages and drafts of another form are let go", async (context) => {
  await returning(context);
  await context.addInitScript((key) => {
    for (const [name, value] of Object.entries({ unsent: { token: "v".repeat(64), entries: "[]" }, draft: ["x"], open: "yes" })) {
      sessionStorage.setItem(`parlor.widget.${key}.${name}`, JSON.stringify(value));
    }
  }, SITE_KEY);
  scene.chat.converse(1);
  const widget = await visit(context, { tag: "data-open" });
  await eventually("all is shown", async () => (await widget.texts("theirs")).length === 1);
  assert.equal(await widget.field.inputValue(), "");
  assert.deepEqual(widget.faults, []);
});

scenario("on a page whose arrays make texts of themselves it is as on any other", async (context) => {
  await context.addInitScript(() => {
    Array.prototype.toJSON = function () {
      return `[${this.map((each) => JSON.stringify(each)).join(", ")}]`;
    };
    String.prototype.toJSON = function () {
      return `"${this}"`;
    };
  });
  const widget = await visit(context);
  await widget.begin("Hello");
  await eventually("it is begun", async () => (await widget.texts("mine")).length === 1);
  scene.chat.message(BOT, "Which?", { buttons: ["One"] });
  await widget.page.getByRole("button", { name: "One" }).waitFor();
  const streams = () => scene.chat.requests.filter(({ path }) => path.endsWith("/stream"));
  await widget.page.reload();
  await widget.page.getByRole("button", { name: "One" }).waitFor();
  assert.deepEqual([await widget.texts("mine"), await widget.texts("theirs")], [["Hello"], ["Which?"]]);
  await eventually("it follows", () => scene.chat.streams.size === 1);
  assert.equal(streams().at(-1).query.after, "3", "it goes on where it was");
  assert.deepEqual(widget.faults, []);
});

met("what is cleared while it is open is kept again whole", async (widget, context) => {
  scene.chat.message(BOT, "One");
  await widget.page.getByText("One", { exact: true }).waitFor();
  const kept = () =>
    widget.page.evaluate(() => Object.fromEntries(Object.keys(localStorage).map((name) => [name.split(".").at(-1), JSON.parse(localStorage.getItem(name))])));
  await eventually("it is kept", async () => (await kept()).transcript?.transcript.entries.length === 2);
  const before = await kept();
  await widget.page.evaluate(() => localStorage.clear());
  scene.chat.message(BOT, "Two");
  await eventually("it is kept again", async () => (await kept()).transcript?.transcript.entries.length === 3);
  const again = await kept();
  assert.deepEqual([Object.keys(again).sort(), again.visitor, again.config], [Object.keys(before).sort(), before.visitor, before.config]);

  const other = await visit(context);
  await other.page.evaluate(() => localStorage.clear());
  await eventually("the other tab's clearing is mended at once", async () => (await kept()).visitor?.token === before.visitor.token);

  await widget.page.evaluate(() => {
    localStorage.clear();
    sessionStorage.clear();
  });
  await widget.page.reload();
  await widget.launcher.waitFor();
  await eventually("the conversation is there", async () => (await widget.texts("theirs")).length === 2);
  assert.equal((await widget.visitor()).token, before.visitor.token);
});

met("a log that was restored from a backup is read again from its start", async (widget) => {
  for (const text of ["One", "Two", "Three"]) scene.chat.message(BOT, text);
  await eventually("all are shown", async () => (await widget.texts("theirs")).length === 3);
  scene.chat.restore(3);
  await eventually("what is left is shown", async () => (await widget.texts("theirs")).join() === "One");
  scene.chat.message(BOT, "Four");
  await widget.page.getByText("Four").waitFor();
  assert.deepEqual([await widget.texts("mine"), await widget.texts("theirs")], [["Hello"], ["One", "Four"]]);
  await widget.line("connected");
}, { expect: /Failed to load|ERR_/ });
