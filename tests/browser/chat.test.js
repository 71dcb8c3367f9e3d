// The chat page in Chromium against the real server. What the page shows is held against what the
// server has stored; "in mid-reply" means that text was on the screen and more was to come.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { eventually } from "./harness/eventually.js";
import { browser, DESKTOP, PHONE, Tab } from "./harness/page.js";
import { Server } from "./harness/parlor.js";

const { source: AXE } = createRequire(import.meta.url)("axe-core");
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HOURS = "What are your opening hours?";
/** The longest of the demo's answers. */
const ORDER = "Where is my order?";
const HUMAN = "I want to talk to a human";

/** @type {import("playwright-core").Browser} */
let chromium;
/** @type {Server} */
let server;

before(async () => {
  server = await Server.start();
  chromium = await browser();
});

after(async () => {
  await chromium?.close();
  await server?.stop();
});

/** A scenario with a fresh browser profile, closed whatever happens. */
function scenario(name, body, { device = DESKTOP, timeout = 90_000 } = {}) {
  test(name, { timeout }, async () => {
    const context = await chromium.newContext(device);
    try {
      await body(context);
    } finally {
      await context.close();
    }
  });
}

/** The stored answers, in order. */
async function stored(tab, at = server) {
  const messages = await at.messages(await tab.session());
  return messages.filter((message) => message.author.type === "bot");
}

/** What is shown is what is stored, each once and in order. */
async function agrees(tab, at = server) {
  const messages = await at.messages(await tab.session());
  const shown = await tab.page.locator('[data-key^="message:"] .entry__text').allTextContents();
  assert.deepEqual(shown, messages.map((message) => message.text));
  return messages;
}

const notes = (tab) => tab.page.locator(".entry--bot").last().locator(".entry__meta span").allTextContents();
const figure = async (tab, id) => Number(await tab.page.locator(`#${id}`).textContent());

describe("the page", () => {
  scenario("opens without an error, a violation or a foreign request", async (context) => {
    const tab = await Tab.open(context, server.origin);
    assert.equal(tab.response.headers()["content-security-policy"].replace(/\s+/g, " "), POLICY);
    const again = await tab.page.reload();
    assert.ok([200, 304].includes(again.status()), `the browser's second look was answered ${again.status()}`);
    await tab.line("connected");
    assert.equal(await tab.page.locator("h1").textContent(), (await tab.session()).brand);
    assert.equal(await tab.page.locator("#greeting").textContent(), (await tab.session()).greeting);
    await tab.page.locator(".chip").first().click();
    await tab.answers(1);
    assert.ok(tab.requests.some((url) => url.endsWith("/web/favicon.svg")), "the page's own icon is asked for");
    assert.deepEqual(tab.faults, []);
  });

  scenario("shows an answer as it comes, and then exactly what is stored", async (context) => {
    const tab = await Tab.open(context, server.origin);
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
    const tab = await Tab.open(context, server.origin);
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
    const tab = await Tab.open(context, server.origin);
    await tab.say(HOURS);
    await tab.answers(1);
    const frames = await server.frames(await tab.session());
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
    const tab = await Tab.open(context, server.origin);
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
    const tab = await Tab.open(context, server.origin);
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

for (const transport of ["sse", "websocket"]) {
  describe(`over ${transport}`, () => {
    /** A tab with this transport, for which it has no other. */
    async function opened(context, origin = server.origin) {
      await context.addInitScript((transport) => localStorage.setItem("parlor.transport", JSON.stringify(transport)), transport);
      const tab = await Tab.open(context, origin);
      const streams = tab.requests.filter((url) => url.includes(transport === "sse" ? "/stream?" : "/live/v1/ws?"));
      const others = tab.requests.filter((url) => url.includes(transport === "sse" ? "/live/v1/ws?" : "/stream?"));
      assert.deepEqual([streams.length, others.length], [1, 0], "the feed comes over the transport that was chosen");
      return tab;
    }

    scenario("a reload in mid-reply goes on at the very character", async (context) => {
      const tab = await opened(context);
      const midReply = await tab.inMidReply({ reload: true });
      await tab.say(ORDER);
      const before = await midReply();
      const [shown] = await tab.answers(1);
      const [answer] = await stored(tab);
      assert.ok(before.length < answer.text.length && answer.text.startsWith(before), `reloaded at "${before}"`);
      assert.equal(shown, answer.text);
      await agrees(tab);
      const [resumed] = (await notes(tab)).map((note) => note.match(/^Resumed at character (\d+)$/)).filter(Boolean);
      assert.ok(Number(resumed?.[1]) >= Array.from(before).length, `it was taken up at ${resumed?.[1]} after ${before.length}`);
    });

    scenario("a dropped line, restored, misses nothing", async (context) => {
      const tab = await opened(context);
      const midReply = await tab.inMidReply({ click: "#drop" });
      await tab.say(ORDER);
      const before = await midReply();
      await tab.line("dropped");
      // The server goes on without us, to the end.
      const [answer] = await eventually("the answer is stored", async () => (await stored(tab)).length === 1 && stored(tab));
      assert.deepEqual(await tab.texts("bot"), [], "nothing reaches a dropped line");
      assert.ok(before.length < answer.text.length);
      await tab.say(HOURS);
      await tab.page.getByText("Will be sent when the line is restored").waitFor();
      await tab.page.locator("#drop").click();
      const shown = await tab.answers(2);
      assert.equal(shown[0], answer.text);
      await agrees(tab);
      assert.deepEqual([await figure(tab, "gaps"), await figure(tab, "duplicates"), await figure(tab, "reconnects")], [0, 0, 1]);
    });

    for (const signal of ["SIGKILL", "SIGTERM"]) {
      scenario(`a server ended by ${signal} and started again finishes the reply once`, async (context) => {
        const mortal = await Server.start();
        try {
          const tab = await opened(context, mortal.origin);
          const midReply = await tab.inMidReply({ run: () => mortal.end(signal) });
          await tab.say(ORDER);
          const before = await midReply();
          await tab.line("reconnecting");
          if (signal === "SIGKILL") assert.equal(await tab.page.locator(".entry--growing").count(), 1, "the unfinished reply stays on the screen");
          await mortal.up();
          await tab.line("connected");
          const [shown] = await tab.answers(1);
          assert.ok(shown.length > before.length);
          const messages = await agrees(tab, mortal);
          assert.deepEqual(messages.map((message) => message.author.type), ["customer", "bot"]);
          assert.equal(messages[1].in_reply_to, messages[0].message_id);
          assert.ok((await figure(tab, "reconnects")) >= 1);
          await tab.say(HOURS);
          await tab.answers(2);
          await agrees(tab, mortal);
        } finally {
          await mortal.stop();
        }
      });
    }

    scenario("Stop ends the reply where it is", async (context) => {
      const tab = await opened(context);
      assert.equal(await tab.page.locator("#stop").isVisible(), false);
      const midReply = await tab.inMidReply({ click: "#stop" });
      await tab.say(ORDER);
      await midReply();
      const [shown] = await tab.answers(1);
      const [answer] = await stored(tab);
      assert.deepEqual([answer.partial, answer.text], [true, shown]);
      assert.deepEqual(await notes(tab), ["Stopped"]);
      assert.equal(await tab.page.locator("#stop").isVisible(), false);
      const frames = await server.frames(await tab.session());
      assert.equal(frames.filter((frame) => frame.type === "reply.stopped").length, 1);
      await tab.say(HOURS);
      const [, second] = await tab.answers(2);
      assert.equal(second, (await stored(tab))[1].text, "the next question is answered whole");
    });

    scenario("two tabs show the same, character by character", async (context) => {
      const [first, second] = [await opened(context), await Tab.open(context, server.origin)];
      assert.equal((await second.session()).conversation_id, (await first.session()).conversation_id);
      const midReply = await second.inMidReply({});
      await first.say(ORDER);
      await midReply();
      assert.deepEqual(await second.answers(1), await first.answers(1));
      await second.say(HOURS);
      await first.answers(2);
      await second.answers(2);
      await agrees(first);
      await agrees(second);
      await first.page.locator("#new").click();
      await second.page.locator("#chips").waitFor();
      await second.line("connected");
      await second.say(HOURS);
      await first.answers(1);
      await agrees(first);
    });

    scenario("a person who takes over is shown, and the assistant is silent", async (context) => {
      const tab = await opened(context);
      await tab.say(HUMAN);
      await tab.page.locator(".event--escalated").waitFor();
      assert.match(await tab.page.locator(".event--escalated").textContent(), /taking over/);
      await tab.page.locator('body:is([data-status="escalated"], [data-status="assigned"])').waitFor();
      await tab.say(HOURS);
      await eventually("the question is stored", async () => (await server.messages(await tab.session())).length >= 2);
      await tab.answers(0);
      assert.equal(await tab.page.locator("#stop").isVisible(), false);
      await tab.page.reload();
      await tab.page.locator(".event--escalated").waitFor();
      await tab.line("connected");
      await agrees(tab);
    });
  });
}

describe("sending", () => {
  scenario("an answer that is lost on the way costs nothing: the same key, one message", async (context) => {
    const tab = await Tab.open(context, server.origin);
    const keys = [];
    await tab.page.route("**/messages", async (route) => {
      keys.push(route.request().headers()["idempotency-key"]);
      if (keys.length > 1) return route.continue();
      await route.fetch();
      await route.abort("connectionreset");
    });
    await tab.say(HOURS);
    await tab.answers(1);
    await eventually("the message is sent again", () => keys.length === 2);
    await eventually("nothing is unsent", () => tab.page.evaluate(() => Object.keys(sessionStorage).every((key) => !key.startsWith("parlor.unsent"))));
    assert.equal(keys[0], keys[1]);
    assert.equal((await agrees(tab)).length, 2);
  });

  scenario("the same words twice are two messages, and neither is ever shown double", async (context) => {
    const tab = await Tab.open(context, server.origin);
    await tab.page.evaluate(() => {
      window.most = 0;
      new MutationObserver(() => {
        window.most = Math.max(window.most, document.querySelectorAll(".entry--customer").length);
      }).observe(document.getElementById("entries"), { childList: true });
    });
    // The server's answer is held back, so that the feed brings the message first.
    await tab.page.route("**/messages", async (route) => {
      const response = await route.fetch();
      await eventually("the feed was first", async () => (await tab.texts("customer")).length > 0);
      await route.fulfill({ response });
    });
    await tab.say(HOURS);
    await tab.say(HOURS);
    await tab.answers(2);
    assert.equal((await agrees(tab)).length, 4);
    assert.equal(await tab.page.evaluate(() => window.most), 2);
  });

  scenario("what cannot be sent is kept over a reload and goes out by itself", async (context) => {
    const tab = await Tab.open(context, server.origin);
    const keys = [];
    await tab.page.route("**/messages", (route) => {
      keys.push(route.request().headers()["idempotency-key"]);
      return route.abort("connectionrefused");
    });
    await tab.say(HOURS);
    await tab.page.getByText("Trying again by itself").waitFor();
    await tab.page.unroute("**/messages");
    const sent = tab.page.waitForRequest("**/messages");
    await tab.page.reload();
    assert.equal((await sent).headers()["idempotency-key"], keys[0]);
    await tab.answers(1);
    assert.equal((await agrees(tab)).length, 2);
  });

  scenario("what is refused waits for its writer, under the same key", async (context) => {
    const tab = await Tab.open(context, server.origin);
    const keys = [];
    await tab.page.route("**/messages", (route) => {
      keys.push(route.request().headers()["idempotency-key"]);
      if (keys.length > 2) return route.continue();
      return route.fulfill({ status: 422, contentType: "application/json", body: '{"error":{"type":"invalid","message":"Not like this."}}' });
    });
    await tab.say(HOURS);
    await tab.page.getByText("Not sent. Not like this.").waitFor();
    await tab.page.getByRole("button", { name: "Try now" }).click();
    await eventually("it was refused again", () => keys.length === 2);
    await tab.page.getByText("Not sent. Not like this.").waitFor();
    await tab.page.getByRole("button", { name: "Try now" }).click();
    await tab.answers(1);
    assert.deepEqual(new Set(keys).size, 1);
    assert.equal((await agrees(tab)).length, 2);
  });

  scenario("markup is text", async (context) => {
    const tab = await Tab.open(context, server.origin);
    const hostile = [
      '<img src="x" onerror="alert(1)">', "<script>alert(2)</script>", '"><svg/onload=alert(3)>', "javascript:alert(4)", "<b>bold</b> &lt;i&gt; &amp;",
      "${alert(5)} {{alert(6)}}", "<style>*{display:none}</style>", "‮reversed <iframe src=//example.invalid>",
    ];
    for (const text of hostile) await tab.say(text);
    await eventually("all are stored", async () => (await tab.texts("customer")).length === hostile.length);
    assert.deepEqual(await tab.texts("customer"), hostile);
    await tab.page.reload();
    await tab.line("connected");
    assert.deepEqual(await tab.texts("customer"), hostile, "from storage as well");
    assert.equal(await tab.page.locator("#log :is(img, script, svg, b, style, iframe)").count(), 0);
    assert.deepEqual(tab.faults, []);
  });

  scenario("text runs the way it is written", async (context) => {
    const tab = await Tab.open(context, server.origin);
    await tab.say("متى تفتحون أبوابكم؟");
    const question = tab.page.locator('[data-key^="message:"] .entry__text').first();
    await question.waitFor();
    assert.equal(await question.evaluate((node) => getComputedStyle(node).direction), "rtl");
  });
});

describe("for everybody", () => {
  scenario("a screen reader hears each finished message once, and no chunk", async (context) => {
    const tab = await Tab.open(context, server.origin);
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
    const tab = await Tab.open(context, server.origin);
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
    const tab = await Tab.open(context, server.origin);
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
    const tab = await Tab.open(context, server.origin);
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
  const tab = await Tab.open(context, server.origin);
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
