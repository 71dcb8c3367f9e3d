/**
 * A conversation's live feed as one endless iteration: it reconnects by itself and proves that
 * nothing was missed.
 *
 * A frame whose `prev` is the cursor we hold is the next one; one that was seen already is a
 * duplicate and is dropped; anything else means that something is missing. What is missing is then
 * fetched from the stored feed, and where that does not close the hole (a reply's chunks are not
 * stored) the connection is opened again at the cursor we hold. A consumer therefore gets every
 * frame once and in order, or waits. A cursor that the server does not know (it was restored from
 * a backup) is answered by a `restart` frame and the feed from its start. What the server refuses
 * for good (401 after renewing, 404) ends the iteration with a ParlorError; nothing else does.
 */
import { Chain } from "./chain.js";
import { ParlorError } from "./parlor-error.js";
export type Frame = import("./frame.js").Frame;
export type Address = import("./transports.js").Address;
export type FeedState = {
    state: "connecting" | "connected" | "reconnecting" | "closed";
    transport: "sse" | "websocket";
    /**
     * The place after the last frame handed out.
     */
    cursor: string | undefined;
    /**
     * Connections after the first.
     */
    reconnects: number;
    /**
     * Frames that did not follow on, each answered by catching up.
     */
    gaps: number;
    /**
     * Frames that came again and were dropped.
     */
    duplicates: number;
    /**
     * Until the next attempt, while reconnecting.
     */
    retryInMs: number;
    /**
     * Why the last connection ended, "" before the first end.
     */
    reason: string;
};
export type Gap = {
    /**
     * The cursor that we hold.
     */
    after: string | undefined;
    /**
     * What the frame that came says comes before it.
     */
    prev: string;
};
export type FollowOptions = {
    /**
     * The cursor to go on from, "0" for the beginning; now when left out.
     */
    after?: string;
    /**
     * Ends the iteration without an error.
     */
    signal?: AbortSignal;
    transport?: "sse" | "websocket";
    /**
     * All tabs of a browser that name the same have one connection between
     * them, where browsers can do that and `after` is given; see together.js.
     */
    share?: string;
    onState?: (state: FeedState) => void;
    /**
     * Told of each hole; the frames that were missing follow.
     */
    onGap?: (gap: Gap) => void;
    /**
     * No bytes for this long means that the connection is dead.
     */
    silenceMs?: number;
    /**
     * The longest pause between two attempts; 4 s at most, where the server
     * accepted the last one.
     */
    maxBackoffMs?: number;
};
export type Page = {
    events: Frame[];
    next: string;
};
export type Source = {
    /**
     * Where and as whom to connect, asked for anew each time.
     */
    address: () => Address;
    /**
     * The conversation's cursor at this moment.
     */
    now: () => Promise<string>;
    /**
     * Throws what the server has against us.
     */
    events: (after: string, limit?: number) => Promise<Page>;
    /**
     * Whether there is another credential now.
     */
    renewed: (refused: unknown) => Promise<boolean>;
};
/**
 * @param {Source} source
 * @param {FollowOptions} [options]
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export declare function follow(source: Source, options?: FollowOptions): AsyncGenerator<Frame, void, void>;
/**
 * Whether it is the place to go on from that the server will not have: it never gave it, or cannot
 * read it.
 * @param {ParlorError} error
 */
export declare function refusesCursor({ status, type, fields }: ParlorError): boolean;
/**
 * What is stored after the chain's cursor, page by page, to the present. Ends before a hole.
 * @param {Pick<Source, "events">} source
 * @param {Chain} chain
 * @param {number} [limit]
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export declare function stored(source: Pick<Source, "events">, chain: Chain, limit?: number): AsyncGenerator<Frame, void, void>;
