//! `openapi/asyncapi.yaml`: the frames of the live feed, the WebSocket's commands and the topics of
//! the log, generated from their types (AsyncAPI 3.0). JSON is YAML; it is written as JSON with
//! one key per line, which every YAML reader takes.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::live::frame::{self, Kind};
use schemas::Schemas;

mod kafka;
mod schemas;

/// What channels refer to.
#[derive(Default)]
struct Components {
    messages: Map<String, Value>,
    schemas: Schemas,
}

/// The document, as text that ends in a newline.
pub fn asyncapi() -> String {
    let mut components = Components::default();
    let mut feed = Map::new();
    for kind in Kind::ALL {
        let (name, (title, schema)) = (kind.name(), described(*kind));
        let key = key("Frame", name);
        components.schemas.add(&key, schema);
        components.messages.insert(key.clone(), frame_message(name, title, &key));
        feed.insert(key.clone(), reference("messages", &key));
    }
    let topics = kafka::channels(&mut components);
    let mut socket = feed.clone();
    for (name, schema) in commands() {
        let key = key("Command", name);
        components.schemas.add(&key, schema);
        let payload = reference("schemas", &key);
        components.messages.insert(key.clone(), json!({ "name": name, "payload": payload }));
        socket.insert(key.clone(), reference("messages", &key));
    }
    let asked: Vec<_> = commands()
        .iter()
        .map(|(name, _)| reference("channels/socket/messages", &key("Command", name)))
        .collect();
    let shown: Vec<_> = Kind::ALL
        .iter()
        .map(|kind| reference("channels/feed/messages", &key("Frame", kind.name())))
        .collect();
    let mut channels = json!({
        "feed": {
            "address": "/live/v1/conversations/{conversation_id}/stream",
            "description": "Server-sent events: `id` is the frame's id, `event` its type, `data` the frame.",
            "parameters": { "conversation_id": { "description": "`cv_…` or `conv_…`" } },
            "servers": [{ "$ref": "#/servers/node" }],
            "messages": feed,
        },
        "socket": {
            "address": "/live/v1/ws",
            "description": "WebSocket. Frames carry `conversation_id` beside their other fields; answers to commands are `{type: ok | error | pong, ref, …}`. A command beyond a visitor's limit, and a subscription beyond a share of streams, is an error of the type `rate_limited`. Close 1008 says that the credential has ended, 1009 that a message is too long.",
            "servers": [{ "$ref": "#/servers/socket" }],
            "messages": socket,
        },
    });
    for (name, topic) in topics {
        channels[name] = topic;
    }
    let document = json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Parlor: live feed and events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": {
            "node": server("http", "Any node, for server-sent events."),
            "socket": server("ws", "Any node, for the WebSocket."),
            "kafka": kafka::server(),
        },
        "channels": channels,
        "operations": {
            "showFrames": operation("send", "feed", "A node shows frames to whoever follows a conversation.", shown),
            "takeCommands": operation("receive", "socket", "A node takes commands from whoever opened a socket.", asked),
            "recordEvents": operation("send", "events", "A node records what happens in conversations.", kafka::recorded("events")),
            "recordAdministration": operation("send", "accounts", "A node records what is administered.", kafka::recorded("accounts")),
        },
        "components": {
            "messages": components.messages,
            "schemas": components.schemas.into_map(),
        },
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn server(protocol: &str, about: &str) -> Value {
    json!({
        "host": "{node}",
        "protocol": protocol,
        "description": about,
        "variables": { "node": { "default": "localhost:8080", "description": "Where a node listens." } },
    })
}

fn operation(action: &str, channel: &str, about: &str, messages: Vec<Value>) -> Value {
    json!({
        "action": action,
        "description": about,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "messages": messages,
    })
}

const ABOUT: &str = "A frame is `{id, prev, type, at, data}`. `id` is the cursor after it and `prev` \
the cursor before it, so a reader can prove that it missed nothing. Resuming after an `id` is exact, \
in the middle of a reply too. A turn ends with exactly one of `message.outbound` (whose \
`in_reply_to` is the question), `conversation.escalated`, `reply.failed` or `reply.discarded`; \
after a stop, with `message.outbound` whose `partial` is true, if anything was shown, and \
`reply.stopped`. A `reply.started` begins its text at offset 0, whatever was shown \
of it before. On `resume` a reader reconnects with its last id. A cursor that the conversation's \
log never reached (it was restored from a backup, say) is refused with status 400, and on the \
WebSocket with a message of type `error`; the error's type is `unknown_cursor`, and the reader begins \
again at the start.

What happened for good is in the log, which is Kafka where there are several nodes: the channel \
`events` is for analytics, and says what its readers must know.";

fn schema<T: JsonSchema>() -> Value {
    SchemaGenerator::default().into_root_schema_for::<T>().to_value()
}

/// What the document says of a kind of frame, and the schema of its `data`.
fn described(kind: Kind) -> (&'static str, Value) {
    match kind {
        Kind::ConversationStarted => ("The thread began", schema::<frame::Started>()),
        Kind::ConversationEscalated => ("Handed to people", schema::<frame::Escalated>()),
        Kind::ConversationAssigned => ("An agent took it", schema::<frame::Assigned>()),
        Kind::ConversationResolved => ("Closed", schema::<frame::Thread>()),
        Kind::ConversationReopened => ("Goes on", schema::<frame::Thread>()),
        Kind::ConversationUpdated => ("Its title changed", schema::<frame::Updated>()),
        Kind::ConversationDeleted => ("Gone for good", schema::<frame::Thread>()),
        Kind::ConversationRead => ("Read up to a message", schema::<frame::Read>()),
        Kind::MessageInbound => ("The customer wrote", schema::<frame::Message>()),
        Kind::MessageOutbound => ("The bot or an agent answered", schema::<frame::Message>()),
        Kind::ReplyStarted => ("A reply is under way", schema::<frame::ReplyStarted>()),
        Kind::ReplyChunk => ("A piece of the reply", schema::<frame::ReplyChunk<'static>>()),
        Kind::ReplyRestarted => ("The reply begins anew", schema::<frame::ReplyRestarted>()),
        Kind::ReplyStopped => ("A reader stopped the reply", schema::<frame::ReplyEnded>()),
        Kind::ReplyDiscarded => ("The reply came too late", schema::<frame::ReplyEnded>()),
        Kind::ReplyFailed => ("Nobody answers this turn", schema::<frame::ReplyFailed>()),
        Kind::Typing => ("Somebody types (ephemeral)", schema::<frame::Typing>()),
        Kind::Resume => ("Reconnect with the last id", schema::<frame::Resume>()),
    }
}

fn commands() -> Vec<(&'static str, Value)> {
    let command = |name: &str, fields: Value, required: &[&str]| {
        let mut properties = json!({
            "type": { "const": name },
            "ref": { "description": "Anything; comes back with the answer." },
        });
        for (field, schema) in fields.as_object().into_iter().flatten() {
            properties[field] = schema.clone();
        }
        let required: Vec<_> = [&["type"], required].concat();
        json!({ "type": "object", "properties": properties, "required": required })
    };
    let id = json!({ "type": "string" });
    let of = |field: &str, schema: Value| {
        let mut fields = json!({ "conversation_id": id });
        fields[field] = schema;
        fields
    };
    let mut send = of("text", json!({ "type": "string", "minLength": 1, "maxLength": 10_000 }));
    send["idempotency_key"] = json!({ "type": "string", "minLength": 1, "maxLength": 255 });
    let one = ["conversation_id"];
    // Who it is: a token speaks for the customer, an account's key for an agent where it does not say.
    let by_somebody = |field: &str, schema: Value| {
        let mut fields = of(field, schema);
        fields["as"] = json!({ "enum": ["customer", "bot", "agent"] });
        fields["name"] = json!({ "type": "string", "minLength": 1, "maxLength": 200 });
        fields
    };
    vec![
        ("subscribe", command("subscribe", of("after", id.clone()), &one)),
        ("unsubscribe", command("unsubscribe", json!({ "conversation_id": id }), &one)),
        ("send", command("send", send, &["conversation_id", "text"])),
        ("stop", command("stop", json!({ "conversation_id": id }), &one)),
        (
            "typing",
            command(
                "typing",
                by_somebody("typing", json!({ "type": "boolean" })),
                &["conversation_id", "typing"],
            ),
        ),
        (
            "read",
            command(
                "read",
                by_somebody("message_id", id.clone()),
                &["conversation_id", "message_id"],
            ),
        ),
        ("ping", command("ping", json!({}), &[])),
    ]
}

fn frame_message(name: &str, title: &str, key: &str) -> Value {
    json!({
        "name": name,
        "title": title,
        "payload": {
            "type": "object",
            "required": ["id", "prev", "type", "at", "data"],
            "properties": {
                "id": { "type": "string", "description": "The cursor after this frame." },
                "prev": { "type": "string", "description": "The cursor before this frame." },
                "type": { "const": name },
                "at": { "type": "string", "format": "date-time" },
                "data": reference("schemas", key),
            },
        },
    })
}

fn reference(kind: &str, key: &str) -> Value {
    let base = if kind.starts_with("channels/") { "" } else { "components/" };
    json!({ "$ref": format!("#/{base}{kind}/{key}") })
}

/// `message.inbound` as a component: `EventMessageInbound`.
fn key(kind: &str, name: &str) -> String {
    let words = name.split(['.', '_']).map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    std::iter::once(kind.to_owned()).chain(words).collect()
}
