/**
 * What travels on the live feed: the types of every frame, and the one place that reads them.
 *
 * The types follow `openapi/asyncapi.yaml`. A frame of a type that is not listed here is passed on
 * untouched, so a newer server does not break an older page.
 */
export type AuthorType = "customer" | "bot" | "agent";
export type Author = {
    type: AuthorType;
    name?: string | null;
};
export type MessageData = {
    message_id: string;
    conversation_id: string;
    contact_id?: string;
    direction?: "inbound" | "outbound";
    author: Author;
    text: string;
    intent?: string | null;
    language?: string | null;
    in_reply_to?: string | null;
    partial?: boolean;
    /**
     * Answers to choose from.
     */
    buttons?: string[];
    attachments?: FileData[];
    created_at: string;
};
export type FileData = {
    activity_id: number;
    id: number;
    filename: string;
    size: number;
    mime_type: string;
};
export type ConversationData = {
    conversation_id: string;
    contact_id?: string;
    channel?: string;
};
export type EscalatedData = {
    conversation_id: string;
    trigger_message?: {
        text: string;
    } | null;
    assigned_agent?: {
        name: string;
    } | null;
};
export type AssignedData = {
    conversation_id: string;
    agent: {
        name: string;
    };
};
export type ReplyData = {
    reply_id: string;
    in_reply_to: string;
    author?: Author;
};
export type ChunkData = {
    reply_id: string;
    offset: number;
    text: string;
};
export type FrameOf<T extends string, D> = {
    id: string;
    prev: string;
    type: T;
    at: string;
    data: D;
};
export type Frame = FrameOf<"conversation.started", ConversationData> | FrameOf<"conversation.escalated", EscalatedData> | FrameOf<"conversation.assigned", AssignedData> | FrameOf<"conversation.resolved", ConversationData> | FrameOf<"conversation.reopened", ConversationData> | FrameOf<"conversation.updated", {
    conversation_id: string;
    title?: string;
}> | FrameOf<"conversation.deleted", ConversationData> | FrameOf<"conversation.read", {
    reader: "customer" | "agent";
    message_id: string;
    by?: Author;
}> | FrameOf<"message.inbound", MessageData> | FrameOf<"message.outbound", MessageData> | FrameOf<"reply.started", ReplyData> | FrameOf<"reply.chunk", ChunkData> | FrameOf<"reply.restarted", {
    reply_id: string;
}> | FrameOf<"reply.stopped", ReplyData> | FrameOf<"reply.discarded", ReplyData> | FrameOf<"reply.failed", {
    in_reply_to: string;
    reason: string;
}> | FrameOf<"typing", {
    author: Author;
    typing: boolean;
}> | FrameOf<"resume", {}> | FrameOf<"restart", {}>;
export type ConversationView = {
    conversation_id: string;
    contact_id: string;
    channel: string;
    status: "bot" | "escalated" | "assigned" | "resolved";
    message_count: number;
    language: string | null;
    created_at: string;
    updated_at: string;
    cursor: string;
    messages: MessageData[];
    reply: {
        reply_id: string;
        in_reply_to: string;
        text: string;
    } | null;
};
/** @typedef {"customer" | "bot" | "agent"} AuthorType */
/** @typedef {{type: AuthorType, name?: string | null}} Author */
/**
 * @typedef {object} MessageData
 * @property {string} message_id
 * @property {string} conversation_id
 * @property {string} [contact_id]
 * @property {"inbound" | "outbound"} [direction]
 * @property {Author} author
 * @property {string} text
 * @property {string | null} [intent]
 * @property {string | null} [language]
 * @property {string | null} [in_reply_to]
 * @property {boolean} [partial]
 * @property {string[]} [buttons]  Answers to choose from.
 * @property {FileData[]} [attachments]
 * @property {string} created_at
 */
/**
 * A file that came with a message; `activity_id` and `id` name it where it is fetched.
 * @typedef {{activity_id: number, id: number, filename: string, size: number, mime_type: string}} FileData
 */
/** @typedef {{conversation_id: string, contact_id?: string, channel?: string}} ConversationData */
/** @typedef {{conversation_id: string, trigger_message?: {text: string} | null, assigned_agent?: {name: string} | null}} EscalatedData */
/** @typedef {{conversation_id: string, agent: {name: string}}} AssignedData */
/** @typedef {{reply_id: string, in_reply_to: string, author?: Author}} ReplyData */
/** @typedef {{reply_id: string, offset: number, text: string}} ChunkData */
/**
 * @template {string} T
 * @template D
 * @typedef {{id: string, prev: string, type: T, at: string, data: D}} FrameOf
 */
/**
 * A frame of the feed, told apart by `type`. `restart` is the client's own: the server does not know
 * the cursor, so what was read is void and the feed begins again at its start.
 * @typedef {FrameOf<"conversation.started", ConversationData>
 *   | FrameOf<"conversation.escalated", EscalatedData>
 *   | FrameOf<"conversation.assigned", AssignedData>
 *   | FrameOf<"conversation.resolved", ConversationData>
 *   | FrameOf<"conversation.reopened", ConversationData>
 *   | FrameOf<"conversation.updated", {conversation_id: string, title?: string}>
 *   | FrameOf<"conversation.deleted", ConversationData>
 *   | FrameOf<"conversation.read", {reader: "customer" | "agent", message_id: string, by?: Author}>
 *   | FrameOf<"message.inbound", MessageData>
 *   | FrameOf<"message.outbound", MessageData>
 *   | FrameOf<"reply.started", ReplyData>
 *   | FrameOf<"reply.chunk", ChunkData>
 *   | FrameOf<"reply.restarted", {reply_id: string}>
 *   | FrameOf<"reply.stopped", ReplyData>
 *   | FrameOf<"reply.discarded", ReplyData>
 *   | FrameOf<"reply.failed", {in_reply_to: string, reason: string}>
 *   | FrameOf<"typing", {author: Author, typing: boolean}>
 *   | FrameOf<"resume", {}>
 *   | FrameOf<"restart", {}>} Frame
 */
/**
 * The conversation as `GET /live/v1/conversations/{id}` answers it.
 * @typedef {object} ConversationView
 * @property {string} conversation_id
 * @property {string} contact_id
 * @property {string} channel
 * @property {"bot" | "escalated" | "assigned" | "resolved"} status
 * @property {number} message_count
 * @property {string | null} language
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string} cursor
 * @property {MessageData[]} messages
 * @property {{reply_id: string, in_reply_to: string, text: string} | null} reply
 */
/**
 * Whether a decoded JSON value is a frame. What is not (an answer on a socket, an event of a
 * future kind without a cursor) is none of the reader's business.
 * @param {any} value
 * @returns {value is Frame}
 */
export declare function isFrame(value: any): value is Frame;
