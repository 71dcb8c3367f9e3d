/**
 * Light or dark: the system's choice until the reader makes another, which is remembered.
 *
 * A classic script, run before the first paint, so that a dark page never flashes white.
 */

(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  /** @returns {string | null} */
  const chosen = () => {
    try {
      return localStorage.getItem("parlor.theme");
    } catch {
      return null; // Storage may be closed to us; then the choice lasts as long as the page.
    }
  };

  const system = () => (dark.matches ? "dark" : "light");
  const current = () => root.dataset.theme ?? system();

  const label = () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const words = `Switch to ${current() === "dark" ? "light" : "dark"} colours`;
    button.setAttribute("aria-label", words);
    button.title = words;
  };

  const toggle = () => {
    const next = current() === "dark" ? "light" : "dark";
    // Choosing what the system says anyway means following it again.
    if (next === system()) delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      if (root.dataset.theme) localStorage.setItem("parlor.theme", next);
      else localStorage.removeItem("parlor.theme");
    } catch {
      // As above.
    }
    label();
  };

  const stored = chosen();
  if (stored === "light" || stored === "dark") root.dataset.theme = stored;
  dark.addEventListener("change", label);
  document.addEventListener("DOMContentLoaded", () => {
    label();
    document.getElementById("theme")?.addEventListener("click", toggle);
  });
})();
