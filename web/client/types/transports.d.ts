/**
 * One connection to the feed, over server-sent events or over a WebSocket.
 *
 * Both are async generators of frames with the same promise: they throw a ParlorError when the
 * server refuses, end when the connection ends, and close it when the reader stops reading. They
 * never reconnect and prove nothing; `feed.js` does. Nothing is read ahead of the consumer on SSE,
 * so a slow one slows the sender and not the memory; a socket cannot do that, so it is given up
 * when too many frames wait.
 */
export type Frame = import("./frame.js").Frame;
export type Address = {
    origin: string;
    conversationId: string;
    /**
     * Those that both of these say.
     */
    credentials: import("./parlor-client.js").Credentials;
    headers: Record<string, string>;
    query: Record<string, string>;
    fetch: typeof globalThis.fetch;
    WebSocket: typeof globalThis.WebSocket | undefined;
};
export type Line = {
    cursor: string;
    /**
     * Ends this connection.
     */
    signal: AbortSignal;
    /**
     * Gives up when nothing comes for too long.
     */
    watch: <T>(promise: Promise<T>) => Promise<T>;
    onOpen: () => void;
    onRetry: (milliseconds: number) => void;
};
export type Link = Address & Line;
/**
 * @param {Link} link
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export declare function sseFrames(link: Link): AsyncGenerator<Frame, void, void>;
/**
 * A socket carries its credential in its address, because a browser cannot give it a header. One
 * follower opens one socket: the page has one conversation, and a shared socket would let one slow
 * consumer stall the others.
 * @param {Link} link
 * @returns {AsyncGenerator<Frame, void, void>}
 */
export declare function webSocketFrames(link: Link): AsyncGenerator<Frame, void, void>;
