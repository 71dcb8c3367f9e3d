/**
 * JSON as the language has it. Old libraries give arrays a `toJSON` of their own, which makes texts
 * of lists: what is written here is the value itself, whatever the page did to its prototypes.
 */

/**
 * @param {unknown} value
 * @returns {string}
 */
export function encode(value) {
  // A replacer is asked after `toJSON` was; what stands at the key is still what it was.
  return JSON.stringify(value, /** @this {any} */ function (key) {
    return this[key];
  });
}
