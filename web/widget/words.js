/**
 * What the widget says, in the visitor's language.
 */

import { element } from "../shared/element.js";
import { chosen, LABELS } from "./launcher.js";

export { chosen };

/** @typedef {typeof import("./words/en.js").default} Words */

export const LANGUAGES = Object.keys(LABELS);

/**
 * Only the chosen language is fetched.
 * @param {string} language  One of LANGUAGES.
 * @returns {Promise<Words>}
 */
export async function wordsOf(language) {
  const table = await import(`./words/${language}.js`);
  return table.default;
}

/**
 * A text with a name in it, which stands apart: its direction is its own.
 * @param {string} text
 * @param {string} name
 * @returns {(Node | string)[]}
 */
export function filled(text, name) {
  const [before, after = ""] = text.split("{name}");
  return [before, element("bdi", "", name), after].filter((piece) => piece !== "");
}

/**
 * Puts names into a text: `{name} joined`.
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
