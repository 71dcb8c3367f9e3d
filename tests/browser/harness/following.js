// Following a scripted server with the client.

import { test } from "node:test";
import { Parlor } from "../../../web/client/parlor-client.js";
import { scripted } from "./scripted.js";

/** So that reconnecting takes no time worth waiting for. */
export const QUICK = "retry: 100\n\n";

/** Follows until `count` frames came (or the feed ended) and tells everything that was seen. */
export async function followed(server, count, options = {}, parlor = {}) {
  const states = [];
  const ids = [];
  const conversation = new Parlor({ origin: server.origin, token: "lt_secret", ...parlor }).conversation("cv_1");
  const onState = (state) => states.push(state);
  for await (const frame of conversation.follow({ after: "0", onState, ...options })) {
    ids.push(frame.id);
    if (ids.length === count) break;
  }
  return { ids, states, last: states.at(-1) };
}

/** The cursors that were asked for, request by request. */
export const cursors = (server) => server.requests.map((request) => request.query.after);

/** Runs a test with a scripted server and closes it, whatever happens. */
export function withServer(name, steps, body) {
  test(name, { timeout: 20_000 }, async () => {
    const server = await scripted(...steps);
    try {
      await body(server);
    } finally {
      await server.close();
    }
  });
}
