/**
 * What the pages under /docs do besides being read: samples can be copied, name the server that
 * shows them, and keep to the language that was chosen. Without it all of a page is still there.
 */

const LANGUAGE = "parlor.docs.language";
const SHIPPED = "http://127.0.0.1:8080";

/**
 * What is copied of a block: all of it, or of a dialogue with a shell what was typed.
 * @param {Element} block
 * @param {string} text
 */
function worthCopying(block, text) {
  if (!(block instanceof HTMLElement) || block.dataset.language !== "console") return text;
  const typed = [];
  let goesOn = false;
  for (const line of text.split("\n")) {
    if (line.startsWith("$ ") || goesOn) typed.push(goesOn ? line : line.slice(2));
    goesOn = (line.startsWith("$ ") || goesOn) && line.endsWith("\\");
  }
  return typed.length > 0 ? `${typed.join("\n")}\n` : text;
}

/** Storage may be closed to us; then the choice lasts as long as the page. */
const kept = () => {
  try {
    return localStorage.getItem(LANGUAGE);
  } catch {
    return null;
  }
};
const keep = (/** @type {string} */ language) => {
  try {
    localStorage.setItem(LANGUAGE, language);
  } catch {
    // As above.
  }
};

for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll("input[name=language]"))) {
  input.checked = input.value === kept() || (input.checked && !kept());
  input.addEventListener("change", () => keep(input.value));
}

const said = document.createElement("p");
said.className = "hidden-visually";
said.setAttribute("role", "status");
document.body.append(said);

for (const block of document.querySelectorAll(".sample, .code")) {
  const code = block.querySelector("pre code");
  if (!code) continue;
  if (block.matches(".sample")) code.textContent = code.textContent.replaceAll(SHIPPED, location.origin);
  if (!navigator.clipboard) continue; // Only on pages that are safe from others on the way.
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(worthCopying(block, code.textContent));
      button.textContent = said.textContent = "Copied";
    } catch {
      button.textContent = said.textContent = "Not copied";
    }
    setTimeout(() => (button.textContent = "Copy"), 1_500);
  });
  block.append(button);
}

const menu = document.getElementById("menu");
menu?.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("a") && menu.matches(":popover-open")) menu.hidePopover();
});
