/**
 * The transcript of a conversation as a pure fold over its frames: (state, frame) → state.
 *
 * States are plain JSON, never changed in place, so one can be stored beside its cursor and picked
 * up after a reload in the middle of a reply. A reply's text is put together from its chunks by
 * their offsets (reply.js), and the final text of `message.outbound` always wins.
 */

import { begun, grown, points } from "./reply.js";

/** @typedef {import("./reply.js").Reply} Reply */
/** @typedef {import("./frame.js").Frame} Frame */
/** @typedef {import("./frame.js").Author} Author */
/** @typedef {import("./frame.js").MessageData} MessageData */
/** @typedef {import("./frame.js").ConversationView} ConversationView */

/**
 * @typedef {object} Message
 * @property {"message"} kind
 * @property {string} id
 * @property {string} cursor  Where it stands; of one that came with a view, a place after it.
 * @property {Author} author
 * @property {string} text
 * @property {string | null} language
 * @property {string | null} inReplyTo
 * @property {boolean} partial  Stopped before its end.
 * @property {string[]} buttons  Answers to choose from.
 * @property {import("./frame.js").FileData[]} files
 * @property {string} at
 */

/**
 * Something that happened in the conversation and is not a message.
 * @typedef {object} Notice
 * @property {"notice"} kind
 * @property {string} id
 * @property {string} cursor  Where it stands.
 * @property {string | null} of  The reply that was stopped.
 * @property {"escalated" | "assigned" | "resolved" | "reopened" | "stopped" | "failed"} what
 * @property {string | null} agent
 * @property {string} at
 */

/**
 * @typedef {object} Transcript
 * @property {string} cursor    The place after the last frame that was folded in.
 * @property {string} begins    What is older is in the feed before this frame; "0" when nothing is.
 * @property {"bot" | "escalated" | "assigned" | "resolved" | "deleted"} status
 * @property {string | null} agent  Who took over, as far as known.
 * @property {(Message | Notice)[]} entries  Oldest first.
 * @property {Reply[]} replies  Under way, in the order they began.
 * @property {string[]} waiting  Messages that nothing has answered yet, no reply begun.
 * @property {Author[]} typing  Who is typing at the moment.
 * @property {{customer: string | null, agent: string | null}} read  The last message each has seen.
 * @property {number} mismatches  Replies whose chunks did not add up to the final text.
 */

/**
 * The transcript before anything was said.
 * @returns {Transcript}
 */
export function emptyTranscript() {
  return {
    cursor: "0",
    begins: "0",
    status: "bot",
    agent: null,
    entries: [],
    replies: [],
    waiting: [],
    typing: [],
    read: { customer: null, agent: null },
    mismatches: 0,
  };
}

/**
 * The transcript that `GET /live/v1/conversations/{id}` shows, to go on from its cursor.
 * @param {ConversationView} view
 * @returns {Transcript}
 */
export function transcriptOf(view) {
  const { reply } = view;
  return {
    ...emptyTranscript(),
    cursor: view.cursor,
    begins: view.cursor,
    status: view.status,
    entries: view.messages.map((data) => message(data, view.cursor)),
    replies: reply ? [{ ...begun(reply.reply_id, reply.in_reply_to), text: reply.text, length: points(reply.text) }] : [],
  };
}

/**
 * The transcript with its last `kept` entries; `begins` says where the others are.
 * @param {Transcript} state
 * @param {number} kept
 * @returns {Transcript}
 */
export function trimmed(state, kept) {
  if (state.entries.length <= kept) return state;
  const entries = state.entries.slice(-kept);
  const ids = new Set(entries.map((entry) => entry.id));
  // Nobody waits for an answer to what is so long ago.
  const waiting = state.waiting.filter((id) => ids.has(id));
  return { ...state, entries, waiting, begins: entries[0].cursor };
}

/**
 * The transcript with older entries before its own: those of a page of the feed that ends before
 * `before`. A transcript that no longer begins there stays as it is.
 * @param {Transcript} state
 * @param {string} before
 * @param {Frame[]} frames
 * @returns {Transcript}
 */
export function prepended(state, before, frames) {
  if (state.begins !== before) return state;
  const known = new Set(state.entries.map((entry) => entry.id));
  const older = frames.reduce(reduce, emptyTranscript()).entries.filter((entry) => !known.has(entry.id));
  const ids = new Set(older.map((entry) => entry.id));
  // A reply that was stopped is its message where that is shown, and a notice where it is not.
  const own = state.entries.filter((entry) => entry.kind !== "notice" || entry.of === null || !ids.has(entry.of));
  const isAll = frames.length === 0 || frames[0].prev === "0";
  return { ...state, entries: [...older, ...own], begins: isAll ? "0" : frames[0].id };
}

/**
 * @param {Transcript} state
 * @param {Frame} frame
 * @returns {Transcript}
 */
export function reduce(state, frame) {
  return { ...state, ...change(state, frame), cursor: frame.id };
}

/**
 * What a frame changes.
 * @param {Transcript} state
 * @param {Frame} frame
 * @returns {Partial<Transcript>}
 */
function change(state, frame) {
  const { type, data } = frame;
  switch (type) {
    case "message.inbound":
      return {
        entries: added(state.entries, message(data, frame.id)),
        typing: without(state.typing, "customer"),
        waiting: isWithBot(state) ? [...state.waiting, data.message_id] : state.waiting,
      };
    case "message.outbound":
      return outbound(state, data, frame.id);
    case "reply.started":
      return {
        replies: [...state.replies.filter(not(data.reply_id)), begun(data.reply_id, data.in_reply_to, data.author)],
        ...answered(state, data.in_reply_to),
      };
    case "reply.chunk":
      return chunk(state, data);
    case "reply.restarted":
      return {
        replies: state.replies.map((reply) =>
          reply.id === data.reply_id
            ? { ...reply, text: "", length: 0, broken: false, restarts: reply.restarts + 1 }
            : reply,
        ),
      };
    case "reply.stopped": {
      const replies = state.replies.filter(not(data.reply_id));
      const stopped = answered(state, data.in_reply_to);
      const shown = state.entries.some((entry) => entry.id === data.reply_id);
      if (!shown) return { replies, ...stopped, ...noted(state, frame, "stopped", { of: data.reply_id }) };
      const entries = state.entries.map((entry) =>
        entry.id === data.reply_id && entry.kind === "message" ? { ...entry, partial: true } : entry,
      );
      return { replies, ...stopped, entries };
    }
    case "reply.discarded":
      return { replies: state.replies.filter(not(data.reply_id)), ...answered(state, data.in_reply_to) };
    case "reply.failed":
      return {
        replies: state.replies.filter((reply) => reply.inReplyTo !== data.in_reply_to),
        ...answered(state, data.in_reply_to),
        ...noted(state, frame, "failed"),
      };
    case "conversation.escalated": {
      const agent = data.assigned_agent?.name ?? null;
      return { status: "escalated", agent, replies: [], waiting: [], ...noted(state, frame, "escalated", { agent }) };
    }
    case "conversation.assigned": {
      const agent = data.agent.name;
      return { status: "assigned", agent, replies: [], waiting: [], ...noted(state, frame, "assigned", { agent }) };
    }
    case "conversation.resolved":
      return { status: "resolved", agent: null, typing: [], ...noted(state, frame, "resolved") };
    case "conversation.reopened":
      return { status: "bot", agent: null, ...noted(state, frame, "reopened") };
    case "conversation.read":
      return { read: { ...state.read, [data.reader]: data.message_id } };
    case "typing": {
      const others = without(state.typing, data.author.type);
      return { typing: data.typing ? [...others, data.author] : others };
    }
    case "conversation.deleted":
      return { status: "deleted", typing: [], replies: [], waiting: [] };
    case "restart":
      return emptyTranscript();
    case "conversation.started":
    case "conversation.updated":
    case "resume":
      return {};
    default:
      return unknown(frame);
  }
}

/**
 * A message to a resolved conversation reopens it, and its bot answers again.
 * @param {Transcript} state
 */
function isWithBot(state) {
  return state.status === "bot" || state.status === "resolved";
}

/**
 * A newer server may say what we do not know yet. The compiler still holds the list complete.
 * @param {never} _frame
 * @returns {Partial<Transcript>}
 */
function unknown(_frame) {
  return {};
}

/**
 * @param {Transcript} state
 * @param {MessageData} data
 * @param {string} cursor
 * @returns {Partial<Transcript>}
 */
function outbound(state, data, cursor) {
  const entry = message(data, cursor);
  const reply = state.replies.find((reply) => reply.id === entry.id);
  const agrees = !reply || reply.text === entry.text || (reply.length === 0 && !reply.broken);
  return {
    entries: added(state.entries, entry),
    replies: state.replies.filter(not(entry.id)),
    typing: without(state.typing, entry.author.type),
    mismatches: state.mismatches + (agrees ? 0 : 1),
    ...answered(state, entry.inReplyTo),
  };
}

/**
 * @param {Transcript} state
 * @param {import("./frame.js").ChunkData} data
 * @returns {Partial<Transcript>}
 */
function chunk(state, data) {
  if (state.entries.some((entry) => entry.id === data.reply_id)) return {};
  // Who arrives in the middle of a reply has not seen it begin.
  const known = state.replies.find((reply) => reply.id === data.reply_id);
  const reply = known ?? begun(data.reply_id, null);
  const next = grown(reply, data.offset, data.text);
  if (!known) return { replies: [...state.replies, next] };
  return { replies: state.replies.map((each) => (each === reply ? next : each)) };
}

/**
 * @param {MessageData} data
 * @param {string} cursor
 * @returns {Message}
 */
function message(data, cursor) {
  return {
    kind: "message",
    id: data.message_id,
    cursor,
    author: data.author,
    text: data.text,
    language: data.language ?? null,
    inReplyTo: data.in_reply_to ?? null,
    partial: data.partial ?? false,
    buttons: data.buttons ?? [],
    files: data.attachments ?? [],
    at: data.created_at,
  };
}

/**
 * @param {Transcript} state
 * @param {Frame} frame
 * @param {Notice["what"]} what
 * @param {{agent?: string | null, of?: string}} [about]
 * @returns {{entries: Transcript["entries"]}}
 */
function noted(state, frame, what, { agent = null, of = undefined } = {}) {
  const { id, at } = frame;
  return { entries: added(state.entries, { kind: "notice", id, cursor: id, of: of ?? null, what, agent, at }) };
}

/**
 * The same thing is there once, whatever was folded before.
 * @param {Transcript["entries"]} entries
 * @param {Message | Notice} entry
 */
function added(entries, entry) {
  return entries.some((known) => known.id === entry.id) ? entries : [...entries, entry];
}

/**
 * @param {Transcript} state
 * @param {string | null} messageId
 */
function answered(state, messageId) {
  return { waiting: state.waiting.filter((id) => id !== messageId) };
}

/**
 * @param {Author[]} typing
 * @param {Author["type"]} type
 */
function without(typing, type) {
  return typing.filter((author) => author.type !== type);
}

/** @param {string} id */
function not(id) {
  return (/** @type {Reply} */ reply) => reply.id !== id;
}
