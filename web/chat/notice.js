/**
 * What stands in the way of talking at all, said in place, with what to do about it.
 */

import { byId, element } from "../shared/element.js";

/** @typedef {{title: string, body: (Node | string)[], action?: {words: string, run: () => void}}} Said */

/** @param {Said | null} said  Null takes the notice away. */
export function showNotice(said) {
  const section = byId("notice", HTMLElement);
  section.hidden = said === null;
  if (!said) return section.replaceChildren();
  section.replaceChildren(element("h2", "", said.title), element("p", "", ...said.body));
  if (!said.action) return;
  const button = element("button", "button", said.action.words);
  button.type = "button";
  button.onclick = said.action.run;
  section.append(button);
}
