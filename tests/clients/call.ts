// A call with each client that is made from the documents: `node generated/out/call.js ORIGIN`.
// That this compiles is half of the test: an answer has one type, and what may be null says so.

import createClient from "openapi-fetch";
import type { paths as AeroChat } from "./generated/typescript/aerochat.js";
import type { paths as Aloo } from "./generated/typescript/aloochat.js";
import type { paths as ChatAIBot } from "./generated/typescript/chataibot.js";
import type { paths as Live } from "./generated/typescript/live.js";
import type { paths as Widget } from "./generated/typescript/widget.js";

const baseUrl = process.argv[2];

function key(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

/** The answer of a call that must go well. */
function good<T>(call: { data?: T; error?: unknown; response: Response }): T {
  if (call.data === undefined) throw new Error(`${call.response.status}: ${JSON.stringify(call.error)}`);
  return call.data;
}

const aerochat = createClient<AeroChat>({ baseUrl, headers: { "X-AeroChat-API-Key": key("AEROCHAT_API_KEY") } });
const body = { message: "what are your opening hours?" };
const sent = good(await aerochat.POST("/bot/v1/conversations/messages", { body }));
const reply: string | undefined = sent.reply?.text;
if (!reply) throw new Error(`no reply: ${JSON.stringify(sent)}`);

const streamed = good(await aerochat.POST("/bot/v1/conversations/messages/stream", { body, parseAs: "text" }));
if (!streamed.includes("event: end")) throw new Error(`no end: ${streamed}`);

const live = createClient<Live>({ baseUrl, headers: { "X-AeroChat-API-Key": key("AEROCHAT_API_KEY") } });
const path = { id: sent.conversation_id };
const state = good(await live.GET("/live/v1/conversations/{id}", { params: { path } }));
if (state.message_count !== 2) throw new Error(`not two messages: ${JSON.stringify(state)}`);

const widget = createClient<Widget>({ baseUrl, headers: { "X-Site-Key": key("WIDGET_SITE_KEY") } });
const config = good(await widget.GET("/api/v1/chat/config"));
if (!config.greeting) throw new Error(`no greeting: ${JSON.stringify(config)}`);

const aloo = createClient<Aloo>({ baseUrl, headers: { "x-api-token": key("ALOOCHAT_API_TOKEN") } });
const begun = good(await aloo.POST("/api/v1/chat/conversations", { body: { title: "Billing" } }));
if (begun.status !== "active") throw new Error(`not active: ${JSON.stringify(begun)}`);

const chataibot = createClient<ChatAIBot>({
  baseUrl,
  headers: { Authorization: `Bearer ${key("CHATAIBOT_TOKEN")}` },
});
const started = good(
  await chataibot.POST("/api/v1/conversations", {
    body: {
      bot_key: key("CHATAIBOT_BOT_KEY"),
      from: { user_external_id: "from-typescript" },
      message: { data: { body: "Hello" } },
      variables: { conversation: { plan: "pro", seats: 3, trial: false, since: null } },
    },
  }),
);
if (!started.live_url) throw new Error(`no feed: ${JSON.stringify(started)}`);

console.log("five TypeScript clients called");
