// The widget before a cluster of real nodes: whichever node its next request reaches, and whichever
// is killed under it, nothing is lost or doubled.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Cluster } from "./harness/cluster.js";
import { cutting } from "./harness/cutting.js";
import { browser } from "./harness/page.js";
import { shop } from "./harness/shop.js";
import { PLENTY } from "./harness/parlor.js";
import { scenario, stage, Widget } from "./harness/widget.js";

const HOURS = "What are your opening hours?";
/** The longest of the demo's answers. */
const ORDER = "Where is my order?";
/** What a browser says by itself of requests that fail. */
const NOISE = /Failed to load resource|ERR_|net::/;

/** Half of the connections are cut before their first frame: with bad luck, many after each other. */
const PATIENCE = { withinMs: 120_000 };

/** @type {Cluster} */
let cluster;

before(async () => {
  stage.chromium = await browser();
  cluster = await Cluster.start(3, { limits: PLENTY, allowed_origins: ["*"] });
});
after(async () => {
  await stage.chromium?.close();
  await cluster?.stop();
});

/** Runs a body with a shop that reaches the cluster over a line as `cutting` has it. */
async function over(node, cuts, body) {
  const line = await cutting(() => node().port, cuts);
  const store = await shop(line.origin);
  try {
    await body({ line, open: (context) => Widget.open(context, { shop: store, siteKey: cluster.siteKey, expect: NOISE }) });
  } finally {
    await store.close();
    await line.close();
  }
}

/** Each question has one answer, and these are all the questions. */
function answeredOnce(messages, questions) {
  const asked = messages.filter((message) => message.author.type === "customer");
  assert.deepEqual(asked.map((message) => message.text), questions);
  const answered = messages.filter((message) => message.author.type === "bot").map((message) => message.in_reply_to);
  assert.deepEqual(answered.toSorted(), asked.map((message) => message.message_id).toSorted());
}

scenario("the node that streams a reply is killed: another goes on with it", async (context) => {
  let at = 0;
  const node = () => cluster.nodes[at % cluster.nodes.length];
  await over(node, { mean: Infinity }, async ({ open }) => {
    const widget = await open(context);
    await widget.begin(HOURS);
    await widget.answers(1);
    for (let round = 0; round < cluster.nodes.length; round++) {
      const killed = node();
      const midReply = await widget.inMidReply(async () => {
        await killed.end("SIGKILL");
        at += 1;
      });
      await widget.say(ORDER);
      const before = await midReply();
      const answers = await widget.answers(round + 2, PATIENCE);
      assert.ok(answers.at(-1).length > before.length, `killed after ${before}`);
      await killed.up();
    }
    const messages = await widget.agrees(node());
    answeredOnce(messages, [HOURS, ...cluster.nodes.map(() => ORDER)]);
    assert.deepEqual(widget.faults, []);
  });
}, { timeout: 180_000 });

scenario("two tabs whose lines are cut and go on with another node each time", async (context) => {
  let connections = 0;
  const node = () => cluster.nodes[connections++ % cluster.nodes.length];
  await over(node, { mean: 3000 }, async ({ line, open }) => {
    line.steady = true;
    const widget = await open(context);
    await widget.begin(HOURS);
    await widget.answers(1);
    const other = await open(context);
    await other.unfold();
    await other.line("connected");
    line.steady = false;
    for (const asks of [widget, other, widget]) {
      const count = (await widget.texts("theirs")).length;
      await asks.say(ORDER);
      for (const tab of [widget, other]) await tab.answers(count + 1, PATIENCE);
    }
    // A browser does not ask again for a module whose line was cut.
    line.steady = true;
    await widget.page.reload();
    await widget.launcher.waitFor({ state: "attached" });
    line.steady = false;
    await widget.answers(4, PATIENCE);
    assert.ok(line.cuts > 0, "the line was cut");
    line.steady = true;
    for (const tab of [widget, other]) {
      answeredOnce(await tab.agrees(cluster.nodes[0]), [HOURS, ORDER, ORDER, ORDER]);
      assert.deepEqual(tab.faults, []);
    }
  });
}, { timeout: 400_000 });
