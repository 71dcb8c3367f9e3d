// Which files a module brings with it, as its imports say.

import { readFile } from "node:fs/promises";

export const WEB = new URL("../../../web/", import.meta.url);

/** The addresses of a module and of all that it imports, and that import, but not at run time. */
export async function graph(entry, known = new Set()) {
  if (known.has(entry.href)) return known;
  known.add(entry.href);
  const text = await readFile(entry, "utf8");
  for (const [, target] of text.matchAll(/^(?:import|export)\s(?:[^;"]*?\sfrom\s)?"(\.[^"]+)"/gm)) await graph(new URL(target, entry), known);
  return known;
}
