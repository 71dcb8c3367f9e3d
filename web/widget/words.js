/**
 * What the widget says, in the visitor's language.
 */

/** @typedef {typeof import("./words/en.js").default} Words */

export const LANGUAGES = ["en", "es", "fr", "de", "pt", "ar", "hi"];

/**
 * The first language wanted that there is, else English.
 * @param {readonly string[]} wanted  BCP 47.
 */
export function chosen(wanted) {
  const plain = wanted.map((tag) => tag.toLowerCase().split("-")[0]);
  return plain.find((tag) => LANGUAGES.includes(tag)) ?? "en";
}

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
 * Puts names into a text: `{name} joined`.
 * @param {string} text
 * @param {Record<string, string | number>} values
 */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}
