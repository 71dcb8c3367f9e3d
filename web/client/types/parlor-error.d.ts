/**
 * The one error that the client throws.
 *
 * `status` is the HTTP status, 0 where there was no answer at all. `type` and `message` are the
 * server's own words where it gave some, `fields` names the faulty ones.
 */
export declare class ParlorError extends Error {
    status: number;
    type: string;
    fields: unknown;
    /** How long the server asked us to wait, 0 when it did not. */
    retryAfterMs: number;
    /**
     * @param {string} message
     * @param {{status?: number, type?: string, fields?: unknown, retryAfterMs?: number, cause?: unknown}} [about]
     */
    constructor(message: string, about?: {
        status?: number;
        type?: string;
        fields?: unknown;
        retryAfterMs?: number;
        cause?: unknown;
    });
    /**
     * Whether asking again can help. What the server understood and refused stays refused: 401 and
     * 404 above all. Time-outs, "too many" and its own failures do not.
     */
    get final(): boolean;
    /**
     * Reads an answer that is not a success; the body may be anything.
     * @param {Response} response
     */
    static from(response: Response): Promise<ParlorError>;
}
