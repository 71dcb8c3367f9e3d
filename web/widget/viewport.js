/**
 * Keeps a panel that fills a phone's screen above its keyboard, which covers fixed elements.
 */

/** @param {HTMLElement} root  Is told the visible height and where it begins. */
export function followViewport(root) {
  const { visualViewport } = window;
  if (!visualViewport) return;
  const fit = () => {
    // Who zooms in sees a part of the page, and wants no smaller panel in it.
    const zoomed = Math.abs(visualViewport.scale - 1) > 0.01;
    root.style.setProperty("--top", zoomed ? "0px" : `${visualViewport.offsetTop}px`);
    root.style.setProperty("--height", zoomed ? "100%" : `${visualViewport.height}px`);
  };
  for (const name of ["resize", "scroll"]) visualViewport.addEventListener(name, fit);
  fit();
}
