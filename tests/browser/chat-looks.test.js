// How the chat page looks and what it offers: Markdown, files, buttons, days, paper, and the wire only
// for who asks for it.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { HOURS, scenario, stage, stored } from "./harness/chat.js";
import { eventually } from "./harness/eventually.js";
import { DESKTOP, PHONE, Tab } from "./harness/page.js";
import { Server } from "./harness/parlor.js";

/** Puts what the page has kept in another way, and opens it again. */
async function rewritten(tab, change) {
  await tab.page.evaluate(() => dispatchEvent(new Event("pagehide")));
  await tab.page.evaluate(`(${change})(JSON.parse(localStorage.getItem("parlor.transcript")), (kept) => localStorage.setItem("parlor.transcript", JSON.stringify(kept)))`);
  await tab.page.evaluate(() => (addEventListener("pagehide", (event) => event.stopImmediatePropagation(), { capture: true }), location.reload()));
  await tab.page.waitForLoadState();
  await tab.line("connected");
}

describe("how it looks", () => {
  scenario("the wire is there for who asks for it, and for nobody else", async (context) => {
    const tab = await Tab.open(context, stage.server.origin, { query: "" });
    assert.equal(await tab.page.locator("#wire").isVisible(), false);
    assert.equal(await tab.page.locator("#wire-toggle").isVisible(), false);
    await tab.say(HOURS);
    await tab.answers(1);
    assert.equal(await tab.page.locator("#frames li").count(), 0, "nothing is drawn that nobody sees");
    const wire = await Tab.open(context, stage.server.origin);
    assert.equal(await wire.page.locator("#wire").isVisible(), true);
  });

  scenario("no network is said at once, and its return too", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await context.setOffline(true);
    await tab.page.locator('body[data-line="dropped"]').waitFor({ timeout: 1000 });
    assert.equal(await tab.page.locator("#line-state").textContent(), "Offline");
    await context.setOffline(false);
    await tab.line("connected");
  });

  scenario("Markdown, links, files and days are shown", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.say(`${HOURS} https://shop.example/a(b)`);
    await tab.answers(1);
    assert.deepEqual(await tab.page.locator(".entry--customer a").evaluateAll((all) => all.map((link) => [link.textContent, link.rel])), [["https://shop.example/a(b)", "noopener noreferrer nofollow"]]);
    await rewritten(tab, (kept, keep) => {
      const [question, answer] = kept.transcript.entries;
      question.at = new Date(Date.now() - 86_400_000).toISOString();
      answer.text = "**Tea** and [pots](https://shop.example/pots)\n\n```sh\nmake tea\n```\n\n<img src=x onerror=alert(1)>";
      answer.files = [{ activity_id: 7, id: 1, filename: "pot <1>.pdf", size: 2048, mime_type: "application/pdf" }];
      keep(kept);
    });
    const text = tab.page.locator(".entry--bot .entry__text");
    assert.deepEqual(await text.locator("strong, a, pre").allTextContents(), ["Tea", "pots", "make tea"]);
    assert.equal(await text.getByRole("button", { name: "Copy" }).count(), 1);
    assert.equal(await text.locator("img").count(), 0);
    assert.deepEqual(await tab.page.locator(".event--day").allTextContents(), ["Yesterday", "Today"]);
    const file = tab.page.locator(".file");
    assert.match(await file.textContent(), /pot <1>\.pdf.*2/);
    const { conversation_id, token } = await tab.session();
    assert.equal(await file.getAttribute("href"), `/live/v1/conversations/${conversation_id}/files/7/1?token=${encodeURIComponent(token)}`);
    assert.deepEqual(tab.faults, []);
  });

  scenario("a flow is walked through by the buttons that it offers", async (context) => {
    const server = await Server.start();
    try {
      await server.set({ default_bot: (await server.credentials()).chataibot_bot_key });
      const tab = await Tab.open(context, server.origin);
      await tab.say("Hello");
      const offers = tab.page.getByRole("group", { name: "Suggested replies" }).getByRole("button");
      await offers.first().waitFor();
      await offers.filter({ hasText: "Track my order" }).click();
      await tab.page.getByText("What is your order number?").waitFor();
      assert.deepEqual(await tab.texts("customer"), ["Hello", "Track my order"]);
    } finally {
      await server.stop();
    }
  });

  scenario("Send is Stop while a reply is made and nothing is written", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    const seen = tab.page.evaluate(
      () =>
        new Promise((resolve) => {
          const look = () => !document.getElementById("stop").hidden && resolve([document.getElementById("send").hidden, document.activeElement.id]);
          new MutationObserver(look).observe(document.getElementById("composer"), { subtree: true, attributes: true });
        }),
    );
    await tab.say(HOURS);
    assert.deepEqual(await seen, [true, "message"]);
    await tab.answers(1);
    await eventually("it is Send again", () => tab.page.locator("#send").isVisible());
    assert.equal(await tab.page.locator("#stop").isVisible(), false);
  });

  scenario("8,000 emoji are sent whole, and 10,001 signs are too many", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.say("x".repeat(10_001));
    await tab.page.getByText("At most 10,000 characters, please.").waitFor();
    const emoji = "🫖".repeat(8000);
    await tab.say(emoji);
    await eventually("it is stored", async () => (await stage.server.messages(await tab.session())).some(({ text }) => text === emoji));
    assert.equal(await tab.page.locator("#fault").isVisible(), false);
  });

  for (const [name, device] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    scenario(`${name}: a word of 500 letters wraps`, async (context) => {
      const tab = await Tab.open(context, stage.server.origin, { query: "" });
      await tab.say(HOURS);
      await tab.answers(1);
      await rewritten(tab, (kept, keep) => {
        const [question, answer] = kept.transcript.entries;
        question.text = "x".repeat(500);
        answer.author.name = "n".repeat(500);
        answer.text = `# ${"h".repeat(500)}\n\n**${"b".repeat(500)}**`;
        answer.buttons = ["o".repeat(500)];
        keep(kept);
      });
      await tab.page.getByText("ooo").waitFor();
      for (const place of ["html", "#scroll"]) assert.equal(await tab.page.locator(place).evaluate((box) => box.scrollWidth > box.clientWidth), false, place);
    }, { device });
  }

  scenario("printing gives as many pages as the conversation takes", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.say(HOURS);
    await tab.answers(1);
    const pages = async () => (await tab.page.pdf()).toString("latin1").match(/\/Type\s*\/Page\b/g).length;
    assert.equal(await pages(), 1);
    await rewritten(tab, (kept, keep) => {
      const [, answer] = kept.transcript.entries;
      answer.text = Array.from({ length: 150 }, (_, at) => `Line ${at}`).join("\n\n");
      keep(kept);
    });
    assert.ok((await pages()) >= 3, "nothing is cut off");
    assert.equal((await stored(tab)).length, 1);
  });
});
