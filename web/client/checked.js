/**
 * Whether a stored value has the form that it should have. What a browser kept may be of an older
 * version, cut, or written by somebody else; it is used whole or not at all.
 */

/** @typedef {import("./transcript.js").Transcript} Transcript */
/** @typedef {import("./outbox.js").Unsent} Unsent */
/** @typedef {(value: any) => boolean} Check */

/** @type {Check} */
export const isText = (value) => typeof value === "string";
/** @type {Check} */
export const isFlag = (value) => typeof value === "boolean";
/** @type {Check} */
export const isCount = (value) => Number.isSafeInteger(value) && value >= 0;

/** @param {Check} check @returns {Check} */
export const orNull = (check) => (value) => value === null || check(value);
/** @param {Check} check @returns {Check} */
export const orNone = (check) => (value) => value === undefined || check(value);
/** @param {Check} check @returns {Check} */
export const listOf = (check) => (value) => Array.isArray(value) && value.every((each) => check(each));
/** @param {...string} words @returns {Check} */
export const oneOf = (...words) => (value) => words.includes(value);
/** @param {Check} check @returns {Check} */
export const mapOf = (check) => (value) => isObject(value) && Object.values(value).every((each) => check(each));
/** @param {Record<string, Check>} fields @returns {Check} */
export const shaped = (fields) => (value) => isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]));

/** @type {Check} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isAuthor = shaped({ type: oneOf("customer", "bot", "agent"), name: orNone(orNull(isText)) });
const isFile = shaped({ activity_id: isCount, id: isCount, filename: isText, size: isCount, mime_type: isText });
const isMessage = shaped({
  kind: oneOf("message"),
  id: isText,
  cursor: isText,
  author: isAuthor,
  text: isText,
  language: orNull(isText),
  inReplyTo: orNull(isText),
  partial: isFlag,
  buttons: listOf(isText),
  files: listOf(isFile),
  at: isText,
});
const isNotice = shaped({
  kind: oneOf("notice"),
  id: isText,
  cursor: isText,
  what: oneOf("escalated", "assigned", "resolved", "reopened", "stopped", "failed"),
  of: orNull(isText),
  agent: orNull(isText),
  at: isText,
});
const isReply = shaped({
  id: isText,
  inReplyTo: orNull(isText),
  author: isAuthor,
  text: isText,
  length: isCount,
  restarts: isCount,
  broken: isFlag,
});
const hasTranscript = shaped({
  cursor: isText,
  begins: isText,
  status: oneOf("bot", "escalated", "assigned", "resolved", "deleted"),
  agent: orNull(isText),
  entries: listOf((entry) => isMessage(entry) || isNotice(entry)),
  replies: listOf(isReply),
  waiting: listOf(isText),
  typing: listOf(isAuthor),
  read: shaped({ customer: orNull(isText), agent: orNull(isText) }),
  mismatches: isCount,
});

/**
 * Whether that is a transcript, of this version of the client, with each thing in it once.
 * @param {any} value
 * @returns {value is Transcript}
 */
export function isTranscript(value) {
  if (!hasTranscript(value)) return false;
  const ids = [...value.entries, ...value.replies].map((/** @type {{id: string}} */ each) => each.id);
  return new Set(ids).size === ids.length;
}

/**
 * Whether that is a list of unsent messages.
 * @type {(value: any) => value is Unsent[]}
 */
export const isUnsent = /** @type {any} */ (
  listOf(
    shaped({
      key: isText,
      text: isText,
      file: orNone(shaped({ name: isText, size: isCount })),
      state: oneOf("waiting", "sending", "sent", "refused"),
      reason: isText,
      messageId: orNull(isText),
      since: orNull(isText),
      after: isText,
    }),
  )
);
