// What one frame costs a page in a long conversation, against a short one, in one run.
//
//     node benches/browser/frame-cost.js [SHORT LONG]
//
// The widget stands in a real browser before a pretended server. A reply grows by chunks; what the
// page's main thread did meanwhile (script, style, layout) is divided by their number. The figure is
// the ratio of the two conversations; the milliseconds are this machine's.

import { BOT, ME, returning, SITE_KEY } from "../../tests/browser/harness/met.js";
import { browser, DESKTOP } from "../../tests/browser/harness/page.js";
import { pretend } from "../../tests/browser/harness/pretend.js";
import { shop } from "../../tests/browser/harness/shop.js";
import { Widget } from "../../tests/browser/harness/widget.js";

const CHUNKS = 200;
const ROUNDS = 5;

const [short, long] = process.argv.length > 3 ? process.argv.slice(2).map(Number) : [500, 3000];
const chromium = await browser();
const costs = { [short]: [], [long]: [] };
try {
  // In turns, so that what else the machine does falls on both.
  for (let round = 0; round < ROUNDS; round++) {
    for (const replies of [short, long]) costs[replies].push(await cost(replies));
  }
} finally {
  await chromium.close();
}
const [few, many] = [short, long].map((replies) => median(costs[replies]));
console.log(`${short} replies: ${few.toFixed(2)} ms a frame; ${long} replies: ${many.toFixed(2)} ms a frame; ratio ${(many / few).toFixed(2)}`);

/** Milliseconds of the main thread for each chunk. */
async function cost(replies) {
  const chat = await pretend();
  const store = await shop(chat.origin);
  const context = await chromium.newContext(DESKTOP);
  try {
    await returning(context);
    for (let number = 1; number <= replies; number++) {
      const in_reply_to = chat.message(ME, `Question ${number}`);
      chat.message(BOT, `Answer ${number}. `.repeat(12), { in_reply_to });
    }
    const widget = await Widget.open(context, { shop: store, siteKey: SITE_KEY, tag: "data-open" });
    await widget.page.getByText(`Answer ${replies}. Answer`).waitFor();
    const session = await context.newCDPSession(widget.page);
    await session.send("Performance.enable");
    const busy = async () => {
      const { metrics } = await session.send("Performance.getMetrics");
      return 1000 * metrics.find(({ name }) => name === "TaskDuration").value;
    };
    const reply_id = "e".repeat(32);
    chat.tell("reply.started", { reply_id, in_reply_to: "m", author: BOT });
    chat.tell("reply.chunk", { reply_id, offset: 0, text: "a" });
    const grown = widget.page.locator(`[data-key="reply:${reply_id}"] .text`);
    await grown.waitFor();
    const before = await busy();
    for (let offset = 1; offset <= CHUNKS; offset++) {
      chat.tell("reply.chunk", { reply_id, offset, text: offset % 6 ? "b" : " " });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await widget.page.waitForFunction(
      ([key, length]) => document.querySelector("parlor-widget").shadowRoot.querySelector(`[data-key="${key}"] .text`)?.textContent.length > length,
      [`reply:${reply_id}`, CHUNKS],
    );
    return ((await busy()) - before) / CHUNKS;
  } finally {
    await context.close();
    await store.close();
    await chat.close();
  }
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
