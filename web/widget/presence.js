/**
 * Whether somebody is there: the tab is looked at, left, left for long, or the network came back. A
 * page that is navigated away from is gone as one that was left for long: its browser may keep it
 * for the way back, but none that still has a connection or a lock.
 */

/** A tab that nobody looks at gives its connection back after this long; browsers have few. */
const LONG_MS = 60_000;

/**
 * @param {{onLeft: () => void, onLongGone: () => void, onBack: () => void, onOnline: () => void}} tell
 * @param {AbortSignal} signal
 */
export function watchPresence({ onLeft, onLongGone, onBack, onOnline }, signal) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let leaving;
  const turned = () => {
    clearTimeout(leaving);
    if (!document.hidden) return onBack();
    onLeft();
    leaving = setTimeout(onLongGone, LONG_MS);
  };
  document.addEventListener("visibilitychange", turned, { signal });
  const hidden = () => {
    onLeft();
    onLongGone();
  };
  addEventListener("pagehide", hidden, { signal });
  addEventListener("pageshow", ({ persisted }) => persisted && onBack(), { signal });
  addEventListener("online", onOnline, { signal });
  signal.addEventListener("abort", () => clearTimeout(leaving), { once: true });
}
