// The widget in a shop's page of another origin, under a strict policy, against the real server.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { eventually } from "./harness/eventually.js";
import { Server } from "./harness/parlor.js";
import { shop } from "./harness/shop.js";
import { JANE, PIXEL, scenario, stage, useStage, Widget } from "./harness/widget.js";

const { source: AXE } = createRequire(import.meta.url)("axe-core");
const HOURS = "What are your opening hours?";
/** The longest of the demo's answers. */
const ORDER = "Where is my order?";

useStage();

for (const [kind, attributes] of [["a module", 'type="module"'], ["a classic script", "async"]]) {
  scenario(`${kind} brings a conversation into a page with a strict policy`, async (context) => {
    const widget = await Widget.open(context, { about: { kind: attributes } });
    await widget.unfold();
    assert.match(await widget.page.locator(".greeting").textContent(), /opening hours/);
    await widget.begin(HOURS);
    const [shown] = await widget.answers(1);
    const messages = await widget.agrees();
    assert.deepEqual(messages.map((message) => message.author.type), ["customer", "bot"]);
    assert.equal(shown, messages[1].text);
    await widget.say(ORDER);
    await widget.answers(2);
    await widget.agrees();
    assert.equal(await widget.page.locator("parlor-widget").evaluate((host) => host.querySelectorAll("*").length), 0);
    assert.equal(await widget.page.locator("style, iframe").count(), 0, "the page itself is left alone");
    assert.deepEqual(widget.faults, []);
  });
}

scenario("who writes is asked once, and what is wrong is said beside it", async (context) => {
  const widget = await Widget.open(context);
  await widget.begin("Hi", { name: " ", email: "jane@example" });
  assert.deepEqual(await widget.page.locator(".fault:visible").allTextContents(), ["Please enter your name.", "Please enter a valid e-mail address."]);
  assert.equal(await widget.visitor().then((visitor) => visitor.started), false);
  await widget.begin(HOURS);
  await widget.answers(1);
  assert.equal(await widget.page.locator(".about").isVisible(), false);
  const [first] = await widget.page.evaluate(async ([origin, key, token]) => {
    const response = await fetch(`${origin}/api/v1/chat/conversations/${token}/messages`, { headers: { "x-site-key": key } });
    return response.json();
  }, [stage.server.origin, stage.siteKey, (await widget.visitor()).token]);
  assert.deepEqual([first.author, first.body, first.direction], [JANE.name, HOURS, "inbound"]);
});

scenario("what the server refuses is said, and can be put right", async (context) => {
  const widget = await Widget.open(context, { expect: /422/ });
  // More than the page can know is wrong.
  await widget.page.route("**/api/v1/chat/conversations", (route) =>
    route.request().method() !== "POST" || route.request().postData().includes(JANE.email)
      ? route.continue()
      : route.fulfill({ status: 422, headers: { "access-control-allow-origin": "*" }, contentType: "application/json", body: '{"error":"Invalid email address"}' }));
  await widget.begin(HOURS, { name: "Jane", email: "jane@nowhere.example" });
  await widget.page.getByText("Not sent. Invalid email address").waitFor();
  await widget.page.locator("input[type=email]").fill(JANE.email);
  await widget.page.getByRole("button", { name: "Try again" }).click();
  await widget.answers(1);
  assert.equal((await widget.agrees()).length, 2);
});

scenario("a reload in mid-reply goes on, and the panel stays open", async (context) => {
  const widget = await Widget.open(context);
  await widget.begin(HOURS);
  await widget.answers(1);
  const midReply = await widget.inMidReply();
  await widget.say(ORDER);
  const before = await midReply();
  await widget.page.reload();
  const [, shown] = await widget.answers(2);
  assert.ok(before.length > 0 && before.length < shown.length && shown.startsWith(before), `reloaded at "${before}"`);
  await widget.agrees();
  assert.equal(await widget.panel.isVisible(), true);
  assert.deepEqual(widget.faults, []);
});

scenario("Stop ends the reply where it is, and the next question is answered whole", async (context) => {
  const widget = await Widget.open(context);
  await widget.begin(HOURS);
  await widget.answers(1);
  const stop = widget.page.getByRole("button", { name: "Stop" });
  assert.equal(await stop.isVisible(), false);
  const midReply = await widget.inMidReply(() => stop.click());
  await widget.say(ORDER);
  await midReply();
  await widget.answers(2);
  assert.equal(await widget.page.locator(".entry--theirs").last().getByText("Stopped").count(), 1);
  assert.equal((await widget.agrees()).at(-1).partial, true);
  await widget.say(HOURS);
  await widget.answers(3);
  assert.equal((await widget.agrees()).at(-1).partial, false);
});

scenario("two tabs are one conversation, from its first message on", async (context) => {
  const [first, second] = [await Widget.open(context), await Widget.open(context)];
  await first.unfold();
  await second.unfold();
  await first.begin(HOURS);
  await first.answers(1);
  await second.answers(1);
  assert.equal(await second.page.locator(".about").isVisible(), false, "the other tab does not ask again");
  assert.equal((await second.visitor()).token, (await first.visitor()).token);
  // The tab in front is the one that the browser paints often enough to be watched.
  const midReply = await second.inMidReply();
  await first.say(ORDER);
  await midReply();
  assert.deepEqual(await first.answers(2), await second.answers(2));
  await first.agrees();
  await second.agrees();
});

scenario("two tabs that begin in the same moment begin one conversation, and neither message is lost", async (context) => {
  const [first, second] = [await Widget.open(context), await Widget.open(context)];
  for (const widget of [first, second]) {
    await widget.unfold();
    await widget.page.locator("input[autocomplete=name]").fill(JANE.name);
    await widget.page.locator("input[type=email]").fill(JANE.email);
  }
  await Promise.all([first.say(HOURS), second.say(ORDER)]);
  await Promise.all([first.answers(2), second.answers(2)]);
  const messages = await first.agrees();
  await second.agrees();
  assert.deepEqual(messages.filter((message) => message.author.type === "customer").map((message) => message.text).sort(), [HOURS, ORDER].sort());
});

scenario("a later visit finds the conversation, and what came meanwhile is counted", async (context) => {
  const widget = await Widget.open(context);
  await widget.begin(HOURS);
  await widget.answers(1);
  await widget.page.close();
  const later = await Widget.open(context);
  await later.line("connected");
  assert.equal(await later.panel.isVisible(), false);
  assert.equal(await later.page.locator(".badge").isVisible(), false, "what was seen is not news");
  await later.unfold();
  await later.agrees();
  await later.say(ORDER);
  await later.page.keyboard.press("Escape");
  await later.page.getByRole("button", { name: "Open chat. New messages: 1" }).waitFor();
});

scenario("a conversation token that is refused gives way to the visitor's own", async (context) => {
  const widget = await Widget.open(context, { expect: /401/ });
  await widget.begin(HOURS);
  await widget.answers(1);
  await widget.page.evaluate((key) => {
    const name = `parlor.widget.${key}.visitor`;
    localStorage.setItem(name, JSON.stringify({ ...JSON.parse(localStorage.getItem(name)), conversationToken: "lt_nonsense" }));
  }, stage.siteKey);
  await widget.page.reload();
  await widget.line("connected");
  await widget.say(ORDER);
  await widget.answers(2);
  await widget.agrees();
});

scenario("somebody whom the shop knows is asked nothing, and finds the conversation on every device", async (context) => {
  const visitorToken = `customer-${Date.now()}-of-the-shop`;
  const identify = (widget) => widget.page.evaluate((who) => window.ParlorWidget.identify(who), { ...JANE, visitorToken });
  // What a browser itself says of asking for a conversation that is not there yet.
  const widget = await Widget.open(context, { expect: /40[14]/ });
  await widget.unfold();
  await identify(widget);
  await widget.page.locator(".about").waitFor({ state: "hidden" });
  await widget.say(HOURS);
  await widget.answers(1);
  const elsewhere = await stage.chromium.newContext();
  try {
    const other = await Widget.open(elsewhere);
    await identify(other);
    await other.unfold();
    await other.answers(1);
    await other.say(ORDER);
    await other.answers(2);
    await widget.answers(2);
    await other.agrees();
    await widget.agrees();
    assert.deepEqual([widget.faults, other.faults], [[], []]);
  } finally {
    await elsewhere.close();
  }
});

scenario("files go there and come back as they were", async (context) => {
  const widget = await Widget.open(context, { about: { pictures: "blob:" } });
  await widget.begin("I want to talk to a human");
  await widget.page.locator(".event").first().waitFor();
  const prices = Buffer.from("name,price\npot,12\n");
  await widget.page.locator("input[type=file]").setInputFiles([
    { name: "prices.csv", mimeType: "text/csv", buffer: prices },
    { name: "чайник.png", mimeType: "image/png", buffer: PIXEL },
  ]);
  await widget.say("Here they are:");
  await eventually("both arrived", async () => (await widget.page.locator('[data-key^="message:"] a.file').count()) === 2);
  await eventually("nothing is left to send", async () => (await widget.page.locator(".entry--unsent").count()) === 0);
  await widget.page.locator(".file__picture").waitFor();
  const loading = widget.download();
  await widget.page.getByRole("link", { name: /prices\.csv/ }).click();
  const loaded = await loading;
  assert.equal(loaded.suggestedFilename(), "prices.csv");
  assert.deepEqual(await readFile(await loaded.path()), prices);
  const stored = (await widget.stored()).flatMap((message) => message.attachments ?? []);
  assert.deepEqual(stored.map((file) => file.filename), ["prices.csv", "чайник.png"]);
  assert.deepEqual(await widget.texts("mine"), ["I want to talk to a human", "Here they are:"], "a file's name is not shown twice");
  assert.deepEqual(widget.faults, []);
});

scenario("a site key that is not valid shows nothing", async (context) => {
  const page = await context.newPage();
  const said = [];
  page.on("console", (message) => said.push(message.text()));
  await page.goto(stage.shop.page({ tag: 'data-site-key="site_nonsense"' }));
  await eventually("it says why", () => said.some((text) => text.includes("cannot be shown")));
  assert.equal(await page.locator("parlor-widget").count(), 0);
});

scenario("a flow is walked through by the buttons that it offers", async (context) => {
  const server = await Server.start();
  const store = await shop(server.origin);
  try {
    const keys = await server.credentials();
    await server.set({ default_bot: keys.chataibot_bot_key, require_details: "before" });
    const widget = await Widget.open(context, { shop: store, siteKey: keys.widget_site_key });
    await widget.begin("Hello");
    const offers = widget.page.locator(".offer");
    await offers.filter({ hasText: "Track my order" }).waitFor();
    assert.deepEqual(await offers.allTextContents(), ["Track my order", "Opening hours", "Talk to a person"]);
    await offers.first().click();
    await widget.page.getByText("What is your order number?").waitFor();
    await widget.say("AC123456");
    await widget.page.getByText(/AC123456/).nth(1).waitFor();
    await eventually("nothing is under way", async () => (await widget.page.locator(".entry--growing, .beads, .entry--unsent").count()) === 0);
    assert.deepEqual((await widget.texts("mine")).slice(0, 3), ["Hello", "Track my order", "AC123456"]);
    await widget.agrees(server);
    assert.deepEqual(widget.faults, []);
  } finally {
    await store.close();
    await server.stop();
  }
});

scenario("it can be tried on a page of the server's own", async (context) => {
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && faults.push(message.text()));
  await page.goto(`${stage.server.origin}/widget-demo`);
  await page.getByRole("dialog").waitFor();
  assert.match(await page.getByLabel("Site key").inputValue(), /^site_\w+$/, "the demo's widget is there at once");
  await page.locator(".close").click();
  await page.getByLabel("Site key").fill(stage.siteKey);
  await page.getByLabel("Language").selectOption("de");
  await page.getByRole("button", { name: "Show the widget" }).click();
  await page.getByRole("dialog").waitFor();
  assert.match(await page.locator("#snippet").textContent(), new RegExp(`src="${stage.server.origin}/widget.js"\\s+data-site-key="${stage.siteKey}" data-lang="de"`));
  assert.equal(await page.locator(".launcher").getAttribute("aria-label"), "Chat schließen");
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  assert.deepEqual(violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html)}`), []);
  if (process.env.SCREENSHOTS) await page.screenshot({ path: path.join(process.env.SCREENSHOTS, "widget-demo.png") });
  assert.deepEqual(faults, []);
  await page.goto(`${stage.server.origin}/widget-demo?site_key=site_nonsense`);
  await page.getByText("does not know this site key").waitFor();
});
