/**
 * One conversation of the live surface: what can be said to it, and its feed.
 */
export type Frame = import("./frame.js").Frame;
export type ConversationView = import("./frame.js").ConversationView;
export type FollowOptions = import("./feed.js").FollowOptions;
export type Parlor = import("./parlor-client.js").Parlor;
export type Transcript = import("./transcript.js").Transcript;
export type Sent = {
    message_id: string;
    conversation_id: string;
    cursor: string;
    created_at: string;
};
export type SendOptions = {
    /**
     * The same for every attempt at one message, in other tabs too.
     */
    idempotencyKey?: string;
    /**
     * After failures in passing; 3 when left out.
     */
    retries?: number;
    signal?: AbortSignal;
};
export declare class Conversation {
    parlor: import("./parlor-client.js").Parlor;
    id: string;
    path: string;
    /**
     * @param {Parlor} parlor
     * @param {string} id  `current` is the one that the credential opens.
     */
    constructor(parlor: Parlor, id: string);
    /**
     * Sends a message; the answer comes on the feed. However often it is tried, under one key the
     * message is there once.
     * @param {string} text
     * @param {SendOptions} [options]
     * @returns {Promise<Sent>}
     */
    send(text: string, options?: SendOptions): Promise<Sent>;
    /**
     * Stops the reply under way; false when there was none.
     * @returns {Promise<boolean>}
     */
    stop(): Promise<boolean>;
    /**
     * @param {boolean} typing
     * @returns {Promise<void>}
     */
    typing(typing: boolean): Promise<void>;
    /**
     * Says that everything up to this message was seen.
     * @param {string} messageId
     * @returns {Promise<void>}
     */
    read(messageId: string): Promise<void>;
    /**
     * The conversation as it is now, or as it was at a cursor or a time.
     * @param {{at?: string, signal?: AbortSignal}} [options]
     * @returns {Promise<ConversationView>}
     */
    get(options?: {
        at?: string;
        signal?: AbortSignal;
    }): Promise<ConversationView>;
    /**
     * A page of the feed, from the beginning when `after` is left out. With `before` it is the page that
     * ends before that frame; the `prev` of its first frame is "0" when nothing is older.
     * @param {{after?: string, before?: string, limit?: number, signal?: AbortSignal}} [options]
     * @returns {Promise<{events: Frame[], next: string}>}
     */
    events(options?: {
        after?: string;
        before?: string;
        limit?: number;
        signal?: AbortSignal;
    }): Promise<{
        events: Frame[];
        next: string;
    }>;
    /**
     * The transcript with the entries before its own, some at least if there are any.
     * @param {Transcript} transcript
     * @param {{limit?: number, signal?: AbortSignal}} [options]
     * @returns {Promise<(now: Transcript) => Transcript>} Puts them before what the transcript is by now.
     */
    earlier(transcript: Transcript, { limit, signal }?: {
        limit?: number;
        signal?: AbortSignal;
    }): Promise<(now: Transcript) => Transcript>;
    /**
     * What is stored after a cursor, each frame once and in order, to the present; then it ends.
     * @param {{after?: string, limit?: number, signal?: AbortSignal}} [options]
     * @returns {AsyncGenerator<Frame, void, void>}
     */
    catchUp(options?: {
        after?: string;
        limit?: number;
        signal?: AbortSignal;
    }): AsyncGenerator<Frame, void, void>;
    /**
     * The live feed, each frame once and in order, for as long as the caller reads; see feed.js.
     * Without `after` it begins now: what a reply under way has said so far is in `get().reply`.
     * @param {FollowOptions} [options]
     * @returns {AsyncGenerator<Frame, void, void>}
     */
    follow(options?: FollowOptions): AsyncGenerator<Frame, void, void>;
}
/**
 * A key for one message, to be kept with it until it is sent. Not `crypto.randomUUID`, which is
 * missing on pages that came over plain HTTP from another machine.
 */
export declare function newKey(): string;
/** @param {Record<string, string | number | undefined>} values */
export declare function query(values: Record<string, string | number | undefined>): string;
