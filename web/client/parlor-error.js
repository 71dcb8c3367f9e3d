/**
 * The one error that the client throws.
 *
 * `status` is the HTTP status, 0 where there was no answer at all. `type` and `message` are the
 * server's own words where it gave some, `fields` names the faulty ones.
 */

export class ParlorError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, type?: string, fields?: unknown, retryAfterMs?: number, cause?: unknown}} [about]
   */
  constructor(message, about = {}) {
    super(message, { cause: about.cause });
    this.name = "ParlorError";
    this.status = about.status ?? 0;
    this.type = about.type ?? "unreachable";
    this.fields = about.fields;
    /** How long the server asked us to wait, 0 when it did not. */
    this.retryAfterMs = about.retryAfterMs ?? 0;
  }

  /**
   * Whether asking again can help. What the server understood and refused stays refused: 401 and
   * 404 above all. Time-outs, "too many" and its own failures do not.
   */
  get final() {
    const passing = [408, 409, 425, 429].includes(this.status);
    return this.status >= 400 && this.status < 500 && !passing;
  }

  /**
   * Reads an answer that is not a success; the body may be anything.
   * @param {Response} response
   */
  static async from(response) {
    const told = await response.json().catch(() => null);
    // The surfaces spell their errors differently: an object, or words alone.
    const error = typeof told?.error === "object" && told.error ? told.error : (told?.detail ?? {});
    const words = error.message ?? told?.message ?? told?.error;
    const seconds = Number(response.headers.get("retry-after"));
    return new ParlorError(typeof words === "string" ? words : `The server answered ${response.status}.`, {
      status: response.status,
      type: error.type ?? error.code ?? "unknown",
      fields: error.fields,
      retryAfterMs: seconds > 0 ? seconds * 1000 : 0,
    });
  }
}
