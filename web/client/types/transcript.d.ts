/**
 * The transcript of a conversation as a pure fold over its frames: (state, frame) → state.
 *
 * States are plain JSON, never changed in place, so one can be stored beside its cursor and picked
 * up after a reload in the middle of a reply. A reply's text is put together from its chunks by
 * their offsets (reply.js), and the final text of `message.outbound` always wins.
 */
export type Reply = import("./reply.js").Reply;
export type Frame = import("./frame.js").Frame;
export type Author = import("./frame.js").Author;
export type MessageData = import("./frame.js").MessageData;
export type ConversationView = import("./frame.js").ConversationView;
export type Message = {
    kind: "message";
    id: string;
    /**
     * Where it stands; of one that came with a view, a place after it.
     */
    cursor: string;
    author: Author;
    text: string;
    language: string | null;
    inReplyTo: string | null;
    /**
     * Stopped before its end.
     */
    partial: boolean;
    /**
     * Answers to choose from.
     */
    buttons: string[];
    files: import("./frame.js").FileData[];
    at: string;
};
export type Notice = {
    kind: "notice";
    id: string;
    /**
     * Where it stands.
     */
    cursor: string;
    /**
     * The reply that was stopped.
     */
    of: string | null;
    what: "escalated" | "assigned" | "resolved" | "reopened" | "stopped" | "failed";
    agent: string | null;
    at: string;
};
export type Transcript = {
    /**
     * The place after the last frame that was folded in.
     */
    cursor: string;
    /**
     * What is older is in the feed before this frame; "0" when nothing is.
     */
    begins: string;
    status: "bot" | "escalated" | "assigned" | "resolved" | "deleted";
    /**
     * Who took over, as far as known.
     */
    agent: string | null;
    /**
     * Oldest first.
     */
    entries: (Message | Notice)[];
    /**
     * Under way, in the order they began.
     */
    replies: Reply[];
    /**
     * Messages that nothing has answered yet, no reply begun.
     */
    waiting: string[];
    /**
     * Who is typing at the moment.
     */
    typing: Author[];
    /**
     * The last message each has seen.
     */
    read: {
        customer: string | null;
        agent: string | null;
    };
    /**
     * Replies whose chunks did not add up to the final text.
     */
    mismatches: number;
};
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
export declare function emptyTranscript(): Transcript;
/**
 * The transcript that `GET /live/v1/conversations/{id}` shows, to go on from its cursor.
 * @param {ConversationView} view
 * @returns {Transcript}
 */
export declare function transcriptOf(view: ConversationView): Transcript;
/**
 * The transcript with its last `kept` entries; `begins` says where the others are.
 * @param {Transcript} state
 * @param {number} kept
 * @returns {Transcript}
 */
export declare function trimmed(state: Transcript, kept: number): Transcript;
/**
 * The transcript with older entries before its own: those of a page of the feed that ends before
 * `before`. A transcript that no longer begins there stays as it is.
 * @param {Transcript} state
 * @param {string} before
 * @param {Frame[]} frames
 * @returns {Transcript}
 */
export declare function prepended(state: Transcript, before: string, frames: Frame[]): Transcript;
/**
 * @param {Transcript} state
 * @param {Frame} frame
 * @returns {Transcript}
 */
export declare function reduce(state: Transcript, frame: Frame): Transcript;
