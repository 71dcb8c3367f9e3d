/**
 * One conversation as a page has it: followed, folded, written to, and kept over reloads.
 *
 * What is shown comes from the transcript, and the transcript from the feed alone; what was written
 * is in the outbox until the feed brings it back. A reload, a dropped network, a killed server and
 * a second tab are therefore all the same case: go on from the cursor.
 *
 * It draws nothing and knows no storage. Its page gives it a memory, hears what changed, and says
 * when somebody looks, leaves and comes back.
 */
import { Outbox } from "./outbox.js";
export type Conversation = import("./conversation.js").Conversation;
export type FeedState = import("./feed.js").FeedState;
export type Frame = import("./frame.js").Frame;
export type Unsent = import("./outbox.js").Unsent;
export type Transcript = import("./transcript.js").Transcript;
export type Memory = {
    /**
     * What an earlier page kept.
     */
    transcript: Transcript | null;
    unsent: Unsent[];
    /**
     * Entries that are kept; older ones are fetched when they are asked for.
     */
    limit: number;
    /**
     * Soon after it changed. It is one piece with its
     * cursor, so an old copy is as good as a new one.
     */
    keep: (transcript: Transcript) => void;
    /**
     * At once.
     */
    keepUnsent: (unsent: Unsent[]) => void;
    /**
     * Puts back what is gone from where it was kept.
     */
    restore?: () => void;
};
export type SessionOptions = {
    memory: Memory;
    /**
     * The name under which a browser's tabs have one connection.
     */
    share?: string;
    /**
     * One attempt at a message, where it
     * is more than sending it; answers as an Outbox wants it.
     */
    deliver?: (entry: Unsent) => Promise<string | null>;
    /**
     * There is something else to show.
     */
    onChange: () => void;
    onState?: (feed: FeedState) => void;
    /**
     * It is in the transcript now.
     */
    onFrame?: (frame: Frame) => void;
    /**
     * The server refused the feed for good.
     */
    onEnd?: (error: unknown) => void;
};
export declare class Session {
    conversation: import("./conversation.js").Conversation | null;
    options: SessionOptions;
    /** @type {"idle" | "connecting" | "connected" | "reconnecting" | "ended"} */
    line: "idle" | "connecting" | "connected" | "reconnecting" | "ended";
    transcript: import("./transcript.js").Transcript;
    outbox: Outbox;
    /** What becomes of older entries that the reader asked for. @type {"idle" | "loading" | "failed"} */
    earlier: "idle" | "loading" | "failed";
    /** The feed began again: what comes now is no news. Whoever shows it takes this back. */
    anew: boolean;
    /** Ends the connection; a new one gets a new one. */
    connection: AbortController;
    /** The newest answer of which it was said that it was seen. @type {string | null} */
    readSaid: string | null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    saving: ReturnType<typeof setTimeout> | undefined;
    unsaved: boolean;
    /**
     * Nothing is asked of the server before `follow`, but what an earlier page left unsent goes out
     * with the first connection.
     * @param {Conversation | null} conversation  Null until there is one; `enter` brings it.
     * @param {SessionOptions} options
     */
    constructor(conversation: Conversation | null, options: SessionOptions);
    /**
     * Goes on in this conversation, which was not there before or is opened in another way.
     * @param {Conversation | null} conversation
     */
    enter(conversation: Conversation | null): void;
    /**
     * Follows the feed from where the transcript stands, where it is not followed yet.
     * @param {FeedState["transport"]} [transport]
     */
    follow(transport?: FeedState["transport"]): Promise<void>;
    /** Gives the connection back; `follow` takes another. */
    rest(): void;
    /** Connects anew: what the old network's connection was worth is not known. */
    refresh(): void;
    /** Ends it. What was not saved is not kept. */
    close(): void;
    /**
     * @param {Frame} frame
     * @private
     */
    private take;
    /** Keeps what changed, now. */
    save(): void;
    /**
     * Lets go of the oldest entries, for whoever is at the newest: what a frame costs stays the same.
     * Answers whether there were too many.
     */
    trim(): boolean;
    /** Puts the next older entries before the transcript's own, once at a time. */
    showEarlier(): Promise<void>;
    /**
     * One attempt at a message; answers its id, null where there is no conversation.
     * @param {Unsent} entry
     */
    send({ key, text }: Unsent): Promise<string | null>;
    /** @param {boolean} typing */
    typing(typing: boolean): void;
    /** Stops the reply under way. */
    stop(): void;
    /** Says once that the newest answer was seen. For when somebody is there to see it. */
    sayRead(): void;
    /** How many answers have not been seen. */
    get unread(): number;
}
export type Entry = Transcript["entries"][number];
/** @typedef {Transcript["entries"][number]} Entry */
/**
 * Whether that is an answer: of a bot or of a person.
 * @param {Entry} entry
 */
export declare function isTheirs(entry: Entry): boolean;
