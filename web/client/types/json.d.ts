/**
 * JSON as the language has it. Old libraries give arrays a `toJSON` of their own, which makes texts
 * of lists: what is written here is the value itself, whatever the page did to its prototypes.
 */
/**
 * @param {unknown} value
 * @returns {string}
 */
export declare function encode(value: unknown): string;
