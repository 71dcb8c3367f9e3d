/**
 * Whether a stored value has the form that it should have. What a browser kept may be of an older
 * version, cut, or written by somebody else; it is used whole or not at all.
 */
export type Transcript = import("./transcript.js").Transcript;
export type Unsent = import("./outbox.js").Unsent;
export type Check = (value: any) => boolean;
/** @typedef {import("./transcript.js").Transcript} Transcript */
/** @typedef {import("./outbox.js").Unsent} Unsent */
/** @typedef {(value: any) => boolean} Check */
/** @type {Check} */
export declare const isText: Check;
/** @type {Check} */
export declare const isFlag: Check;
/** @type {Check} */
export declare const isCount: Check;
/** @param {Check} check @returns {Check} */
export declare const orNull: (check: Check) => Check;
/** @param {Check} check @returns {Check} */
export declare const orNone: (check: Check) => Check;
/** @param {Check} check @returns {Check} */
export declare const listOf: (check: Check) => Check;
/** @param {...string} words @returns {Check} */
export declare const oneOf: (...words: string[]) => Check;
/** @param {Check} check @returns {Check} */
export declare const mapOf: (check: Check) => Check;
/** @param {Record<string, Check>} fields @returns {Check} */
export declare const shaped: (fields: Record<string, Check>) => Check;
/**
 * Whether that is a transcript, of this version of the client, with each thing in it once.
 * @param {any} value
 * @returns {value is Transcript}
 */
export declare function isTranscript(value: any): value is Transcript;
/**
 * Whether that is a list of unsent messages.
 * @type {(value: any) => value is Unsent[]}
 */
export declare const isUnsent: (value: any) => value is Unsent[];
