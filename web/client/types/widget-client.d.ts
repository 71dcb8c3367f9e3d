/**
 * The client of the widget surface, `/api/v1/chat`: what a visitor of a shop may do with the shop's
 * site key. The conversation itself is followed on the live surface; `conversation` opens it there.
 *
 * A visitor token is a secret of the visitor's browser: whoever has it reads the conversation.
 */
import { Parlor } from "./parlor-client.js";
export type Welcome = {
    greeting?: string;
    starters?: string[];
};
export type WidgetConfig = {
    greeting: string;
    brand?: string;
    look?: {
        color?: string;
        text_color?: string;
    };
    require_details?: "before" | "after_first_answer" | "never";
    starters?: string[];
    translations?: Record<string, Welcome>;
    reply_time?: "at_once" | "minutes" | "hours" | "day";
};
export type WidgetFile = import("./frame.js").FileData;
export type WidgetMessage = {
    direction: "inbound" | "outbound";
    body: string;
    timestamp: string;
    author: string;
    attachments?: WidgetFile[];
};
export type Opening = {
    name?: string;
    email?: string;
    anonymous?: boolean;
    message: string;
    visitorToken: string;
};
export type WriteOptions = {
    idempotencyKey?: string;
    retries?: number;
    signal?: AbortSignal;
};
export declare class WidgetClient {
    siteKey: string;
    options: {
        origin?: string;
        fetch?: typeof globalThis.fetch;
        WebSocket?: typeof globalThis.WebSocket;
        timeoutMs?: number;
        tabs?: import("./together.js").Meeting;
    };
    parlor: Parlor;
    /** @param {Omit<import("./parlor-client.js").Options, "renew"> & {siteKey: string}} options */
    constructor({ siteKey, ...options }: Omit<import("./parlor-client.js").Options, "renew"> & {
        siteKey: string;
    });
    /**
     * How the shop greets and looks.
     * @param {{signal?: AbortSignal}} [options]
     * @returns {Promise<WidgetConfig>}
     */
    config(options?: {
        signal?: AbortSignal;
    }): Promise<WidgetConfig>;
    /**
     * Opens the visitor's conversation with its first message. 409 when the token has one already.
     * Without `wait` it answers before the bot does, whose reply then comes on the feed as it is made.
     * @param {Opening} opening
     * @param {WriteOptions & {wait?: boolean}} [options]
     * @returns {Promise<{conversationToken: string, autoReply: string | null}>}
     */
    start(opening: Opening, options?: WriteOptions & {
        wait?: boolean;
    }): Promise<{
        conversationToken: string;
        autoReply: string | null;
    }>;
    /**
     * The messages, oldest first; with `since` those after that time.
     * @param {string} visitorToken
     * @param {{since?: string, signal?: AbortSignal}} [options]
     * @returns {Promise<WidgetMessage[]>}
     */
    messages(visitorToken: string, options?: {
        since?: string;
        signal?: AbortSignal;
    }): Promise<WidgetMessage[]>;
    /**
     * @param {string} visitorToken
     * @param {string} message
     * @param {WriteOptions & {name?: string, email?: string}} [options]  Who writes, where it was not told before.
     * @returns {Promise<void>}
     */
    reply(visitorToken: string, message: string, options?: WriteOptions & {
        name?: string;
        email?: string;
    }): Promise<void>;
    /**
     * Sends a file, with a text where one is given.
     * @param {string} visitorToken
     * @param {File} file
     * @param {WriteOptions & {message?: string}} [options]
     * @returns {Promise<WidgetFile[]>}
     */
    upload(visitorToken: string, file: File, options?: WriteOptions & {
        message?: string;
    }): Promise<WidgetFile[]>;
    /**
     * Fetches a file, for a preview.
     * @param {string} visitorToken
     * @param {Pick<WidgetFile, "activity_id" | "id">} file
     * @param {{disposition?: "inline" | "attachment", signal?: AbortSignal}} [options]
     * @returns {Promise<Blob>}
     */
    file(visitorToken: string, file: Pick<WidgetFile, "activity_id" | "id">, options?: {
        disposition?: "inline" | "attachment";
        signal?: AbortSignal;
    }): Promise<Blob>;
    /**
     * The address of a file for a link, which cannot carry a header.
     * @param {string} visitorToken
     * @param {Pick<WidgetFile, "activity_id" | "id">} file
     * @param {{disposition?: "inline" | "attachment"}} [options]
     */
    fileUrl(visitorToken: string, file: Pick<WidgetFile, "activity_id" | "id">, options?: {
        disposition?: "inline" | "attachment";
    }): string;
    /**
     * The visitor's conversation on the live surface: by the token that `start` answered while that
     * is good, and by the visitor's own for as long as the conversation is there.
     * @param {{visitorToken: string, conversationToken?: string | null}} visitor
     */
    conversation({ visitorToken, conversationToken }: {
        visitorToken: string;
        conversationToken?: string | null;
    }): import("./conversation.js").Conversation;
    /**
     * @param {string} path
     * @param {unknown} body
     * @param {WriteOptions} options
     * @param {import("./parlor-client.js").About} [about]
     * @returns {Promise<any>}
     * @private
     */
    private write;
}
