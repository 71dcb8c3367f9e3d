// The client as the package that others install.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as installed from "parlor-client";

const run = promisify(execFile);
const HERE = fileURLToPath(new URL(".", import.meta.url));
const CLIENT = fileURLToPath(new URL("../../web/client/", import.meta.url));

test("it is imported by its name and offers what its README names", async () => {
  assert.deepEqual(Object.keys(installed).sort(), [
    "Conversation", "Outbox", "Parlor", "ParlorError", "Session", "WidgetClient", "emptyTranscript", "isTranscript", "newKey", "prepended", "reduce", "transcriptOf", "trimmed",
  ]);
});

test("the types that are checked in are those of the code: `npm run types` makes them anew", { timeout: 120_000 }, async () => {
  const fresh = await mkdtemp(path.join(tmpdir(), "parlor-types-"));
  try {
    const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
    await run(process.execPath, [tsc, "--project", path.join(HERE, "tsconfig.types.json"), "--outDir", fresh], { cwd: HERE });
    const names = (await readdir(fresh)).sort();
    assert.deepEqual((await readdir(path.join(CLIENT, "types"))).sort(), names);
    for (const name of names) {
      const [kept, made] = await Promise.all([path.join(CLIENT, "types", name), path.join(fresh, name)].map((file) => readFile(file, "utf8")));
      assert.equal(kept, made, `${name} is stale`);
    }
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
});

test("it needs nothing but itself: every import is a file of the package", async () => {
  const manifest = JSON.parse(await readFile(path.join(CLIENT, "package.json"), "utf8"));
  assert.equal(manifest.dependencies, undefined);
  const files = new Set((await readdir(CLIENT)).filter((name) => name.endsWith(".js")));
  for (const file of files) {
    const text = await readFile(path.join(CLIENT, file), "utf8");
    for (const [, target] of text.matchAll(/(?:from|import) "([^"]+)"/g)) {
      assert.ok(target === "parlor-client" || files.has(target.replace("./", "")), `${file} imports ${target}`);
    }
  }
});
