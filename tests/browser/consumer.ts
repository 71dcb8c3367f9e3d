// How a TypeScript program uses the package: compiled, never run. What must not compile says so.

import { Outbox, Parlor, ParlorError, WidgetClient, emptyTranscript, reduce } from "parlor-client";
import type { Frame, Gap, Sent, Transcript } from "parlor-client";

const parlor = new Parlor({ origin: "https://chat.example", token: "lt_1", renew: async () => ({ token: "lt_2" }) });
const conversation = parlor.conversation("current");

export async function read(signal: AbortSignal): Promise<Transcript> {
  let transcript = emptyTranscript();
  const onGap = (gap: Gap) => console.warn(gap.after, gap.prev);
  for await (const frame of conversation.follow({ after: transcript.cursor, signal, onGap, transport: "websocket" })) {
    transcript = reduce(transcript, frame);
    if (frame.type === "message.outbound") console.log(frame.data.text, frame.data.buttons?.length);
    // @ts-expect-error A typing frame has no text.
    if (frame.type === "typing") console.log(frame.data.text);
  }
  for await (const frame of conversation.catchUp({ after: "0" })) take(frame);
  return transcript;
}

function take(frame: Frame): string {
  return frame.id;
}

export async function send(): Promise<Sent | number> {
  try {
    return await conversation.send("Hello", { idempotencyKey: "k", retries: 5 });
  } catch (error) {
    return error instanceof ParlorError ? error.status : -1;
  }
}

const widget = new WidgetClient({ origin: "https://chat.example", siteKey: "site_1" });
export const opened: Promise<{ conversationToken: string; autoReply: string | null }> = widget.start({
  name: "Jane",
  email: "jane@example.com",
  message: "Hi",
  visitorToken: "v",
});
export const outbox = new Outbox(async (entry) => (await conversation.send(entry.text)).message_id, [], () => {});

// @ts-expect-error A widget needs a site key.
new WidgetClient({ origin: "https://chat.example" });
// @ts-expect-error A cursor is a string.
conversation.follow({ after: 1 });
