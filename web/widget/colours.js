/**
 * The shop's colours, kept legible: text on the brand's colour has a contrast of at least 4.5, and
 * what is drawn in it on the panel's ground at least 3, or a neutral colour takes its place
 * (WCAG 2.2, 1.4.3 and 1.4.11).
 */

/** @typedef {{brand: string, onBrand: string}} Colours */

const BRAND = "#2f5fde";
const BLACK = "#000000";
const WHITE = "#ffffff";

/**
 * @param {{color?: string, text_color?: string}} [look]
 * @returns {Colours}
 */
export function coloursOf(look = {}) {
  const brand = rgb(look.color) ? String(look.color) : BRAND;
  const wanted = look.text_color ?? WHITE;
  if (rgb(wanted) && contrast(brand, wanted) >= 4.5) return { brand, onBrand: wanted };
  return { brand, onBrand: contrast(brand, WHITE) >= contrast(brand, BLACK) ? WHITE : BLACK };
}

/**
 * The brand's colour where it can be seen on this ground, else the other.
 * @param {string} brand
 * @param {string} ground
 * @param {string} other
 */
export function accent(brand, ground, other) {
  return contrast(brand, ground) >= 3 ? brand : other;
}

/**
 * @param {string} one
 * @param {string} other
 */
export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** @param {string} colour */
function luminance(colour) {
  const [red, green, blue] = (rgb(colour) ?? [0, 0, 0]).map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/**
 * `#rgb` or `#rrggbb`; null for anything else, which is not put into a style.
 * @param {string | undefined} colour
 */
function rgb(colour) {
  const digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(colour ?? "")?.[1];
  if (!digits) return null;
  const whole = digits.length === 3 ? Array.from(digits, (each) => each + each).join("") : digits;
  return [0, 2, 4].map((at) => parseInt(whole.slice(at, at + 2), 16));
}
