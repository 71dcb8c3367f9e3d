/**
 * One attempt at a message: the first opens the conversation, the others go into it, files by their
 * own way. Each goes under the key that it was written with, so an attempt may be made twice.
 */

import { refusesCursor } from "../client/feed.js";
import { ParlorError } from "../client/parlor-error.js";
import { pause } from "../client/retry.js";

/** @typedef {import("../client/parlor-client.js").Conversation} Conversation */
/** @typedef {import("../client/outbox.js").Unsent} Unsent */
/** @typedef {import("./visit.js").Visit} Visit */

/**
 * @param {Visit} visit
 * @param {Unsent} entry
 * @returns {Promise<string | null>} the message's id where it is told
 */
export async function deliver(visit, entry) {
  const options = { idempotencyKey: entry.key, retries: 0 };
  if (entry.file) {
    const file = visit.files.get(entry.key);
    if (!file && (await hasArrived(visit, entry))) return null;
    if (!file) throw new ParlorError("lost", { status: 410, type: "lost" });
    await visit.client.upload(visit.visitor.token, file, options);
    visit.files.delete(entry.key);
    return null;
  }
  if (!visit.session.conversation && (await start(visit, entry))) return null;
  const { token, name, email, anonymous } = visit.visitor;
  if (anonymous && name && email) {
    await visit.client.reply(token, entry.text, { ...options, name, email });
    visit.told();
    return null;
  }
  return visit.session.send(entry);
}

/** How often, and how long apart, the feed is looked at for a file that was under way. */
const LOOKS = 3;
const APART_MS = 1000;

/**
 * Whether a file that was under way when its page was left is in the conversation. The server may
 * still be at it, so one look is not enough to call it lost.
 * @param {Visit} visit
 * @param {Unsent} entry
 */
async function hasArrived(visit, entry) {
  const { conversation } = visit.session;
  if (!conversation) return false;
  for (let look = 1; ; look++) {
    if (await stands(conversation, entry)) return true;
    if (look === LOOKS) return false;
    await pause(APART_MS);
  }
}

/**
 * Whether a message of this entry's file stands in the conversation after the entry was written.
 * @param {Conversation} conversation
 * @param {Unsent} entry
 */
async function stands(conversation, { after, file }) {
  for (const from of [after, "0"]) {
    try {
      for await (const frame of conversation.catchUp({ after: from })) {
        if (frame.type === "message.inbound" && frame.data.attachments?.some((one) => one.size === file?.size)) return true;
      }
      return false;
    } catch (error) {
      if (!(error instanceof ParlorError && refusesCursor(error))) throw error;
    }
  }
  return false;
}

/**
 * Opens the conversation with this message. False when it was there already without it.
 * @param {Visit} visit
 * @param {Unsent} entry
 */
async function start(visit, entry) {
  const { client, store, visitor } = visit;
  // Kept before anything is sent: after a reload the same attempt goes on under the same name.
  store.visitor = visitor;
  const { name, email } = visitor;
  const who = name && email ? { name, email } : { anonymous: true };
  const opening = { ...who, message: entry.text, visitorToken: visitor.token };
  try {
    const { conversationToken } = await client.start(opening, { idempotencyKey: entry.key, retries: 0, wait: false });
    visit.begun(conversationToken);
    return true;
  } catch (error) {
    if (!(error instanceof ParlorError) || error.status !== 409) throw error;
    // Another tab was first, or our own attempt, whose answer was lost.
    const messages = await client.messages(visitor.token);
    visit.begun(null);
    return messages.some((message) => message.direction === "inbound" && message.body === entry.text);
  }
}
