/**
 * What the page keeps: the conversation it is in, its transcript, and what was not sent yet.
 *
 * Conversation and transcript are in localStorage, so that a second tab shows the same conversation
 * and a closed one loses nothing; the token opens this one conversation only, and expires. Drafts
 * and unsent messages are in sessionStorage: they belong to the tab in which they were written.
 * A transcript is stored in one piece with its cursor. An old copy is therefore as good as a new
 * one: the feed goes on from where it stands. What is found is checked; see shared/shelf.js.
 */

import { isCount, isFlag, isText, isTranscript, isUnsent, listOf, mapOf, oneOf, shaped } from "../client/checked.js";
import { Shelf } from "../shared/shelf.js";

/** @typedef {import("../client/parlor-client.js").Demo} Demo */
/** @typedef {import("../client/transcript.js").Transcript} Transcript */
/** @typedef {import("../client/outbox.js").Unsent} Unsent */
/** @typedef {{what: "resumed" | "restarted", at: number}} Seam  Where a reply was taken up again. */
/** @typedef {{conversation_id: string, transcript: Transcript, seams: Record<string, Seam[]>}} Kept */

/** Entries that are stored; older ones are fetched when they are asked for. */
export const STORED_ENTRIES = 300;

const isSession = shaped({ conversation_id: isText, token: isText, brand: isText, greeting: isText });
const isKept = shaped({
  conversation_id: isText,
  transcript: isTranscript,
  seams: mapOf(listOf(shaped({ what: oneOf("resumed", "restarted"), at: isCount }))),
});

const shelf = new Shelf("parlor.");

export const memory = {
  /** @returns {Demo | null} */
  session: () => shelf.read("localStorage", "session", isSession),
  /** @param {Demo} session */
  setSession: (session) => shelf.write("localStorage", "session", session),

  /**
   * The transcript of that conversation, if it is the one that was kept.
   * @param {string} conversationId
   * @returns {Kept | null}
   */
  kept: (conversationId) => {
    const kept = shelf.read("localStorage", "transcript", isKept);
    return kept?.conversation_id === conversationId ? kept : null;
  },
  /** @param {Kept} kept */
  setKept: (kept) => shelf.write("localStorage", "transcript", kept),

  /**
   * @param {string} conversationId
   * @returns {Unsent[]}
   */
  unsent: (conversationId) => shelf.read("sessionStorage", `unsent.${conversationId}`, isUnsent) ?? [],
  /**
   * @param {string} conversationId
   * @param {Unsent[]} unsent
   */
  setUnsent: (conversationId, unsent) => shelf.write("sessionStorage", `unsent.${conversationId}`, unsent.length ? unsent : null),

  /** @returns {string} */
  draft: () => shelf.read("sessionStorage", "draft", isText) ?? "",
  /** @param {string} text */
  setDraft: (text) => shelf.write("sessionStorage", "draft", text || null),

  /**
   * A small choice, such as the transport.
   * @param {string} name
   * @returns {string | boolean | null}
   */
  choice: (name) => shelf.read("localStorage", name, (value) => isText(value) || isFlag(value)),
  /**
   * @param {string} name
   * @param {string | boolean} value
   */
  setChoice: (name, value) => shelf.write("localStorage", name, value),

  /** Puts back what is gone from the browser's storage. */
  restore: () => shelf.restore(),

  /**
   * Tells when another tab went to another conversation.
   * @param {(session: Demo) => void} tell
   */
  onOtherSession: (tell) => {
    shelf.onChange("session", () => {
      const session = memory.session();
      if (session) tell(session);
    });
  },
};
