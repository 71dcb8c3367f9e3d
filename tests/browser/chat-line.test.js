// The chat page on lines that break, against the real server, over both transports; and what happens
// to messages that cannot be sent.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { agrees, figure, HOURS, HUMAN, notes, ORDER, scenario, stage, stored } from "./harness/chat.js";
import { eventually } from "./harness/eventually.js";
import { Tab } from "./harness/page.js";
import { Server } from "./harness/parlor.js";

for (const transport of ["sse", "websocket"]) {
  describe(`over ${transport}`, () => {
    /** A tab with this transport, for which it has no other. */
    async function opened(context, origin = stage.server.origin) {
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
      const frames = await stage.server.frames(await tab.session());
      assert.equal(frames.filter((frame) => frame.type === "reply.stopped").length, 1);
      await tab.say(HOURS);
      const [, second] = await tab.answers(2);
      assert.equal(second, (await stored(tab))[1].text, "the next question is answered whole");
    });

    scenario("two tabs show the same, character by character", async (context) => {
      const [first, second] = [await opened(context), await Tab.open(context, stage.server.origin)];
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
      await eventually("the question is stored", async () => (await stage.server.messages(await tab.session())).length >= 2);
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
    const tab = await Tab.open(context, stage.server.origin);
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
    const tab = await Tab.open(context, stage.server.origin);
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
    const tab = await Tab.open(context, stage.server.origin);
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
    const tab = await Tab.open(context, stage.server.origin);
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
    const tab = await Tab.open(context, stage.server.origin);
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
    const tab = await Tab.open(context, stage.server.origin);
    await tab.say("متى تفتحون أبوابكم؟");
    const question = tab.page.locator('[data-key^="message:"] .entry__text').first();
    await question.waitFor();
    assert.equal(await question.evaluate((node) => getComputedStyle(node).direction), "rtl");
  });
});
