// What the scenarios with a pretended server share: a shop, a browser, and a visitor who has written.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { browser, DESKTOP } from "./page.js";
import { pretend } from "./pretend.js";
import { shop } from "./shop.js";
import { Widget } from "./widget.js";

export const BOT = { type: "bot", name: "Teapot" };
export const SARAH = { type: "agent", name: "Sarah" };
export const ME = { type: "customer" };
export const SITE_KEY = "site_1";

/** The server and the shop of the scenario that runs. */
export const scene = {
  /** @type {import("playwright-core").Browser} */ chromium: undefined,
  /** @type {Awaited<ReturnType<typeof pretend>>} */ chat: undefined,
  shop: undefined,
};

/** Starts what the scenarios of this file stand on. */
export function usePretence() {
  const close = async () => {
    await scene.shop?.close();
    await scene.chat?.close();
  };
  before(async () => (scene.chromium = await browser()));
  beforeEach(async () => {
    await close();
    scene.chat = await pretend();
    scene.shop = await shop(scene.chat.origin);
  });
  after(async () => {
    await scene.chromium?.close();
    await close();
  });
}

/** A scenario with a fresh browser profile, closed whatever happens. */
export function scenario(name, body, { timeout = 60_000 } = {}) {
  test(name, { timeout }, async () => {
    const context = await scene.chromium.newContext(DESKTOP);
    try {
      await body(context);
    } finally {
      await context.close();
    }
  });
}

/** One tab of the shop. */
export function visit(context, options = {}) {
  return Widget.open(context, { shop: scene.shop, siteKey: SITE_KEY, ...options });
}

/** A scenario with a visitor who has written "Hello" and the panel open. */
export function met(name, body, options = {}) {
  scenario(name, async (context) => {
    const widget = await visit(context, options);
    await widget.begin("Hello");
    await widget.page.locator('[data-key^="message:"]').waitFor();
    await body(widget, context);
    assert.deepEqual(widget.faults, []);
  });
}

/** Makes the browser remember a visitor with a conversation, before any page is opened. */
export async function returning(context, kept = {}) {
  const visitor = { token: "v".repeat(64), conversationToken: null, started: true, name: "Jane Doe", email: "jane@example.com" };
  const items = { visitor, ...kept };
  await context.addInitScript(([key, items]) => {
    if (sessionStorage.getItem("remembered")) return;
    sessionStorage.setItem("remembered", "yes");
    for (const [name, value] of Object.entries(items)) {
      localStorage.setItem(`parlor.widget.${key}.${name}`, typeof value === "string" ? value : JSON.stringify(value));
    }
  }, [SITE_KEY, items]);
}
