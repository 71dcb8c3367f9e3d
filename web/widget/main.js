/**
 * The chat widget: a launcher and a panel in the corner of a shop's page.
 *
 * It lives in a shadow root and brings its styles as constructed sheets, so the page and the widget
 * do not change each other's looks, and a strict Content-Security-Policy needs to allow nothing but
 * this origin: no inline script or style, no markup from strings, no frame.
 */

import { WidgetClient } from "../client/widget-client.js";
import { ParlorError } from "../client/parlor-error.js";
import { coloursSheet, dress, languageOf } from "./launcher.js";
import { optionsOf } from "./options.js";
import { Panel } from "./panel.js";
import { only, settle, vacate } from "./place.js";
import { Store } from "./store.js";
import { sheet } from "./style.js";
import { followViewport } from "./viewport.js";
import { Visit } from "./visit.js";
import { wordsOf } from "./words.js";

export { optionsOf };

/** @typedef {import("./options.js").Options} Options */
/** @typedef {import("../client/widget-client.js").WidgetConfig} WidgetConfig */
/** @typedef {{name?: string, email?: string, visitorToken?: string}} Identity */

/**
 * What a page can do with the widget; `window.ParlorWidget`.
 * @typedef {object} Api
 * @property {() => void} open
 * @property {() => void} close
 * @property {() => void} toggle
 * @property {(who: Identity) => Promise<void>} identify  Who the visitor is, where the shop knows.
 * @property {() => void} remove  Takes the widget out of the page.
 */

/**
 * Puts the widget into the page, and answers the one that is there already. Null where the server
 * does not want it there.
 * @param {Options} options
 * @param {{config?: WidgetConfig, host?: HTMLElement}} [launched]  By the launcher, whose place it takes.
 * @returns {Promise<Api | null>}
 */
export async function mount(options, launched = {}) {
  if (!options.siteKey) throw new TypeError("The chat widget needs data-site-key.");
  return launched.host ? made(options, launched) : only(() => made(options, launched));
}

/**
 * @param {Options} options
 * @param {{config?: WidgetConfig, host?: HTMLElement}} launched
 * @returns {Promise<Api | null>}
 */
async function made(options, launched) {
  const { siteKey, origin = location.origin } = options;
  const store = new Store(siteKey);
  const client = new WidgetClient({ origin, siteKey });
  const language = languageOf(options);
  const [words, config] = await Promise.all([wordsOf(language), launched.config ?? configOf(client, store)]);
  if (!config) return null;
  if (launched.config) store.config = launched.config;

  const panel = new Panel({
    words, language, store, client,
    alerts: { sound: options.sound ?? true, badge: options.badge ?? true },
    onOpen: (open) => tell(open ? "open" : "close", {}),
    onUnread: (unread) => tell("unread", { unread }),
  });
  const { root } = panel;
  dress(root, options);
  followViewport(root);

  const host = launched.host ?? document.createElement("parlor-widget");
  const shadow = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  shadow.adoptedStyleSheets = [sheet(), coloursSheet(config.look)];
  shadow.replaceChildren(root);
  const life = new AbortController();
  settle(host, () => api.remove(), life.signal);
  panel.greet(config, options.lang ?? navigator.language);
  const visit = new Visit(client, store, () => panel.draw());
  visit.requires = config.require_details ?? "before";
  panel.visit = visit;
  panel.show(store.open ?? options.open ?? false, { focus: false });
  panel.draw();

  /** @type {Api} */
  const api = {
    open: () => panel.show(true),
    close: () => panel.show(false),
    toggle: () => panel.show(!panel.opened),
    identify: (who) => visit.identify(who),
    remove: () => {
      life.abort();
      visit.close();
      panel.alerts.close();
      host.remove();
      vacate();
    },
  };
  Object.assign(window, { ParlorWidget: api });
  if (!launched.host) tell("ready", {});
  return api;
}

/**
 * How the shop greets: what was said at the last visit until the server says otherwise. Null when
 * the key is not valid, or not on this page.
 * @param {WidgetClient} client
 * @param {Store} store
 */
async function configOf(client, store) {
  const asked = client.config();
  asked.then((config) => (store.config = config), () => {});
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ParlorError && error.final) {
      console.error(`The chat widget cannot be shown: ${error.message}`);
      return null;
    }
    return store.config ?? { greeting: "" };
  }
}

/**
 * Tells the page: `parlor-widget:ready`, `:open`, `:close` and `:unread`, on the window.
 * @param {string} what
 * @param {Record<string, unknown>} detail
 */
function tell(what, detail) {
  dispatchEvent(new CustomEvent(`parlor-widget:${what}`, { detail }));
}
