// The widget when things fail, against the real server: lines, servers, storage. Nothing is lost or
// doubled: what is shown is what is stored.

import assert from "node:assert/strict";
import { eventually } from "./harness/eventually.js";
import { Server } from "./harness/parlor.js";
import { shop } from "./harness/shop.js";
import { JANE, scenario, siteKeyOf, stage, useStage, Widget } from "./harness/widget.js";

const HOURS = "What are your opening hours?";
/** The longest of the demo's answers. */
const ORDER = "Where is my order?";
/** What a browser says by itself of requests that fail. */
const NOISE = /Failed to load resource|ERR_|net::/;

useStage();

scenario("offline for a while: it says so, keeps what is written, and sends it once", async (context) => {
  const widget = await Widget.open(context, { expect: NOISE });
  await widget.begin(HOURS);
  await widget.answers(1);
  await context.setOffline(true);
  await widget.page.getByText("You are offline.").waitFor();
  await widget.say(ORDER);
  await widget.say(HOURS);
  await eventually("both wait", async () => (await widget.page.getByText("Will be sent when you are back online").count()) === 2);
  await context.setOffline(false);
  await widget.answers(3);
  const messages = await widget.agrees();
  assert.deepEqual(messages.filter((message) => message.author.type === "customer").map((message) => message.text), [HOURS, ORDER, HOURS]);
  assert.equal(await widget.page.locator(".line").isVisible(), false);
  assert.deepEqual(widget.faults, []);
});

scenario("offline in mid-reply: the rest of the reply is there afterwards", async (context) => {
  const widget = await Widget.open(context, { expect: NOISE });
  await widget.begin(HOURS);
  await widget.answers(1);
  const midReply = await widget.inMidReply(() => context.setOffline(true));
  await widget.say(ORDER);
  await midReply();
  await eventually("the answer is stored", async () => (await widget.stored()).length === 4);
  await context.setOffline(false);
  await widget.answers(2);
  await widget.agrees();
});

scenario("the first message may be written offline, and a reload on the way does no harm", async (context) => {
  const widget = await Widget.open(context, { expect: NOISE });
  await widget.unfold();
  const refused = "**/api/v1/chat/conversations";
  await widget.page.route(refused, (route) => route.abort("internetdisconnected"));
  await widget.begin(HOURS);
  await widget.page.getByText("Not sent yet. Trying again").waitFor();
  await widget.page.unroute(refused);
  await widget.page.reload();
  await widget.answers(1);
  assert.equal((await widget.agrees()).length, 2);
});

scenario("an answer that is lost on the way costs nothing: one conversation, one message", async (context) => {
  const widget = await Widget.open(context, { expect: NOISE });
  const keys = [];
  const lose = (times) => async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    keys.push(route.request().headers()["idempotency-key"]);
    if (keys.length > times) return route.continue();
    await route.fetch();
    await route.abort("connectionreset");
  };
  await widget.page.route("**/api/v1/chat/conversations", lose(1));
  await widget.begin(HOURS);
  await widget.answers(1);
  assert.equal((await widget.agrees()).length, 2);
  assert.equal(new Set(keys).size, 1);
  keys.length = 0;
  await widget.page.route("**/current/messages", lose(1));
  await widget.say(ORDER);
  await widget.answers(2);
  await eventually("it was tried again", () => keys.length >= 2);
  assert.equal(new Set(keys).size, 1);
  assert.equal((await widget.agrees()).length, 4);
});

for (const signal of ["SIGKILL", "SIGTERM"]) {
  scenario(`a server ended by ${signal} and started again finishes the reply once`, async (context) => {
    const mortal = await Server.start();
    const store = await shop(mortal.origin);
    try {
      const widget = await Widget.open(context, { shop: store, siteKey: await siteKeyOf(mortal), expect: NOISE });
      await widget.begin(HOURS);
      await widget.answers(1);
      const midReply = await widget.inMidReply(() => mortal.end(signal));
      await widget.say(ORDER);
      const before = await midReply();
      await widget.line("reconnecting");
      await widget.page.getByText("Reconnecting…").waitFor();
      await widget.say(HOURS);
      await mortal.up();
      const [, second] = await widget.answers(3);
      assert.ok(second.length > before.length);
      const messages = await widget.agrees(mortal);
      assert.deepEqual(messages.filter((message) => message.author.type === "customer").map((message) => message.text), [HOURS, ORDER, HOURS]);
      for (const answer of messages.filter((message) => message.author.type === "bot")) {
        assert.equal(messages.filter((message) => message.in_reply_to === answer.in_reply_to).length, 1);
      }
    } finally {
      await store.close();
      await mortal.stop();
    }
  });
}

scenario("a page that refuses storage has its conversation all the same", async (context) => {
  await context.addInitScript(() => {
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(window, name, { get: () => { throw new DOMException("No.", "SecurityError"); } });
    }
  });
  const widget = await Widget.open(context);
  await widget.begin(HOURS);
  await widget.answers(1);
  await widget.say(ORDER);
  await widget.answers(2);
  assert.deepEqual((await widget.texts("mine")), [HOURS, ORDER]);
  assert.deepEqual(widget.faults, []);
});

scenario("markup is text, wherever it comes from", async (context) => {
  const widget = await Widget.open(context);
  const hostile = [
    '<img src="x" onerror="alert(1)">', "<script>alert(2)</script>", '"><svg/onload=alert(3)>', "javascript:alert(4)", "<b>bold</b> &lt;i&gt; &amp;",
    "<style>*{display:none}</style>", "‮reversed <iframe src=//example.invalid>",
  ];
  await widget.begin(hostile[0], { ...JANE, name: "<img src=x onerror=alert(0)>" });
  await eventually("it is stored", async () => (await widget.texts("mine")).length === 1);
  for (const text of hostile.slice(1)) await widget.say(text);
  await eventually("all are stored", async () => (await widget.texts("mine")).length === hostile.length);
  await widget.page.reload();
  await widget.line("connected");
  assert.deepEqual(await widget.texts("mine"), hostile);
  assert.equal(await widget.page.locator(".log :is(img, script, style, iframe, b)").count(), 0);
  assert.deepEqual(widget.faults, []);
});
