/**
 * The messages that were written and are not in the conversation yet, in order.
 *
 * Each has a key from the moment it is written and goes out under that key until it is answered, so
 * a message whose answer was lost, or whose page was reloaded, is in the conversation once. One goes
 * out at a time, because their order matters. What fails in passing is tried again by itself; what
 * the server refuses waits for the writer. An entry leaves when the feed has brought its message,
 * a file also when it was called refused: it may have arrived while its page was left.
 */
export type Transcript = import("./transcript.js").Transcript;
export type Message = import("./transcript.js").Message;
export type Unsent = {
    key: string;
    text: string;
    file?: {
        name: string;
        size: number;
    };
    state: "waiting" | "sending" | "sent" | "refused";
    reason: string;
    /**
     * Once it was answered, where the answer names it.
     */
    messageId: string | null;
    /**
     * The last entry before which its message cannot stand.
     */
    since: string | null;
    /**
     * The transcript's cursor at that moment.
     */
    after: string;
};
export declare class Outbox {
    deliver: (entry: Unsent) => Promise<string | null>;
    /** @type {Unsent[]} */
    entries: Unsent[];
    onChange: (entries: Unsent[]) => void;
    /** Nothing goes out while the reader has dropped the line. */
    held: boolean;
    sending: boolean;
    failures: number;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    timer: ReturnType<typeof setTimeout> | undefined;
    closed: boolean;
    /**
     * @param {(entry: Unsent) => Promise<string | null>} deliver  One attempt; answers the message's
     *   id, or null when it is delivered and its id is not told.
     * @param {Unsent[]} kept  What an earlier page left.
     * @param {(entries: Unsent[]) => void} onChange
     */
    constructor(deliver: (entry: Unsent) => Promise<string | null>, kept: Unsent[], onChange: (entries: Unsent[]) => void);
    /**
     * @param {string} text
     * @param {Transcript} transcript  As it is now.
     * @param {{key?: string, file?: {name: string, size: number}}} [about]
     */
    add(text: string, transcript: Transcript, about?: {
        key?: string;
        file?: {
            name: string;
            size: number;
        };
    }): void;
    /** @param {string} key */
    retry(key: string): void;
    /** Sends again what was sent and has not come: the server may have lost it. Under its key it is there once. */
    resend(): void;
    /** @param {string} key */
    remove(key: string): void;
    /** @param {boolean} held */
    hold(held: boolean): void;
    close(): void;
    /** Sends what waits, now. */
    pump(): Promise<void>;
    /**
     * Drops what the feed has brought, and names what it seems to have brought before the server's
     * answer did, which the page need not show twice.
     * @param {Transcript} transcript
     * @returns {Unsent[]} what is still to be shown
     */
    shown(transcript: Transcript): Unsent[];
    /**
     * @param {string} key
     * @param {Partial<Unsent>} change
     * @private
     */
    private change;
}
