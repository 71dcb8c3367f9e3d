/**
 * The page on which the widget can be tried: `/widget-demo?site_key=site_…&lang=…&theme=…`.
 */

import { byId } from "../shared/element.js";
import { mount } from "../widget/main.js";

const asked = new URLSearchParams(location.search);
const siteKey = asked.get("site_key") ?? "";
const lang = asked.get("lang") ?? "";
const theme = asked.get("theme") ?? "auto";

for (const name of ["site_key", "lang", "theme"]) {
  const control = byId("form", HTMLFormElement).elements.namedItem(name);
  const value = asked.get(name);
  if (value && (control instanceof HTMLInputElement || control instanceof HTMLSelectElement)) control.value = value;
}
// Not sent by the browser: the page's policy lets no form go anywhere.
byId("form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const said = new FormData(byId("form", HTMLFormElement));
  location.search = new URLSearchParams(Array.from(said, ([name, value]) => [name, String(value)])).toString();
});

const attributes = [
  `data-site-key="${siteKey || "site_…"}"`,
  ...(lang ? [`data-lang="${lang}"`] : []),
  ...(theme === "auto" ? [] : [`data-theme="${theme}"`]),
];
show("snippet", [`<script type="module"`, ` src="${location.origin}/widget.js"`, ...attributes.map((one, at) => (at > 0 ? " " : "\n        ") + one), "></script>"]);
show("policy", [`script-src ${location.origin};`, ` connect-src ${location.origin};`, " img-src blob:"]);

/**
 * Shows code whose parts are not broken; each brings the space before it.
 * @param {string} id
 * @param {string[]} parts
 */
function show(id, parts) {
  byId(id, HTMLElement).replaceChildren(
    ...parts.flatMap((part) => {
      const whole = document.createElement("span");
      whole.className = "whole";
      whole.textContent = part.trim();
      return [part.slice(0, part.length - part.trimStart().length), whole];
    }),
  );
}

if (siteKey) {
  const state = byId("state", HTMLElement);
  const shown = await mount({ siteKey, lang: lang || undefined, theme: theme === "light" || theme === "dark" ? theme : "auto", open: true });
  if (!shown) state.textContent = "The server does not know this site key, or not for this page.";
}
