// The chat page for everybody: keyboard, screen reader, less motion, narrow screens, colours.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { describe } from "node:test";
import { HOURS, HUMAN, notes, ORDER, scenario, stage } from "./harness/chat.js";
import { DESKTOP, PHONE, Tab } from "./harness/page.js";

const { source: AXE } = createRequire(import.meta.url)("axe-core");

describe("for everybody", () => {
  scenario("a screen reader hears each finished message once, and no chunk", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    await tab.page.evaluate(() => {
      window.heard = [];
      const aloud = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest("[aria-live]")?.getAttribute("aria-live") === "polite";
      new MutationObserver((changes) => {
        for (const change of changes) {
          if (change.type === "characterData" && aloud(change.target)) window.heard.push(change.target.data);
          for (const node of change.addedNodes) if (aloud(node) && node.isConnected) window.heard.push(node.querySelector?.(".entry__text")?.textContent ?? node.textContent);
        }
      }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    await tab.say(HOURS);
    const [answer] = await tab.answers(1);
    assert.deepEqual(await tab.page.evaluate(() => window.heard), [HOURS, answer]);
    const log = tab.page.getByRole("log");
    assert.equal(await log.getAttribute("aria-live"), "polite");
  });

  scenario("everything can be done with the keyboard, and its place is visible", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    const { keyboard } = tab.page;
    const focused = () => tab.page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName);
    assert.equal(await focused(), "message", "one can write at once");
    const stops = [];
    for (;;) {
      await keyboard.press("Tab");
      const stop = await focused();
      if (stop === "BODY") continue;
      if (stop === stops[0]) break;
      stops.push(stop);
      assert.ok(stops.length < 40, `the round does not end: ${stops}`);
      const seen = await tab.page.evaluate(() => {
        const ring = (node) => getComputedStyle(node).outlineStyle !== "none" && parseFloat(getComputedStyle(node).outlineWidth) >= 1;
        const at = document.activeElement;
        return ring(at) || (at.nextElementSibling && ring(at.nextElementSibling)) || ring(at.closest("form") ?? at);
      });
      assert.ok(seen, `the focus on ${stop} can be seen`);
    }
    for (const stop of ["skip", "new", "theme", "wire-toggle", "scroll", "chip", "message", "send", "drop"]) {
      assert.ok(stops.includes(stop), `${stop} is reached; reached were ${stops}`);
    }
    await tab.page.locator(".chip").first().focus();
    await keyboard.press("Enter");
    await tab.answers(1);
    assert.equal(await focused(), "message", "after a suggestion one can write on");
    await keyboard.type("Good morning!");
    await keyboard.press("Shift+Enter");
    await keyboard.type("When are you open?");
    assert.equal((await tab.texts("customer")).length, 1, "Shift+Enter sends nothing");
    await keyboard.press("Enter");
    await tab.answers(2);
    assert.equal((await tab.texts("customer"))[1], "Good morning!\nWhen are you open?");
    const midReply = await tab.inMidReply({ press: "Escape" });
    await keyboard.type(ORDER);
    await keyboard.press("Enter");
    await midReply();
    await tab.answers(3);
    assert.deepEqual(await notes(tab), ["Stopped"]);
    await tab.page.locator("#drop").focus();
    await keyboard.press("Space");
    await tab.line("dropped");
    await keyboard.press("Space");
    await tab.line("connected");
  });

  scenario("who wants less motion gets none", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    const moving = () => tab.page.evaluate(() => document.getAnimations().filter((each) => each.playState === "running").length);
    await tab.page.emulateMedia({ reducedMotion: "reduce" });
    const midReply = await tab.inMidReply({ click: "#drop" });
    await tab.say(ORDER);
    await midReply();
    assert.equal(await moving(), 0);
    await tab.page.emulateMedia({ reducedMotion: "no-preference" });
    await tab.page.locator("#drop").click();
    await tab.answers(1);
    const again = await tab.inMidReply({ click: "#drop" });
    await tab.say(ORDER);
    await again();
    await tab.page.evaluate(() => (document.body.dataset.line = "connected"));
    assert.ok((await moving()) > 0, "the check can tell");
  });

  for (const [size, device] of [["desktop", DESKTOP], ["phone", PHONE]]) {
    for (const colorScheme of ["light", "dark"]) {
      scenario(`${size}, ${colorScheme}: axe finds nothing serious, nothing is cut off`, (context) => inspect(context, size, colorScheme), {
        device: { ...device, colorScheme },
      });
    }
  }

  scenario("the theme follows the system until one is chosen, and is remembered", async (context) => {
    const tab = await Tab.open(context, stage.server.origin);
    const ground = () => tab.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    await tab.page.emulateMedia({ colorScheme: "light" });
    const light = await ground();
    await tab.page.emulateMedia({ colorScheme: "dark" });
    const dark = await ground();
    assert.notEqual(dark, light);
    await tab.page.getByRole("button", { name: "Switch to light colours" }).click();
    assert.equal(await ground(), light);
    await tab.page.reload();
    assert.equal(await ground(), light);
    await tab.page.getByRole("button", { name: "Switch to dark colours" }).click();
    assert.equal(await ground(), dark);
  });
});

/** Looks at the page in each of its states: axe, overflow, and a picture where one is wanted. */
async function inspect(context, size, colorScheme) {
  const tab = await Tab.open(context, stage.server.origin);
  const look = async (state) => {
    await tab.page.evaluate(() => {
      const ending = document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime !== Infinity);
      return Promise.all(ending.map((each) => each.finished));
    });
    await tab.page.evaluate(AXE);
    const { violations } = await tab.page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    const grave = violations.filter((each) => ["serious", "critical"].includes(each.impact));
    assert.deepEqual(grave.map((each) => `${each.id}: ${each.nodes.map((node) => node.html)}`), [], `${state}: mend these`);
    const wide = await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${state}: the page is ${wide}px too wide`);
    if (!process.env.SCREENSHOTS) return;
    await mkdir(process.env.SCREENSHOTS, { recursive: true });
    await tab.page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${size}-${colorScheme}-${state}.png`) });
  };
  const wire = tab.page.locator("#wire-toggle");
  await look("1-fresh");
  const midReply = await tab.inMidReply({ click: "#drop" });
  await tab.say(ORDER);
  await midReply();
  await tab.say(HOURS);
  await look("2-dropped");
  if (size === "phone") await wire.click();
  await look("3-wire");
  await tab.page.locator("#drop").click();
  await tab.answers(2);
  await look("4-resumed");
  if (size === "phone") await wire.click();
  await tab.say(await tab.page.locator(".chip[lang=hi]").textContent());
  await tab.answers(3);
  await tab.say(HUMAN);
  await tab.page.locator(".event--escalated").waitFor();
  await tab.page.route("**/messages", (route) => route.fulfill({ status: 422, contentType: "application/json", body: '{"error":{"message":"Too long."}}' }));
  await tab.say("Thank you, I will wait.");
  await tab.page.getByText("Not sent. Too long.").waitFor();
  await look("5-person");
}
