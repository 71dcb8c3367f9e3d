/**
 * The widget's few drawings.
 */

import { BUBBLE, drawing } from "./launcher.js";

const DRAWN = {
  chat: BUBBLE,
  close: "M6 6l12 12M18 6L6 18",
  down: "M6 9l6 6 6-6",
  clip: "M20 11.5l-8 8a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7L9.7 17.2a1.7 1.7 0 0 1-2.4-2.4l7.7-7.7",
  bell: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 21h4",
  mute: "M6 16V11a6 6 0 0 1 12 0v5l1.5 2h-15zM10 21h4M4 4l16 16",
  send: "M12 19V6M6 11.5l6-6 6 6",
  stop: "M7 7h10v10H7z",
};

/** @param {keyof typeof DRAWN} name */
export function icon(name) {
  return drawing(DRAWN[name], name);
}
