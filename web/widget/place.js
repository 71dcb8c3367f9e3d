/**
 * The widget's place in a page that goes on living: one widget, at the document's root, for as long
 * as the document lives.
 *
 * Sites that swap their body keep the document, and their tags run again or not, as they are
 * written. At the root a swapped body does not concern the widget, and whichever tag asks again
 * gets the widget that is there.
 */

/** Where all copies of this code, of whichever tag, find the widget. */
const PLACE = Symbol.for("parlor.widget");

/**
 * The page's one widget: the one that is there, or else what `make` makes.
 * @template T
 * @param {() => Promise<T | null>} make  Null where there is to be none.
 * @returns {Promise<T | null>}
 */
export function only(make) {
  const page = /** @type {Record<symbol, Promise<T | null> | undefined>} */ (/** @type {unknown} */ (window));
  const vacate = () => delete page[PLACE];
  page[PLACE] ??= make().then(
    (made) => {
      if (!made) vacate();
      return made;
    },
    (error) => {
      vacate();
      throw error;
    },
  );
  return page[PLACE];
}

/** The place is free for another. */
export function vacate() {
  delete (/** @type {Record<symbol, unknown>} */ (/** @type {unknown} */ (window))[PLACE]);
}

/**
 * Puts the host into the page and puts it back where the page was swapped around it. Who takes it
 * out alone means it.
 * @param {HTMLElement} host
 * @param {() => void} onTaken  Somebody took it out.
 * @param {AbortSignal} signal  Ends the care, with the host where it is.
 */
export function settle(host, onTaken, signal) {
  const observer = new MutationObserver((records) => {
    if (host.isConnected) return observe();
    const others = records.some(({ addedNodes, removedNodes }) => [...addedNodes, ...removedNodes].some((node) => node !== host));
    if (others) put();
    else onTaken();
  });
  /** The root may be another by now. */
  const observe = () => {
    observer.disconnect();
    for (const node of [document, document.documentElement]) if (node) observer.observe(node, { childList: true });
  };
  const put = () => {
    document.documentElement?.append(host);
    observe();
  };
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
  put();
}
