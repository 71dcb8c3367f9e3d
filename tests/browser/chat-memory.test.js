// The chat page and what it keeps: found wrong, cleared while it is open, more than it shows, and in
// more tabs than a browser has connections.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { eventually } from "./harness/eventually.js";
import { agrees, HOURS, HUMAN, scenario, stage } from "./harness/chat.js";
import { Tab } from "./harness/page.js";

/** Puts this in place of what is kept under that name, and loads the page again. */
async function find(tab, name, value) {
  await tab.page.evaluate(([name, value]) => {
    // What the page keeps when it is left comes after what it finds.
    addEventListener("pagehide", () => localStorage.setItem(`parlor.${name}`, value));
  }, [name, value]);
  await tab.page.reload();
  await tab.line("connected");
}

const kept = (tab) => tab.page.evaluate(() => JSON.parse(localStorage.getItem("parlor.transcript")));

describe("what is found", () => {
  for (const [what, change] of Object.entries({
    "entries that are a text": (found) => ({ ...found, transcript: { ...found.transcript, entries: JSON.stringify(found.transcript.entries) } }),
    "a list of nothing": (found) => ({ ...found, transcript: { ...found.transcript, entries: [null] } }),
    "a transcript without its fields": (found) => ({ ...found, transcript: { cursor: found.transcript.cursor, entries: [] } }),
    "seams that are none": (found) => ({ ...found, seams: { x: 1 } }),
    "a cursor that cannot be read": (found) => ({ ...found, transcript: { ...found.transcript, cursor: "1~x" } }),
    "nothing": () => null,
  })) {
    scenario(`${what} is thrown away and read again`, async (context) => {
      const tab = await Tab.open(context, stage.server.origin);
      await tab.say(HOURS);
      await tab.answers(1);
      await eventually("it is kept", async () => (await kept(tab))?.transcript.entries.length === 2);
      await find(tab, "transcript", JSON.stringify(change(await kept(tab))));
      await tab.answers(1);
      await agrees(tab);
      assert.deepEqual(tab.faults.filter((fault) => !fault.includes("400")), []);
    });
  }

  for (const wrong of ["{}", "[]", '"lt_1"', '{"conversation_id":1,"token":null}', "{"]) {
    scenario(`a session that reads ${wrong} is a new one`, async (context) => {
      const tab = await Tab.open(context, stage.server.origin);
      await find(tab, "session", wrong);
      await tab.say(HOURS);
      await tab.answers(1);
      await agrees(tab);
      assert.deepEqual(tab.faults, []);
    });
  }

  scenario("what is cleared while the page is open is kept again whole", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.say(HOURS);
    await tab.answers(1);
    const session = await tab.session();
    await tab.page.evaluate(() => localStorage.clear());
    await tab.page.reload();
    await tab.line("connected");
    assert.deepEqual(await tab.session(), session);
    await tab.answers(1);
    await agrees(tab);
  });
});

describe("long conversations and many tabs", () => {
  scenario("older messages are reached, page by page", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.say(HUMAN);
    await tab.page.locator(".event--escalated").waitFor();
    const { conversation_id, token } = await tab.session();
    const count = 400;
    for (let number = 1; number <= count; number++) {
      const response = await fetch(`${stage.server.origin}/live/v1/conversations/${conversation_id}/messages`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ text: `Message ${number}` }),
      });
      assert.equal(response.status, 201, await response.text());
    }
    const shown = () => tab.page.locator('[data-key^="message:"] .entry__text').allTextContents();
    await eventually("the newest is shown and the oldest are let go", async () => {
      const texts = await shown();
      return texts.at(-1) === `Message ${count}` && texts.length <= 350;
    });
    const button = tab.page.getByRole("button", { name: "Earlier messages" });
    while ((await button.count()) > 0) {
      const before = (await shown()).length;
      await button.click();
      await eventually("there are more", async () => (await shown()).length > before);
    }
    await agrees(tab);
    assert.equal((await shown())[0], HUMAN);
    assert.deepEqual(tab.faults, []);
  }, { timeout: 180_000 });

  scenario("eight tabs come up, with one connection between them", async (context) => {
    const tabs = [];
    for (let number = 0; number < 8; number++) tabs.push(await Tab.open(context, stage.server.origin));
    await tabs[3].say(HOURS);
    const answers = await Promise.all(tabs.map((tab) => tab.answers(1)));
    for (const tab of tabs) await agrees(tab);
    assert.equal(new Set(answers.flat()).size, 1);
    const open = tabs.flatMap((tab) => tab.requests).filter((url) => url.includes("/stream?"));
    assert.ok(open.length < tabs.length, `${open.length} streams were opened`);
  }, { timeout: 120_000 });

  scenario("what was said is put into the log once", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.page.evaluate(() => {
      window.added = [];
      const note = (node) => node instanceof HTMLElement && !node.closest('[aria-live="off"]') && window.added.push(node.textContent);
      new MutationObserver((records) => records.forEach(({ addedNodes }) => addedNodes.forEach(note))).observe(document.getElementById("entries"), { subtree: true, childList: true });
    });
    await tab.say(HOURS);
    await tab.answers(1);
    await tab.say(HOURS);
    await tab.answers(2);
    const added = await tab.page.evaluate(() => window.added);
    assert.equal(added.filter((text) => text.includes(HOURS)).length, 2);
  });
});
