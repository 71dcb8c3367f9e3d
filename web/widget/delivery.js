/**
 * One attempt at a message: the first opens the conversation, the others go into it, files by their
 * own way. Each goes under the key that it was written with, so an attempt may be made twice.
 */

import { ParlorError } from "../client/parlor-error.js";

/** @typedef {import("../client/outbox.js").Unsent} Unsent */
/** @typedef {import("./session.js").Session} Session */

/**
 * @param {Session} session
 * @param {Unsent} entry
 * @returns {Promise<string | null>} the message's id where it is told
 */
export async function deliver(session, entry) {
  const options = { idempotencyKey: entry.key, retries: 0 };
  if (entry.file) {
    const file = session.files.get(entry.key);
    if (!file) throw new ParlorError("lost", { status: 410, type: "lost" });
    await session.client.upload(session.visitor.token, file, options);
    session.files.delete(entry.key);
    return null;
  }
  if (!session.conversation && (await start(session, entry))) return null;
  const { token, name, email, anonymous } = session.visitor;
  if (anonymous && name && email) {
    await session.client.reply(token, entry.text, { ...options, name, email });
    session.told();
    return null;
  }
  const sent = await session.conversation?.send(entry.text, options);
  return sent?.message_id ?? null;
}

/**
 * Opens the conversation with this message. False when it was there already without it.
 * @param {Session} session
 * @param {Unsent} entry
 */
async function start(session, entry) {
  const { client, store, visitor } = session;
  // Kept before anything is sent: after a reload the same attempt goes on under the same name.
  store.visitor = visitor;
  const { name, email } = visitor;
  const who = name && email ? { name, email } : { anonymous: true };
  const opening = { ...who, message: entry.text, visitorToken: visitor.token };
  try {
    const { conversationToken } = await client.start(opening, { idempotencyKey: entry.key, retries: 0, wait: false });
    session.begun(conversationToken);
    return true;
  } catch (error) {
    if (!(error instanceof ParlorError) || error.status !== 409) throw error;
    // Another tab was first, or our own attempt, whose answer was lost.
    const messages = await client.messages(visitor.token);
    session.begun(null);
    return messages.some((message) => message.direction === "inbound" && message.body === entry.text);
  }
}
