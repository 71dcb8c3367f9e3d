//! The Kafka topics, for readers that have nothing of ours but this document.
//!
//! Two topics are promised: `events` for analytics, `accounts` for whoever administers. The two
//! others are named so that nobody takes them for something to read. A message is a record: its
//! headers are the attributes of a CloudEvent, its payload is `data` alone.

use serde_json::{Map, Value, json};

use super::{Components, key, reference};
use crate::domain::event::Event;

/// The types that stand in `accounts`; all others stand in `events`.
const ADMINISTRATION: [&str; 9] = [
    "account.created",
    "key.issued",
    "key.revoked",
    "secret.rotated",
    "bot.drafted",
    "bot.deployed",
    "bot.withdrawn",
    "agent.updated",
    "settings.changed",
];

/// What every record of `events` and `accounts` is headed with.
const HEADERS: &str = "RecordHeaders";

const SERVER: &str = "The brokers that the nodes are given with `--kafka`. TLS and credentials \
are the operator's choice. Records may be compressed by any codec of Kafka's. There is no schema \
registry: the schemas are in this document, which every node serves at `/docs/asyncapi.yaml`.";

const ACCOUNTS: &str = "Administration: accounts, keys, bots, agents and settings, as CloudEvents \
in binary mode like `events`, keyed by account, kept for ever. Of keys it holds only the SHA-256, \
but `account.created` and `secret.rotated` hold the secret that signs live tokens: whoever can read \
this topic can open any conversation. Restrict it by ACL to the nodes and their operators. \
Analytics needs nothing of it: an account's `ac_…` is a header of every event.";

const REPLIES: &str = "Internal: the pieces of replies under way and who is typing, between nodes. \
Same key and number of partitions as `events`, kept for an hour. The format is not promised and \
changes without notice; what was said is in `events`.";

const APPLIED: &str = "Internal: how nodes tell one another what is in the views. Kept for \
minutes. The format is not promised and changes without notice.";

/// The brokers.
pub(super) fn server() -> Value {
    json!({
        "host": "{broker}",
        "protocol": "kafka",
        "description": SERVER,
        "variables": {
            "broker": { "default": "localhost:9092", "description": "Any broker of the cluster." },
        },
    })
}

/// The four topics; the messages of the promised ones go into `components`.
pub(super) fn channels(components: &mut Components) -> Map<String, Value> {
    components.schemas.add(HEADERS, headers());
    let (mut events, mut accounts) = (Map::new(), Map::new());
    for (name, schema) in Event::schemas() {
        let key = key("Event", name);
        let schema = schema.to_value();
        let administration = ADMINISTRATION.contains(&name);
        let stream_key = if administration { ACCOUNT } else { PERSON };
        components.messages.insert(key.clone(), message(name, &key, &schema, stream_key));
        components.schemas.add(&key, schema);
        let topic = if administration { &mut accounts } else { &mut events };
        topic.insert(key.clone(), reference("messages", &key));
    }
    let channels = [
        ("events", "What happens in conversations", include_str!("events.md"), 12, Some(events)),
        ("accounts", "Administration", ACCOUNTS, 1, Some(accounts)),
        ("replies", "Internal: replies under way", REPLIES, 12, None),
        ("applied", "Internal: what is in the views", APPLIED, 8, None),
    ];
    channels
        .into_iter()
        .map(|(name, title, about, partitions, messages)| {
            let kept_for_ever = messages.is_some();
            let mut channel = json!({
                "address": format!("parlor.{name}"),
                "title": title,
                "description": about.trim_end(),
                "servers": [{ "$ref": "#/servers/kafka" }],
                "bindings": { "kafka": bindings(name, partitions, kept_for_ever) },
            });
            if let Some(messages) = messages {
                channel["messages"] = Value::Object(messages);
            }
            (name.to_owned(), channel)
        })
        .collect()
}

/// Every type of a promised topic, as an operation refers to it.
pub(super) fn recorded(channel: &str) -> Vec<Value> {
    let here = Event::schemas().into_iter().map(|(name, _)| name);
    here.filter(|name| ADMINISTRATION.contains(name) == (channel == "accounts"))
        .map(|name| reference(&format!("channels/{channel}/messages"), &key("Event", name)))
        .collect()
}

/// The defaults of `parlor serve`; an operator may have chosen others.
fn bindings(name: &str, partitions: u32, kept_for_ever: bool) -> Value {
    let mut configuration = json!({ "cleanup.policy": ["delete"] });
    if kept_for_ever {
        configuration["retention.ms"] = json!(-1);
        configuration["retention.bytes"] = json!(-1);
    }
    json!({
        "topic": format!("parlor.{name}"),
        "partitions": partitions,
        "replicas": 3,
        "topicConfiguration": configuration,
        "bindingVersion": "0.5.0",
    })
}

/// The keys of `events` and of `accounts`: a pattern and what it is.
type StreamKey = (&'static str, &'static str);
const PERSON: StreamKey = (
    "^(ct|cv)_[0-9A-Za-z]{1,22}$",
    "The contact, or the conversation where there is no contact; equal to `ce_subject`.",
);
const ACCOUNT: StreamKey = ("^ac_[0-9A-Za-z]{1,22}$", "The account; equal to `ce_subject`.");

fn message(name: &str, key: &str, schema: &Value, (pattern, about): StreamKey) -> Value {
    json!({
        "name": name,
        "title": name,
        "summary": schema["description"],
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "allOf": [
                reference("schemas", HEADERS),
                {
                    "type": "object",
                    "properties": {
                        "ce_type": { "const": name },
                        "ce_subject": { "pattern": pattern, "description": about },
                    },
                },
            ],
        },
        "payload": reference("schemas", key),
        "bindings": {
            "kafka": {
                "key": { "type": "string", "pattern": pattern, "description": about },
                "bindingVersion": "0.5.0",
            },
        },
    })
}

fn headers() -> Value {
    json!({
        "type": "object",
        "description": "The headers of a record: UTF-8 texts.",
        "required": [
            "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time",
            "content-type", "account",
        ],
        "properties": {
            "ce_specversion": { "type": "string", "const": "1.0" },
            "ce_id": {
                "type": "string",
                "pattern": "^evt_[0-9A-Za-z]{1,22}$",
                "description": "The event. May stand in the log more than once.",
            },
            "ce_type": { "type": "string", "description": "What happened; names the payload's schema." },
            "ce_source": { "type": "string", "const": "/parlor" },
            "ce_subject": { "type": "string", "description": "The record's key." },
            "ce_time": {
                "type": "string",
                "format": "date-time",
                "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
                "description": "When it happened, by the clock of the node that wrote it: RFC 3339, UTC, milliseconds.",
            },
            "content-type": { "type": "string", "const": "application/json" },
            "account": {
                "type": "string",
                "pattern": "^ac_[0-9A-Za-z]{1,22}$",
                "description": "The tenant. Nothing belongs to two.",
            },
            "parlor-append": {
                "description": "Internal: who waits for the record; ignore it. Older records have bytes there that are no text.",
            },
        },
    })
}
