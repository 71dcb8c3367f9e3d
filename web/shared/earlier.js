/**
 * Entries before those that are shown, fetched when the reader asks for them.
 */

/** @typedef {import("../client/transcript.js").Transcript} Transcript */

/**
 * @typedef {object} Reader
 * @property {import("../client/parlor-client.js").Conversation | null} conversation
 * @property {Transcript} transcript
 * @property {"idle" | "loading" | "failed"} earlier
 * @property {() => void} onChange
 */

/** Frames that are asked for at once. */
const PAGE = 100;

/**
 * Puts the next older entries before the reader's own, once at a time.
 * @param {Reader} reader
 */
export async function showEarlier(reader) {
  const { conversation } = reader;
  if (!conversation || reader.earlier === "loading") return;
  reader.earlier = "loading";
  reader.onChange();
  try {
    const put = await conversation.earlier(reader.transcript, { limit: PAGE });
    reader.earlier = "idle";
    if (reader.conversation === conversation) reader.transcript = put(reader.transcript);
  } catch {
    reader.earlier = "failed";
  }
  reader.onChange();
}
