// Asks a question and prints the reply while it is made. A connection that breaks is gone on with.
//
//     AEROCHAT_API_KEY=… node ask.mjs "where is my order?"
//
// Node 18 or newer, nothing to install. CHAT_URL names a server that is elsewhere. In a page use
// web/client, which does all of this and more.

import { randomUUID } from "node:crypto";

const origin = process.env.CHAT_URL ?? "http://127.0.0.1:8080";
const key = { "X-AeroChat-API-Key": process.env.AEROCHAT_API_KEY };
const ends = ["message.outbound", "conversation.escalated", "reply.failed", "reply.discarded"];

class Refused extends Error {}

/** Server-sent events: id, name and data of each. */
async function* events(url, options) {
  const response = await fetch(url, options);
  if (!response.ok) throw new Refused(`${response.status}: ${await response.text()}`);
  let text = "";
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const lines = text.slice(0, end).split("\n");
      const event = Object.fromEntries(lines.map((line) => [line.split(": ", 1)[0], line.slice(line.indexOf(": ") + 2)]));
      if (event.data) yield { id: event.id, name: event.event, data: JSON.parse(event.data) };
    }
  }
}

let shown = "";
const show = (text) => {
  process.stdout.write(text.slice(shown.length));
  shown = text;
};

async function ask(question) {
  let last, conversation;
  try {
    const asking = events(`${origin}/bot/v1/conversations/messages/stream`, {
      method: "POST",
      // The same key sends the message once, however often this has to be tried.
      headers: { ...key, "Content-Type": "application/json", "Idempotency-Key": randomUUID() },
      body: JSON.stringify({ message: question }),
    });
    for await (const { id, name, data } of asking) {
      last = id;
      if (name === "start") conversation = data.conversation_id;
      else if (name === "chunk") show(shown + data.text);
      else if (name === "end") return;
    }
  } catch (error) {
    if (error instanceof Refused || !conversation) throw error;
  }
  if (!conversation) throw new Error("cannot ask");

  // Cut: the live feed goes on after the last event, in the middle of the reply too.
  for (;;) {
    try {
      const headers = { ...key, "Last-Event-ID": last };
      for await (const { id, name, data: frame } of events(`${origin}/live/v1/conversations/${conversation}/stream`, { headers })) {
        last = id;
        if (name === "reply.started" || name === "reply.restarted") shown = "";
        else if (name === "reply.chunk") show(shown + frame.data.text);
        else if (ends.includes(name)) {
          if (name === "message.outbound") show(frame.data.text);
          return;
        }
      }
    } catch (error) {
      if (error instanceof Refused) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

await ask(process.argv.slice(2).join(" ") || "where is my order?");
console.log();
