/**
 * One connection for all tabs of a browser that follow the same conversation. Over HTTP/1.1 a
 * browser has six connections to a server: with a stream in each tab, the seventh tab never loads.
 *
 * One tab leads: it holds a lock, follows the feed and hands each frame on to the others. Every tab
 * has a chain of its own, so a tab proves for itself that it missed nothing. One that did, or that
 * begins elsewhere, opens a connection of its own until it stands where the leader does. When the
 * leader ends, the lock falls to another tab, which goes on from its own cursor. A leader that does
 * not answer any more, as in a tab that its browser froze, loses the lock.
 */
export type Frame = import("./frame.js").Frame;
export type FollowOptions = import("./feed.js").FollowOptions;
export type FeedState = import("./feed.js").FeedState;
export type Meeting = {
    locks: Pick<LockManager, "request">;
    channel: (name: string) => Channel;
};
export type Channel = Pick<BroadcastChannel, "postMessage" | "close" | "onmessage">;
export type Told = {
    what: "state";
    state: FeedState;
    cursor: string;
} | {
    what: "frame";
    frame: Frame;
};
export type Said = Told | {
    what: "here";
};
/**
 * The tabs that meet under a name; null where tabs cannot meet.
 * @param {Meeting | undefined} given
 * @param {string} name
 * @returns {Tabs | null}
 */
export declare function tabsOf(given: Meeting | undefined, name: string): Tabs | null;
/** This tab among the others of one name. */
declare class Tabs {
    locks: Pick<LockManager, "request">;
    name: string;
    open: (name: string) => Channel;
    /** @type {Channel | null} */
    channel: Channel | null;
    leading: boolean;
    /** @type {Told[]} */
    heard: Told[];
    /** Where the leader stands, as far as it said. @type {string | undefined} */
    cursor: string | undefined;
    /** What the leader answers when somebody asks. @type {(() => void) | null} */
    onAsked: (() => void) | null;
    /** Told of whatever changed. */
    wake: () => void;
    left: AbortController;
    /** Gives the lock back. */
    release: () => void;
    asking: number | undefined;
    waiting: number | undefined;
    queued: AbortController | undefined;
    /**
     * @param {Pick<LockManager, "request">} locks
     * @param {(name: string) => Channel} channel
     * @param {string} name
     */
    constructor(locks: Pick<LockManager, "request">, channel: (name: string) => Channel, name: string);
    join(): void;
    leave(): void;
    /** @param {Said} said */
    say(said: Said): void;
    /** Waits until something changed. */
    changed(): Promise<void>;
    /**
     * @param {any} said
     * @private
     */
    private hear;
    /**
     * Asks how things stand, and takes over where nobody answers.
     * @private
     */
    private ask;
    /**
     * Waits for the lock, or takes it.
     * @param {LockOptions} [how]
     * @private
     */
    private queue;
    /**
     * @param {boolean} leading
     * @private
     */
    private lead;
}
/**
 * Follows as `follow` does, with the other tabs.
 * @param {Tabs} tabs
 * @param {(options: FollowOptions) => AsyncGenerator<Frame, void, void>} follow
 * @param {FollowOptions} options
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export declare function together(tabs: Tabs, follow: (options: FollowOptions) => AsyncGenerator<Frame, void, void>, options: FollowOptions): AsyncGenerator<Frame, void, void>;
export {};
