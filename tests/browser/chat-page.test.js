// The chat page in Chromium against the real server: what it shows, sends and offers to everybody.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { agrees, figure, HOURS, ORDER, scenario, stage, stored } from "./harness/chat.js";
import { Tab } from "./harness/page.js";
import { Server } from "./harness/parlor.js";

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

describe("the page", () => {
  scenario("opens without an error, a violation or a foreign request", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    assert.equal(tab.response.headers()["content-security-policy"].replace(/\s+/g, " "), POLICY);
    const again = await tab.page.reload();
    assert.ok([200, 304].includes(again.status()), `the browser's second look was answered ${again.status()}`);
    await tab.line("connected");
    assert.equal(await tab.page.locator("h1").textContent(), (await tab.session()).brand);
    assert.equal(await tab.page.locator("#greeting").textContent(), (await tab.session()).greeting);
    await tab.page.locator(".chip").first().click();
    await tab.answers(1);
    assert.ok(tab.requests.some((url) => url.endsWith("/web/shared/favicon.svg")), "the page's own icon is asked for");
    assert.deepEqual(tab.faults, []);
  });

  scenario("shows an answer as it comes, and then exactly what is stored", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.page.evaluate(() => {
      window.steps = [];
      new MutationObserver(() => {
        const text = document.querySelector(".entry--growing .entry__text")?.textContent;
        if (text && text !== window.steps.at(-1)) window.steps.push(text);
      }).observe(document.getElementById("entries"), { subtree: true, childList: true, characterData: true });
    });
    await tab.say(HOURS);
    const [shown] = await tab.answers(1);
    const [answer] = await stored(tab);
    assert.equal(shown, answer.text);
    assert.equal(answer.intent, "business_hours");
    const steps = await tab.page.evaluate(() => window.steps);
    assert.ok(steps.length >= 3, `it came in ${steps.length} steps`);
    steps.forEach((step, at) => assert.ok(answer.text.startsWith(step) && step.length > (steps[at - 1] ?? "").length, step));
    await agrees(tab);
    assert.deepEqual([await figure(tab, "gaps"), await figure(tab, "duplicates")], [0, 0]);
  });

  scenario("answers its suggestions in their languages", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    const spanish = await tab.page.locator(".chip[lang=es]").textContent();
    const hindi = await tab.page.locator(".chip[lang=hi]").textContent();
    await tab.page.locator(".chip[lang=es]").click();
    await tab.answers(1);
    await tab.say(hindi);
    await tab.answers(2);
    const messages = await agrees(tab);
    assert.deepEqual(messages.map((message) => message.language), ["es", "es", "hi", "hi"]);
    assert.deepEqual(await tab.texts("customer"), [spanish, hindi]);
    assert.equal(await tab.page.locator(".entry--bot .entry__text").last().getAttribute("lang"), "hi");
    assert.equal(await tab.page.locator("#chips").isVisible(), false, "suggestions are for the beginning");
  });

  scenario("shows on the wire what came: type, cursor, offset, and the frame itself", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.say(HOURS);
    await tab.answers(1);
    const frames = await stage.server.frames(await tab.session());
    const outbound = frames.find((frame) => frame.type === "message.outbound");
    const row = tab.page.locator("#frames details", { has: tab.page.getByText("message.outbound", { exact: true }) });
    assert.equal(await row.locator(".frames__cursor").textContent(), outbound.id);
    await row.locator("summary").click();
    assert.equal(JSON.parse(await row.locator("pre").textContent()).data.text, outbound.data.text);
    const offsets = (await tab.page.locator(".frames__offset").allTextContents()).filter(Boolean).map((text) => Number(text.slice(1))).reverse();
    const length = Array.from(outbound.data.text).length;
    assert.ok(offsets.length >= 2 && offsets.at(-1) < length, `offsets ${offsets}`);
    offsets.forEach((offset, at) => assert.ok(at === 0 || offset > offsets[at - 1]));
    await tab.page.locator("#wire-toggle").click();
    assert.equal(await tab.page.locator("#wire").isVisible(), false);
    assert.equal(await tab.page.locator("#wire-toggle").getAttribute("aria-expanded"), "false");
  });

  scenario("starts a new conversation when asked", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.say(HOURS);
    await tab.answers(1);
    const first = await tab.session();
    await tab.page.locator("#new").click();
    await tab.page.locator("#chips").waitFor();
    assert.notEqual((await tab.session()).conversation_id, first.conversation_id);
    await tab.answers(0);
    await tab.say(ORDER);
    await tab.answers(1);
    await agrees(tab);
  });

  scenario("says what to do where there is no demo", async (context) => {
    const bare = await Server.start("--no-demo");
    try {
      const tab = await Tab.open(context, bare.origin, { ready: false });
      await tab.page.getByRole("heading", { name: "There is no demo here" }).waitFor();
      assert.equal(await tab.page.locator("#notice a").getAttribute("href"), "/docs");
      assert.ok(await tab.page.locator("#message").isDisabled());
    } finally {
      await bare.stop();
    }
  });

  scenario("says so when its conversation is gone, and offers a new one", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.page.evaluate(() => {
      const session = JSON.parse(localStorage.getItem("parlor.session"));
      localStorage.setItem("parlor.session", JSON.stringify({ ...session, token: "lt_nonsense" }));
    });
    await tab.page.reload();
    await tab.page.getByRole("heading", { name: "can no longer be reached" }).waitFor();
    await tab.page.locator("#notice button").click();
    await tab.line("connected");
    await tab.say(HOURS);
    await tab.answers(1);
    assert.equal(await tab.page.locator("#notice").isVisible(), false);
  });
});
