// What the scenarios of the chat page share: a server, a browser, and holding the page against what
// the server has stored. "In mid-reply" means that text was on the screen and more was to come.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { browser, DESKTOP } from "./page.js";
import { Server } from "./parlor.js";

export const HOURS = "What are your opening hours?";
/** The longest of the demo's answers. */
export const ORDER = "Where is my order?";
export const HUMAN = "I want to talk to a human";

/** A server and a browser for the tests of one file. */
export const stage = {
  /** @type {Server} */ server: undefined,
  /** @type {import("playwright-core").Browser} */ chromium: undefined,
};

before(async () => {
  stage.server = await Server.start();
  stage.chromium = await browser();
});

after(async () => {
  await stage.chromium?.close();
  await stage.server?.stop();
});

/** A scenario with a fresh browser profile, closed whatever happens. */
export function scenario(name, body, { device = DESKTOP, timeout = 90_000 } = {}) {
  test(name, { timeout }, async () => {
    const context = await stage.chromium.newContext(device);
    try {
      await body(context);
    } finally {
      await context.close();
    }
  });
}

/** The stored answers, in order. */
export async function stored(tab, at = stage.server) {
  const messages = await at.messages(await tab.session());
  return messages.filter((message) => message.author.type === "bot");
}

/** What is shown is what is stored, each once and in order. */
export async function agrees(tab, at = stage.server) {
  const messages = await at.messages(await tab.session());
  const shown = await tab.page.locator('[data-key^="message:"] .entry__text').allTextContents();
  assert.deepEqual(shown, messages.map((message) => message.text));
  return messages;
}

export const notes = (tab) => tab.page.locator(".entry--bot").last().locator(".entry__meta span").allTextContents();
export const figure = async (tab, id) => Number(await tab.page.locator(`#${id}`).textContent());
