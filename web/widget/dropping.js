/**
 * Files that are dragged onto the panel.
 */

/**
 * @param {HTMLElement} panel
 * @param {HTMLElement} sign  Shown while files are above the panel.
 * @param {() => boolean} welcome
 * @param {(files: File[]) => void} take
 */
export function acceptDrops(panel, sign, welcome, take) {
  const wanted = (/** @type {DragEvent} */ event) => welcome() && (event.dataTransfer?.types.includes("Files") ?? false);
  panel.addEventListener("dragover", (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    sign.hidden = false;
  });
  panel.addEventListener("dragleave", (event) => {
    if (!(event.relatedTarget instanceof Node) || !panel.contains(event.relatedTarget)) sign.hidden = true;
  });
  panel.addEventListener("drop", (event) => {
    sign.hidden = true;
    if (!wanted(event)) return;
    event.preventDefault();
    take(Array.from(event.dataTransfer?.files ?? []));
  });
}
