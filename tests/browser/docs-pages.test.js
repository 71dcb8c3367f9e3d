// The pages under /docs in a real browser: nothing is loaded from elsewhere, axe finds nothing, nothing
// is cut off on a phone or a desk, in light or dark. PARLOR_PICTURES=dir keeps pictures.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";
import { browser } from "./harness/page.js";
import { Server } from "./harness/parlor.js";

const { source: AXE } = createRequire(import.meta.url)("axe-core");
const PAGES = ["/docs/", "/docs/aerochat", "/docs/widget", "/docs/chataibot", "/docs/aloochat", "/docs/live", "/docs/events"];
const GUIDES = ["bots", "widget", "settings", "operations", "scale", "analytics", "architecture", "changes"].map((name) => `/docs/guides/${name}`);
const SIZES = { desk: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } };

let server, chromium;
before(async () => {
  [server, chromium] = await Promise.all([Server.start(), browser()]);
});
after(async () => {
  await chromium?.close();
  await server?.stop();
});

/** A page, opened; what it should never do is noted in `faults`. */
async function open(context, at) {
  const page = await context.newPage();
  const faults = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${server.origin}/`)) faults.push(`request: ${request.url()}`);
  });
  await page.goto(server.origin + at, { waitUntil: "load" });
  return { page, faults };
}

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const colorScheme of ["light", "dark"]) {
    test(`${size}, ${colorScheme}: axe finds nothing, nothing is cut off`, async () => {
      const context = await chromium.newContext({ viewport, colorScheme, bypassCSP: true });
      for (const at of [...PAGES, ...GUIDES]) {
        const { page, faults } = await open(context, at);
        await page.evaluate(AXE);
        // What is folded away is text, too.
        for (const open of [false, true]) {
          if (open) await page.evaluate(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
          const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html).join("\n  ")}`);
          assert.deepEqual(found, [], at);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(wide <= 0, `${at} is ${wide} pixels wider than the window`);
        }
        const pictures = process.env.PARLOR_PICTURES;
        if (pictures) {
          await page.reload();
          await page.screenshot({ path: path.join(pictures, `${at.slice(1).replaceAll("/", "-")}${size}-${colorScheme}.png`) });
        }
        assert.deepEqual(faults, [], at);
        await page.close();
      }
      await context.close();
    });
  }
}

test("a sample is copied in the chosen language, and names the server that shows it", async () => {
  const context = await chromium.newContext({ viewport: SIZES.desk, permissions: ["clipboard-read", "clipboard-write"] });
  const { page, faults } = await open(context, "/docs/aerochat");
  await page.getByRole("radio", { name: "Python" }).check({ force: true });
  const shown = page.locator("article[aria-labelledby=send_message] .sample[data-language]").filter({ visible: true });
  assert.deepEqual(await shown.locator("figcaption").allTextContents(), ["Python"]);
  await shown.getByRole("button", { name: "Copy" }).click();
  await shown.getByRole("button", { name: "Copied" }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.ok(copied.includes(`"${server.origin}/bot/v1/conversations/messages"`), copied);
  assert.ok(copied.startsWith("import os"), copied);
  await page.reload();
  assert.ok(await page.getByRole("radio", { name: "Python" }).isChecked(), "the choice is kept");
  assert.deepEqual(faults, []);
  await context.close();
});

test("of a dialogue with a shell what was typed is copied, of other code all", async () => {
  const context = await chromium.newContext({ viewport: SIZES.phone, permissions: ["clipboard-read", "clipboard-write"] });
  const { page } = await open(context, "/docs/guides/analytics");
  const copied = async (block) => {
    await block.getByRole("button", { name: "Copy" }).click();
    await block.getByRole("button", { name: "Copied" }).waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  const lines = (await copied(page.locator('.code[data-language="console"]').first())).trimEnd().split("\n");
  assert.deepEqual(lines.map((line) => line.split(" ")[0]), ["cd", "python3", "venv/bin/python"]);
  const sql = page.locator('.code[data-language="sql"]').first();
  assert.equal(await copied(sql), await sql.locator("code").textContent());
  await context.close();
});

test("names in tables are not broken, nothing is cut without a hint, and no button lies on code", async () => {
  for (const viewport of Object.values(SIZES)) {
    const context = await chromium.newContext({ viewport, permissions: ["clipboard-read", "clipboard-write"] });
    for (const at of ["/docs/", ...GUIDES]) {
      const { page } = await open(context, at);
      const found = await page.evaluate(() => {
        const all = (selector) => Array.from(document.querySelectorAll(selector));
        const broken = all(":is(td, th) code").filter((one) => one.textContent.length <= 40 && !one.textContent.includes(" ") && one.getClientRects().length > 1);
        const meets = (one, other) => one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
        const covered = all(".code .copy").filter((button) => meets(button.getBoundingClientRect(), button.parentElement.querySelector("pre").getBoundingClientRect()));
        const cut = all(".wide, .code pre").filter((one) => one.scrollWidth > one.clientWidth && (one.tabIndex < 0 || !getComputedStyle(one).backgroundImage.includes("gradient")));
        return [...broken, ...covered, ...cut].map((one) => one.textContent.slice(0, 60));
      });
      assert.deepEqual(found, [], `${at} at ${viewport.width}`);
      await page.close();
    }
    await context.close();
  }
});

test("a guide names the others by their titles", async () => {
  const context = await chromium.newContext({ viewport: SIZES.desk });
  const { page } = await open(context, "/docs/guides/operations");
  const named = await page.locator("main a").filter({ hasText: /\.md$/ }).allTextContents();
  assert.deepEqual(named, [], "these are files' names");
  await page.locator("main").getByRole("link", { name: "How it works" }).first().click();
  await page.getByRole("heading", { level: 1, name: "Architecture" }).waitFor();
  await context.close();
});

test("the page that shows the widget breaks no directive", async () => {
  for (const viewport of Object.values(SIZES)) {
    const context = await chromium.newContext({ viewport });
    const page = await context.newPage();
    await page.goto(`${server.origin}/widget-demo`);
    const parts = page.locator("pre .whole");
    await parts.first().waitFor();
    assert.deepEqual(await parts.evaluateAll((all) => all.filter((one) => one.getClientRects().length > 1).map((one) => one.textContent)), []);
    assert.equal(await page.locator("#policy").textContent(), `script-src ${server.origin}; connect-src ${server.origin}; img-src blob:`);
    await context.close();
  }
});

test("an API's page says where the key of its samples comes from", async () => {
  const context = await chromium.newContext({ viewport: SIZES.desk });
  for (const [at, key] of [["aerochat", "AEROCHAT_API_KEY"], ["widget", "WIDGET_SITE_KEY"], ["chataibot", "CHATAIBOT_TOKEN"], ["aloochat", "ALOOCHAT_API_TOKEN"], ["live", "AEROCHAT_API_KEY"]]) {
    const { page } = await open(context, `/docs/${at}`);
    assert.match(await page.locator("#credentials ~ .code").first().textContent(), new RegExp(`export ${key}=.*"${key.toLowerCase()}".*credentials.json`));
    await page.close();
  }
  await context.close();
});

test("on a phone the menu opens, leads to an operation, and closes", async () => {
  const context = await chromium.newContext({ viewport: SIZES.phone });
  const { page } = await open(context, "/docs/live");
  const menu = page.getByRole("navigation", { name: "Documentation" });
  assert.equal(await menu.isVisible(), false);
  await page.getByRole("button", { name: "Menu" }).click();
  await menu.getByRole("link", { name: "Mint a token" }).click();
  await menu.waitFor({ state: "hidden" });
  assert.ok(page.url().endsWith("#mint_token"));
  await context.close();
});

test("without scripts all of a page is there", async () => {
  const context = await chromium.newContext({ viewport: SIZES.desk, javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${server.origin}/docs/aerochat`);
  const sample = page.locator("article[aria-labelledby=send_message] .sample[data-language]").filter({ visible: true });
  assert.deepEqual(await sample.locator("figcaption").allTextContents(), ["curl"]);
  await context.close();
});
