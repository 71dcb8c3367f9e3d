/**
 * The files of a message: links that download, and pictures shown in place.
 */

import { element } from "../shared/element.js";

/** @typedef {import("../client/frame.js").FileData} FileData */

/** What every browser shows, and none runs. */
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
const LARGEST_PREVIEW = 8 * 1024 * 1024;
const UNITS = /** @type {const} */ (["byte", "kilobyte", "megabyte", "gigabyte"]);

export class Attachments {
  /** @param {(file: FileData) => string} url  Where a file is fetched. */
  constructor(url) {
    this.url = url;
  }

  /** @param {FileData[]} files */
  list(files) {
    return element("ul", "files", ...files.map((file) => element("li", "", this.one(file))));
  }

  /**
   * @param {FileData} file
   * @private
   */
  one(file) {
    const name = element("bdi", "file__name", file.filename);
    const made = element("a", "file", element("span", "hidden-visually", "Download "), name, element("span", "file__size", sized(file.size)));
    made.href = this.url(file);
    made.download = file.filename;
    if (!PICTURES.includes(file.mime_type) || file.size > LARGEST_PREVIEW) return made;
    const picture = element("img", "file__picture");
    picture.alt = ""; // The link says what it is.
    picture.loading = "lazy";
    picture.onerror = () => picture.remove();
    picture.src = made.href;
    made.prepend(picture);
    return made;
  }
}

/** @param {number} bytes */
function sized(bytes) {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  const format = new Intl.NumberFormat(undefined, { style: "unit", unit: UNITS[step], unitDisplay: "short", maximumFractionDigits: 1 });
  return format.format(bytes / 1000 ** step);
}
