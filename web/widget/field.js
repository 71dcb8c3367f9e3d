/**
 * A labelled field with room for what is wrong with it, said beside it and to screen readers.
 */

import { element } from "../shared/element.js";

/** @typedef {{box: HTMLElement, label: HTMLLabelElement, input: HTMLInputElement | HTMLTextAreaElement, fault: HTMLElement}} Field */

let made = 0;

/**
 * @param {string} words
 * @param {HTMLInputElement | HTMLTextAreaElement} input
 * @param {Record<string, unknown>} about  Properties of the input.
 * @returns {Field}
 */
export function field(words, input, about) {
  Object.assign(input, { id: `field${++made}`, ...about });
  const label = element("label", "label", words);
  label.htmlFor = input.id;
  const fault = element("p", "fault");
  fault.id = `${input.id}-fault`;
  fault.hidden = true;
  input.setAttribute("aria-describedby", fault.id);
  return { box: element("div", "field", label, input, fault), label, input, fault };
}

/**
 * @param {Field} field
 * @param {string} wrong  Nothing when it is right.
 */
export function say({ input, fault }, wrong) {
  fault.textContent = wrong;
  fault.hidden = wrong === "";
  if (wrong) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}
