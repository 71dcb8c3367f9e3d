/**
 * The client of Parlor's live and widget surfaces, for browsers and Node ≥ 20. Plain ES modules,
 * nothing else.
 *
 *     const parlor = new Parlor({ origin: "https://chat.example", token });
 *     const conversation = parlor.conversation("current");
 *     await conversation.send("What are your opening hours?");
 *     for await (const frame of conversation.follow({ after: "0" })) …
 *
 * A call that may be done twice is tried again a few times; every other one is a single request.
 * What fails is a ParlorError. Following goes on for ever; see feed.js. In Node, keep an account's
 * key on the server and hand browsers a live token: the key opens every conversation.
 */
import { Conversation } from "./conversation.js";
export { Conversation, newKey } from "./conversation.js";
export { Outbox } from "./outbox.js";
export { ParlorError } from "./parlor-error.js";
export { Session } from "./session.js";
export { isTranscript } from "./checked.js";
export { emptyTranscript, prepended, reduce, transcriptOf, trimmed } from "./transcript.js";
export { WidgetClient } from "./widget-client.js";
export type Frame = import("./frame.js").Frame;
export type ConversationView = import("./frame.js").ConversationView;
export type MessageData = import("./frame.js").MessageData;
export type FeedState = import("./feed.js").FeedState;
export type FollowOptions = import("./feed.js").FollowOptions;
export type Gap = import("./feed.js").Gap;
export type Sent = import("./conversation.js").Sent;
export type SendOptions = import("./conversation.js").SendOptions;
export type Transcript = import("./transcript.js").Transcript;
export type Credentials = {
    /**
     * A live token; it opens one conversation.
     */
    token?: string;
    /**
     * Others, such as `X-AeroChat-API-Key` or `x-api-token`.
     */
    headers?: Record<string, string>;
    query?: Record<string, string>;
};
export type Options = {
    /**
     * Where the server is; in a browser the page's own by default.
     */
    origin?: string;
    /**
     * Asked for another
     * credential when ours is refused; null when there is none.
     */
    renew?: () => Credentials | null | Promise<Credentials | null>;
    fetch?: typeof globalThis.fetch;
    /**
     * For runtimes that have none of their own.
     */
    WebSocket?: typeof globalThis.WebSocket;
    /**
     * How long an answer may take; 30 s when left out.
     */
    timeoutMs?: number;
    /**
     * By what tabs meet; the browser's own.
     */
    tabs?: import("./together.js").Meeting;
};
export type ParlorOptions = Options & Credentials;
export type Demo = {
    conversation_id: string;
    contact_id: string;
    token: string;
    expires_at: string;
    brand: string;
    greeting: string;
};
export type About = {
    /**
     * JSON, or a form as it is.
     */
    body?: unknown;
    headers?: Record<string, string>;
    signal?: AbortSignal;
    timeoutMs?: number;
};
export declare class Parlor {
    origin: string;
    /** @type {Credentials} */
    credentials: Credentials;
    renew: (() => Credentials | null | Promise<Credentials | null>) | undefined;
    /** @type {Promise<Credentials | null> | null} */
    renewing: Promise<Credentials | null> | null;
    tabs: import("./together.js").Meeting | undefined;
    timeoutMs: number;
    fetch: typeof fetch;
    WebSocket: {
        new (url: string | URL, protocols?: string | string[]): WebSocket;
        prototype: WebSocket;
        readonly CONNECTING: 0;
        readonly OPEN: 1;
        readonly CLOSING: 2;
        readonly CLOSED: 3;
    };
    /** @param {ParlorOptions} [options] */
    constructor(options?: ParlorOptions);
    /** @returns {Record<string, string>} */
    get headers(): Record<string, string>;
    /** @returns {Record<string, string>} */
    get query(): Record<string, string>;
    /**
     * The conversation of that id; `current` is the one that a live token opens. Nothing is asked of
     * the server yet.
     * @param {string} id
     */
    conversation(id: string): Conversation;
    /**
     * Starts a fresh conversation with the demo account, where the server has one; 404 where not.
     * @returns {Promise<Demo>}
     */
    demo(): Promise<Demo>;
    /**
     * One request, and another with the new credential where the old one was refused. Throws a
     * ParlorError: of the server's words, or of status 0 without an answer.
     * @param {string} method
     * @param {string} path
     * @param {About} [about]
     * @returns {Promise<any>}
     */
    request(method: string, path: string, about?: About): Promise<any>;
    /**
     * As `request`, for an answer that is not JSON.
     * @param {string} method
     * @param {string} path
     * @param {About} [about]
     * @returns {Promise<Response>}
     */
    answer(method: string, path: string, about?: About): Promise<Response>;
    /**
     * Whether there is another credential than the one that was refused; asked for once, however
     * many were refused with it.
     * @param {Credentials} refused
     */
    renewed(refused: Credentials): Promise<boolean>;
    /**
     * @param {string} method
     * @param {string} path
     * @param {About} about
     * @returns {Promise<Response>}
     * @private
     */
    private ask;
}
