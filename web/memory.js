/**
 * What the page keeps: the conversation it is in, its transcript, and what was not sent yet.
 *
 * Conversation and transcript are in localStorage, so that a second tab shows the same conversation
 * and a closed one loses nothing; the token opens this one conversation only, and expires. Drafts
 * and unsent messages are in sessionStorage: they belong to the tab in which they were written.
 * A transcript is stored in one piece with its cursor. An old copy is therefore as good as a new
 * one: the feed goes on from where it stands. Storage that fails or is full costs the memory, never
 * the conversation.
 */

/** @typedef {import("./client/parlor-client.js").Demo} Demo */
/** @typedef {import("./client/transcript.js").Transcript} Transcript */
/** @typedef {import("./client/outbox.js").Unsent} Unsent */
/** @typedef {{what: "resumed" | "restarted", at: number}} Seam  Where a reply was taken up again. */
/** @typedef {{conversation_id: string, transcript: Transcript, seams: Record<string, Seam[]>}} Kept */

/** Entries that are stored; the page shows all that it has seen. */
const STORED_ENTRIES = 300;

export const memory = {
  /** @returns {Demo | null} */
  session: () => read("localStorage", "parlor.session"),
  /** @param {Demo} session */
  setSession: (session) => write("localStorage", "parlor.session", session),

  /**
   * The transcript of that conversation, if it is the one that was kept.
   * @param {string} conversationId
   * @returns {Kept | null}
   */
  kept: (conversationId) => {
    const kept = read("localStorage", "parlor.transcript");
    return kept?.conversation_id === conversationId && kept.transcript?.entries ? kept : null;
  },
  /** @param {Kept} kept */
  setKept: (kept) => {
    const entries = kept.transcript.entries.slice(-STORED_ENTRIES);
    write("localStorage", "parlor.transcript", { ...kept, transcript: { ...kept.transcript, entries } });
  },

  /**
   * @param {string} conversationId
   * @returns {Unsent[]}
   */
  unsent: (conversationId) => read("sessionStorage", `parlor.unsent.${conversationId}`) ?? [],
  /**
   * @param {string} conversationId
   * @param {Unsent[]} unsent
   */
  setUnsent: (conversationId, unsent) => write("sessionStorage", `parlor.unsent.${conversationId}`, unsent.length ? unsent : null),

  /** @returns {string} */
  draft: () => read("sessionStorage", "parlor.draft") ?? "",
  /** @param {string} text */
  setDraft: (text) => write("sessionStorage", "parlor.draft", text || null),

  /**
   * A small choice, such as the transport.
   * @param {string} name
   * @returns {any}
   */
  choice: (name) => read("localStorage", `parlor.${name}`),
  /**
   * @param {string} name
   * @param {unknown} value
   */
  setChoice: (name, value) => write("localStorage", `parlor.${name}`, value),

  /**
   * Tells when another tab went to another conversation.
   * @param {(session: Demo) => void} tell
   */
  onOtherSession: (tell) => {
    addEventListener("storage", (event) => {
      if (event.key !== "parlor.session") return;
      const session = memory.session();
      if (session) tell(session);
    });
  },
};

/**
 * @param {"localStorage" | "sessionStorage"} where
 * @param {string} key
 * @returns {any}
 */
function read(where, key) {
  try {
    return JSON.parse(window[where].getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/**
 * @param {"localStorage" | "sessionStorage"} where
 * @param {string} key
 * @param {unknown} value  Null forgets it.
 */
function write(where, key, value) {
  try {
    if (value === null) window[where].removeItem(key);
    else window[where].setItem(key, JSON.stringify(value));
  } catch {
    // Full or closed: an older copy, or none, is still right.
  }
}
