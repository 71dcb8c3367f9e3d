/**
 * The files of a message: links that download, and pictures shown in place.
 *
 * A picture is fetched with the site key when it is about to be seen, and shown from memory. Where
 * the page's policy refuses `blob:` pictures, or it is none, the link remains.
 */

import { element } from "../shared/element.js";
import { icon } from "./icons.js";

/** @typedef {import("../client/frame.js").FileData} FileData */
/** @typedef {import("../client/parlor-client.js").WidgetClient} WidgetClient */
/** @typedef {import("./words.js").Words} Words */

/** What every browser shows, and none runs. */
const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"];
const LARGEST_PREVIEW = 8 * 1024 * 1024;

export class Files {
  /**
   * @param {WidgetClient} client
   * @param {() => string} visitorToken
   * @param {Words} words
   * @param {string} language
   */
  constructor(client, visitorToken, words, language) {
    this.client = client;
    this.visitorToken = visitorToken;
    this.words = words;
    this.language = language;
    /** Pictures in memory, by their address. @type {Map<string, Promise<string>>} */
    this.fetched = new Map();
    /** @type {WeakMap<Element, () => void>} */
    this.wanted = new WeakMap();
    this.watcher = new IntersectionObserver((seen) => {
      for (const { isIntersecting, target } of seen) {
        if (!isIntersecting) continue;
        this.watcher.unobserve(target);
        this.wanted.get(target)?.();
      }
    });
  }

  /**
   * @param {number} bytes
   */
  size(bytes) {
    const units = /** @type {const} */ (["byte", "kilobyte", "megabyte", "gigabyte"]);
    const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
    const format = { style: /** @type {const} */ ("unit"), unit: units[step], unitDisplay: /** @type {const} */ ("short"), maximumFractionDigits: 1 };
    return new Intl.NumberFormat(this.language, format).format(bytes / 1000 ** step);
  }

  /** @param {FileData[]} files */
  list(files) {
    return element("ul", "files", ...files.map((file) => element("li", "", this.one(file))));
  }

  /** @param {{name: string, size: number}} file */
  pending(file) {
    return element("div", "file", icon("clip"), element("span", "file__name", element("bdi", "", file.name)), element("span", "file__size", this.size(file.size)));
  }

  /**
   * @param {FileData} file
   * @private
   */
  one(file) {
    const name = element("span", "file__name", element("bdi", "", file.filename));
    const size = this.size(file.size);
    const link = element("a", "file", element("span", "hidden", `${this.words.download} `), icon("clip"), name, element("span", "file__size", size));
    link.href = this.client.fileUrl(this.visitorToken(), file, { disposition: "attachment" });
    link.target = "_blank"; // Whatever is answered, the shop's page stays.
    link.rel = "noopener noreferrer";
    link.download = file.filename;
    if (PICTURES.includes(file.mime_type) && file.size <= LARGEST_PREVIEW) {
      this.wanted.set(link, () => this.show(link, file));
      this.watcher.observe(link);
    }
    return link;
  }

  /**
   * @param {HTMLAnchorElement} link
   * @param {FileData} file
   * @private
   */
  async show(link, file) {
    let fetched = this.fetched.get(link.href);
    if (!fetched) {
      const blob = this.client.file(this.visitorToken(), file, { disposition: "inline" });
      fetched = blob.then((blob) => URL.createObjectURL(new Blob([blob], { type: file.mime_type })));
      this.fetched.set(link.href, fetched);
      fetched.catch(() => this.fetched.delete(link.href));
    }
    const picture = element("img", "file__picture");
    picture.alt = ""; // The link says what it is.
    picture.onload = () => {
      link.classList.add("file--picture");
      link.prepend(picture);
    };
    picture.src = await fetched.catch(() => "");
  }
}
