/**
 * What a shop says about its widget: attributes of its script tag.
 */

/** @typedef {"start" | "end" | "left" | "right"} Position */

/**
 * @typedef {object} Options
 * @property {string} siteKey   `data-site-key`
 * @property {string} [origin]  Where the server is; where the script came from.
 * @property {string} [lang]    `data-lang`; the browser's languages when left out.
 * @property {"light" | "dark" | "auto"} [theme]  `data-theme`; the system's choice when left out.
 * @property {boolean} [open]   `data-open`: the panel is open at first.
 * @property {Position} [position]  `data-position`; the end of a line when left out.
 */

/**
 * @param {HTMLScriptElement} script
 * @returns {Options}
 */
export function optionsOf(script) {
  const { siteKey = "", lang, theme, open, position } = script.dataset;
  return {
    siteKey,
    origin: new URL(script.src).origin,
    lang,
    theme: theme === "light" || theme === "dark" ? theme : "auto",
    open: open !== undefined && open !== "false",
    position: position === "start" || position === "left" || position === "right" ? position : "end",
  };
}
