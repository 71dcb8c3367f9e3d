// The parts of the widget that need no page: words, colours, attributes, and what one tag may hold.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import vm from "node:vm";
import { graph, WEB } from "./harness/modules.js";
import { accent, coloursOf, contrast, LABELS, MODULES } from "../../web/widget/launcher.js";
import { chosen, fill, LANGUAGES, wordsOf } from "../../web/widget/words.js";

const HERE = new URL("../../web/", import.meta.url);

test("every language has every text, with the same places for names", async () => {
  const english = await wordsOf("en");
  const places = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join();
  assert.deepEqual((await readdir(new URL("widget/words/", HERE))).sort(), LANGUAGES.map((language) => `${language}.js`).sort());
  for (const language of LANGUAGES) {
    const words = await wordsOf(language);
    assert.deepEqual(Object.keys(words), Object.keys(english), language);
    for (const [name, text] of Object.entries(words)) {
      assert.ok(text.trim(), `${language}.${name} is empty`);
      assert.equal(places(text), places(english[name]), `${language}.${name}`);
    }
  }
});

test("the first language that there is wins; a region does not matter", () => {
  assert.equal(chosen(["pt-BR", "en"]), "pt");
  assert.equal(chosen(["nl", "AR-eg"]), "ar");
  assert.equal(chosen(["nl"]), "en");
  assert.equal(chosen([]), "en");
});

test("names go into a text as they are", () => {
  assert.equal(fill("{name} joined", { name: "$& {n}" }), "$& {n} joined");
  assert.equal(fill("{name} {other}", { name: "A" }), "A {other}");
});

test("a shop's colours are kept where they can be read", () => {
  assert.deepEqual(coloursOf({ color: "#004422", text_color: "#fff" }), { brand: "#004422", onBrand: "#fff" });
  assert.deepEqual(coloursOf({ color: "#ffee00", text_color: "#ffffff" }), { brand: "#ffee00", onBrand: "#000000" });
  assert.equal(coloursOf({ color: "#202020", text_color: "#000" }).onBrand, "#ffffff");
  for (let step = 0; step < 512; step++) {
    const color = `#${Math.floor((step * 0xffffff) / 511).toString(16).padStart(6, "0")}`;
    const { brand, onBrand } = coloursOf({ color });
    assert.ok(contrast(brand, onBrand) > 4.5, `${brand} ${onBrand} ${contrast(brand, onBrand)}`);
    for (const [ground, ink] of [["#ffffff", "#1b1f27"], ["#1a1d23", "#eceef2"]]) assert.ok(contrast(accent(brand, ground, ink), ground) >= 3);
  }
  assert.equal(contrast("#000000", "#ffffff"), 21);
});

test("what is no colour never reaches a style", () => {
  for (const color of ["red;} * {display:none", "url(//x)", "#12", "", null, "javascript:1", "#12345g"]) {
    assert.match(coloursOf({ color, text_color: color }).brand, /^#[0-9a-f]{6}$/);
    assert.match(coloursOf({ color: "#123456", text_color: color }).onBrand, /^#[0-9a-f]{3,6}$/);
  }
});

test("the pasted tag may be a classic script as well as a module", async () => {
  const text = await readFile(new URL("widget/loader.js", HERE), "utf8");
  new vm.Script(text);
  assert.doesNotMatch(text, /import\.meta|^\s*(import|export)\b(?!\()/m);
});

test("no markup is made from strings, and nothing is evaluated", async () => {
  for (const folder of ["chat/", "client/", "docs/", "shared/", "widget/", "widget-demo/"]) {
    for (const name of await readdir(new URL(folder, HERE))) {
      if (!name.endsWith(".js")) continue;
      const text = await readFile(new URL(folder + name, HERE), "utf8");
      assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser/, folder + name);
    }
  }
});

test("what is fetched ahead is what the panel imports, no more and no less", async () => {
  const at = (name) => new URL(`widget/${name}.js`, WEB);
  const before = await graph(at("launcher"));
  const needed = [...(await graph(at("main")))].filter((href) => !before.has(href));
  assert.deepEqual(MODULES.map((name) => at(name).href).sort(), needed.sort());
  assert.ok(before.size <= 2, `the launcher brings ${[...before]}`);
});

test("the chat page names what it imports, so that all is fetched at once", async () => {
  const page = await readFile(new URL("chat/page.html", WEB), "utf8");
  const ahead = [...page.matchAll(/rel="modulepreload" href="\/web\/([^"]+)"/g)].map(([, path]) => new URL(path, WEB).href);
  const needed = [...(await graph(new URL("chat/page.js", WEB)))].filter((href) => !href.endsWith("/chat/page.js"));
  assert.deepEqual(ahead.sort(), needed.sort());
});

test("the launcher's button is called as the widget's words say", async () => {
  for (const language of LANGUAGES) assert.equal(LABELS[language], (await wordsOf(language)).open, language);
});

test("what others wrote is as it was published", async () => {
  const list = await readFile(new URL("vendor/README.md", WEB), "utf8");
  const named = [...list.matchAll(/^\| `([^`]+)` .* `([0-9a-f]{64})` \|$/gm)];
  for (const [, name, digest] of named) {
    const bytes = await readFile(new URL(`vendor/${name}`, WEB));
    assert.equal(createHash("sha256").update(bytes).digest("hex"), digest, name);
  }
  const there = (await readdir(new URL("vendor/", WEB))).filter((name) => name.endsWith(".js"));
  assert.deepEqual(there.sort(), named.map(([, name]) => name).sort());
});
