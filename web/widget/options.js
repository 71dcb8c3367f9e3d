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
 * @property {boolean} [sound]  `data-sound="off"`: no sound when an answer comes.
 * @property {boolean} [badge]  `data-badge="off"`: no count in the page's title.
 */

export { optionsOf } from "./launcher.js";
