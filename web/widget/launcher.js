/**
 * What stands in a shop's page until somebody opens the widget: a button, and nothing behind it yet.
 *
 * Most visitors never open it, so this is all that they load, in four requests: this file is not
 * divided further. The panel comes when the button is pressed; it is on its way when the pointer or
 * the keyboard comes near. Who has a conversation gets the whole widget at once: there may be an
 * answer to count.
 */

import { only, settle, vacate } from "./place.js";

/** @typedef {import("./main.js").Api} Api */
/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("../client/widget-client.js").WidgetConfig} WidgetConfig */

/** How the button is called; the languages that the widget speaks. */
export const LABELS = {
  en: "Open chat",
  es: "Abrir chat",
  fr: "Ouvrir le chat",
  de: "Chat öffnen",
  pt: "Abrir chat",
  ar: "فتح المحادثة",
  hi: "चैट खोलें",
};

/** What the panel is made of besides a language's words: asked for all at once, not one after another. */
export const MODULES = `
  main alerts composer delivery dropping entries field files icons options panel presence store style viewport visit words
  ../shared/days ../shared/element ../shared/keyed ../shared/links ../shared/markdown
  ../shared/offers ../shared/said ../shared/scroll ../shared/shelf ../shared/typing
  ../vendor/marked ../vendor/remend
  ../client/chain ../client/checked ../client/conversation ../client/feed ../client/frame ../client/json ../client/outbox
  ../client/parlor-client ../client/parlor-error ../client/reply ../client/retry ../client/session ../client/sse-parser ../client/together
  ../client/transcript ../client/transports ../client/well-formed ../client/widget-client
`.trim().split(/\s+/);

export const GROUND = { light: "#ffffff", dark: "#1a1d23" };
export const INK = { light: "#1b1f27", dark: "#eceef2" };

export const BUBBLE = "M4 5.5A2.5 2.5 0 0 1 6.5 3h11A2.5 2.5 0 0 1 20 5.5v8a2.5 2.5 0 0 1-2.5 2.5H11l-4.6 4.1c-.5.5-1.4.1-1.4-.6V16A2.5 2.5 0 0 1 4 13.5z";

/** The looks of the button, and where it stands. Nothing of the page's rules comes in. */
export const CSS = `
:host { all: initial !important; }
* { box-sizing: border-box; margin: 0; }
[hidden] { display: none !important; }
.root {
  --ground: ${GROUND.light}; --ink: ${INK.light}; --soft: #5a6270; --edge: #dadee6; --field: #7b8494; --bubble: #f0f2f6; --bad: #b3261e; --warn: #fff4d6; --warn-ink: #5c4400;
  position: fixed; z-index: 2147483000; bottom: 20px; right: 20px;
  display: flex; flex-direction: column; align-items: flex-end; gap: 14px;
  color: var(--ink); font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; text-align: start; overflow-wrap: anywhere;
  -webkit-text-size-adjust: 100%; pointer-events: none;
}
.root[data-theme="dark"] {
  --ground: ${GROUND.dark}; --ink: ${INK.dark}; --soft: #a9b1bf; --edge: #343a45; --field: #7f8896; --bubble: #282d36; --bad: #ff9a90; --warn: #3d3111; --warn-ink: #ffe3a0;
  color-scheme: dark;
}
.root[data-side="left"] { left: 20px; right: auto; }
.root[data-side="left"][dir="ltr"], .root[data-side="right"][dir="rtl"] { align-items: flex-start; }
button { font: inherit; color: inherit; cursor: pointer; border: 0; background: none; padding: 0; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.icon { inline-size: 22px; block-size: 22px; display: block; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; flex: none; }
.launcher {
  order: 2; position: relative; inline-size: 58px; block-size: 58px; border-radius: 50%; pointer-events: auto;
  background: var(--brand); color: var(--on-brand); display: grid; place-items: center;
  box-shadow: 0 4px 16px rgb(0 0 0 / .22), 0 0 0 1px rgb(255 255 255 / .12); transition: transform .18s, box-shadow .18s;
}
.launcher:hover { transform: translateY(-2px); box-shadow: 0 8px 22px rgb(0 0 0 / .26), 0 0 0 1px rgb(255 255 255 / .12); }
.launcher:active { transform: none; }
.launcher .icon { inline-size: 27px; block-size: 27px; grid-area: 1 / 1; transition: transform .18s, opacity .18s; }
.launcher[aria-busy="true"] .icon { animation: wait 1s infinite ease-in-out; }
@keyframes wait { 50% { opacity: .35; } }
@media (prefers-reduced-motion: reduce) {
  *, *::before, *::after { animation: none !important; transition: none !important; }
}
@media (forced-colors: active) { .launcher { border: 1px solid; } }
@media print { .root { display: none; } }
`;

/**
 * What a shop says about its widget: attributes of its script tag.
 * @param {HTMLScriptElement} script
 * @returns {Options}
 */
export function optionsOf(script) {
  const { siteKey = "", lang, theme, open, position, sound, badge } = script.dataset;
  return {
    siteKey,
    origin: new URL(script.src).origin,
    lang,
    theme: theme === "light" || theme === "dark" ? theme : "auto",
    open: open !== undefined && open !== "false",
    position: position === "start" || position === "left" || position === "right" ? position : "end",
    sound: sound !== "off",
    badge: badge !== "off",
  };
}

/**
 * The first language wanted that there is, else English.
 * @param {readonly string[]} wanted  BCP 47.
 */
export function chosen(wanted) {
  const plain = wanted.map((tag) => tag.toLowerCase().split("-")[0]);
  return plain.find((tag) => tag in LABELS) ?? "en";
}

/** @param {Options} options */
export function languageOf({ lang }) {
  return chosen(lang ? [lang] : navigator.languages);
}

/**
 * Gives the root of what is shown its language, direction, place and theme. The place is the shop's
 * matter: it follows the page's direction, and so it is the same for visitors of every language.
 * @param {HTMLElement} root
 * @param {Options} options
 */
export function dress(root, options) {
  const language = languageOf(options);
  root.lang = language;
  const pageIsRtl = getComputedStyle(document.documentElement).direction === "rtl";
  root.dir = language === "ar" || pageIsRtl ? "rtl" : "ltr";
  root.dataset.side = sideOf(options.position ?? "end", pageIsRtl);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = () => (root.dataset.theme = !options.theme || options.theme === "auto" ? (dark.matches ? "dark" : "light") : options.theme);
  theme();
  dark.addEventListener("change", theme);
}

/**
 * The side of the window at which the widget stands.
 * @param {NonNullable<Options["position"]>} position
 * @param {boolean} pageIsRtl
 */
function sideOf(position, pageIsRtl) {
  if (position === "left" || position === "right") return position;
  return (position === "end") === pageIsRtl ? "left" : "right";
}

/** @param {string} css */
export function sheetOf(css) {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}

/**
 * The shop's colours as a style sheet.
 * @param {WidgetConfig["look"]} look
 */
export function coloursSheet(look) {
  const { brand, onBrand } = coloursOf(look);
  const on = (/** @type {"light" | "dark"} */ theme) => accent(brand, GROUND[theme], INK[theme]);
  return sheetOf(`
.root { --brand: ${brand}; --on-brand: ${onBrand}; --accent: ${on("light")}; }
.root[data-theme="dark"] { --accent: ${on("dark")}; }`);
}

/**
 * A drawing, made node by node: a page's policy may refuse strings of markup.
 * @param {string} path
 * @param {string} name
 */
export function drawing(path, name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon icon--${name}`);
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawn.setAttribute("d", path);
  svg.append(drawn);
  return svg;
}

/**
 * Puts the button into the page, or the whole widget where somebody has used it before. What is there
 * already stays.
 * @param {HTMLScriptElement} script  Its tag.
 */
export async function launch(script) {
  const options = optionsOf(script);
  const { siteKey, origin = location.origin } = options;
  if (!siteKey) throw new TypeError("The chat widget needs data-site-key.");
  if (options.open || isInUse(siteKey)) {
    const { mount } = await import("./main.js");
    return mount(options);
  }
  return only(async () => {
    const config = await configOf(origin, siteKey);
    return config && new Launcher(options, config).api;
  });
}

class Launcher {
  /**
   * @param {Options} options
   * @param {Known} known
   */
  constructor(options, { look, config }) {
    this.options = options;
    this.config = config;
    /** @type {Promise<Api | null> | null} */
    this.coming = null;
    this.life = new AbortController();
    const language = languageOf(options);
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "launcher";
    this.button.setAttribute("aria-label", LABELS[/** @type {keyof typeof LABELS} */ (language)]);
    this.button.setAttribute("aria-haspopup", "dialog");
    this.button.setAttribute("aria-expanded", "false");
    this.button.append(drawing(BUBBLE, "chat"));
    for (const near of ["pointerenter", "focus"]) this.button.addEventListener(near, () => this.fetch(language), { once: true });
    const root = document.createElement("div");
    root.className = "root";
    root.append(this.button);
    dress(root, options);
    this.host = document.createElement("parlor-widget");
    const shadow = this.host.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = [sheetOf(CSS), coloursSheet(look)];
    shadow.append(root);
    /** What the page can do with the widget: it comes when it is needed. @type {Api} */
    this.api = {
      open: () => void this.widget((widget) => widget.open()),
      close: () => void (this.coming && this.widget((widget) => widget.close())),
      toggle: () => void this.widget((widget) => widget.toggle()),
      identify: (who) => this.widget((widget) => widget.identify(who)),
      remove: () => void (this.coming ? this.widget((widget) => widget.remove()) : this.leave()),
    };
    this.button.onclick = this.api.open;
    settle(this.host, () => this.leave(), this.life.signal);
    Object.assign(window, { ParlorWidget: this.api });
    dispatchEvent(new CustomEvent("parlor-widget:ready", { detail: {} }));
  }

  /** @private */
  leave() {
    this.life.abort();
    this.host.remove();
    vacate();
  }

  /**
   * Has the browser fetch what the panel is made of.
   * @param {string} language
   * @private
   */
  fetch(language) {
    for (const name of [...MODULES, `words/${language}`]) {
      const link = document.createElement("link");
      link.rel = "modulepreload";
      link.href = new URL(`${name}.js`, import.meta.url).href;
      link.crossOrigin = "anonymous";
      this.host.shadowRoot?.append(link);
    }
  }

  /**
   * Puts the whole widget in the button's place, once, and does this with it.
   * @param {(widget: Api) => void | Promise<void>} run
   * @private
   */
  async widget(run) {
    this.button.setAttribute("aria-busy", "true");
    this.coming ??= this.whole();
    try {
      const widget = await this.coming;
      if (widget) await run(widget);
    } catch (error) {
      // The next press tries again.
      this.coming = null;
      console.error("The chat widget could not be opened.", error);
    }
    this.button.removeAttribute("aria-busy");
  }

  /** @private */
  async whole() {
    const { options, config, host } = this;
    const { mount } = await import("./main.js");
    this.life.abort();
    return mount(options, { config, host });
  }
}

/**
 * Whether this visitor has a conversation, or this tab an open panel.
 * @param {string} siteKey
 */
function isInUse(siteKey) {
  const kept = (/** @type {Storage} */ storage, /** @type {string} */ name) => JSON.parse(storage.getItem(`parlor.widget.${siteKey}.${name}`) ?? "null");
  return keep(() => kept(sessionStorage, "open") === true || kept(localStorage, "visitor")?.started === true) ?? false;
}

/** What is known of the account; its configuration where it is fresh. @typedef {{look?: WidgetConfig["look"], config?: WidgetConfig}} Known */

/** How long the account's configuration is waited for. */
const PATIENCE_MS = 10_000;

/**
 * How the shop greets and looks; what was said at the last visit where the server does not answer.
 * Null where it does not know the key, or not on this page. The key stands in the address: a header
 * of our own would cost another request, to ask whether it may be sent.
 * @param {string} origin
 * @param {string} siteKey
 * @returns {Promise<Known | null>}
 */
async function configOf(origin, siteKey) {
  const kept = `parlor.widget.${siteKey}.config`;
  try {
    const response = await fetch(`${origin}/api/v1/chat/config?site_key=${encodeURIComponent(siteKey)}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const config = await response.json();
    if ([401, 403, 404].includes(response.status)) {
      console.error(`The chat widget cannot be shown: ${config.error}`);
      return null;
    }
    if (response.ok) {
      keep(() => localStorage.setItem(kept, JSON.stringify(config)));
      return { look: config.look, config };
    }
  } catch {
    // Not there now: the last visit's colours will do.
  }
  return { look: keep(() => JSON.parse(localStorage.getItem(kept) ?? "null").look) ?? {} };
}

/**
 * Does something with storage, which may be closed to us.
 * @template T
 * @param {() => T} run
 * @returns {T | null}
 */
function keep(run) {
  try {
    return run();
  } catch {
    return null;
  }
}

/*
 * The shop's colours, kept legible: text on the brand's colour has a contrast of at least 4.5, and
 * what is drawn in it on the panel's ground at least 3, or a neutral colour takes its place
 * (WCAG 2.2, 1.4.3 and 1.4.11).
 */

/** @typedef {{brand: string, onBrand: string}} Colours */

const BRAND = "#2f5fde";
const BLACK = "#000000";
const WHITE = "#ffffff";

/**
 * @param {{color?: string, text_color?: string}} [look]
 * @returns {Colours}
 */
export function coloursOf(look = {}) {
  const brand = rgb(look.color) ? String(look.color) : BRAND;
  const wanted = look.text_color ?? WHITE;
  if (rgb(wanted) && contrast(brand, wanted) >= 4.5) return { brand, onBrand: wanted };
  return { brand, onBrand: contrast(brand, WHITE) >= contrast(brand, BLACK) ? WHITE : BLACK };
}

/**
 * The brand's colour where it can be seen on this ground, else the other.
 * @param {string} brand
 * @param {string} ground
 * @param {string} other
 */
export function accent(brand, ground, other) {
  return contrast(brand, ground) >= 3 ? brand : other;
}

/**
 * @param {string} one
 * @param {string} other
 */
export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** @param {string} colour */
function luminance(colour) {
  const [red, green, blue] = (rgb(colour) ?? [0, 0, 0]).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/**
 * `#rgb` or `#rrggbb`; null for anything else, which is not put into a style.
 * @param {string | undefined} colour
 */
function rgb(colour) {
  const digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(colour ?? "")?.[1];
  if (!digits) return null;
  const whole = digits.length === 3 ? Array.from(digits, (each) => each + each).join("") : digits;
  return [0, 2, 4].map((at) => parseInt(whole.slice(at, at + 2), 16));
}
