//! What readers of the Kafka topics go by, held against what the nodes do: the histories in
//! `examples/analytics/` against the fold, and the topics in `asyncapi.yaml` against the events.
//! The example itself is run by `tests/analytics/run.sh`.

use std::collections::BTreeSet;

use parlor::domain::conversation::{Conversation, Effect};
use parlor::domain::event::{
    Body, ConversationAssigned, ConversationDeleted, ConversationEscalated, ConversationReopened,
    ConversationResolved, ConversationStarted, Event, FailureReason, Idempotency, MessageInbound,
    MessageOutbound, Received, ReplyFailed, ReplyStopped,
};
use parlor::domain::ids::{ContactId, ConversationId, Id, MessageId, StreamKey};
use parlor::domain::language::Language;
use parlor::domain::message::{Author, Channel};
use parlor::domain::seq::Seq;
use parlor::domain::text::{MessageText, PersonName};
use parlor::domain::time::Timestamp;
use parlor::domain::variables::Memory;
use serde_json::Value;
use uuid::Uuid;

const HISTORIES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/analytics/histories.txt"));
const EXAMPLES: &str = include_str!("events.v1.jsonl");

/// The body that a word of `histories.txt` stands for.
fn body(word: &str) -> Body {
    let conversation_id = ConversationId::from_uuid(Uuid::from_u128(1));
    let contact_id = ContactId::from_uuid(Uuid::from_u128(1));
    let (channel, language) = (Channel::Web, Language::ENGLISH);
    let name = |name: &str| -> PersonName { name.parse().expect("a name") };
    let (kind, rest) = word.split_at(2);
    let (rest, seen) = rest.split_once('@').map_or((rest, None), |(rest, seen)| (rest, Some(seen)));
    let asked = rest.parse().ok().map(|number: u128| {
        // Zero is no message's number.
        MessageId::from_uuid(Uuid::from_u128(number + 1))
    });
    let question = || asked.unwrap_or_else(|| panic!("{word} names no message"));
    let says = |author, in_reply_to: Option<MessageId>| {
        let message_id = in_reply_to.map_or(MessageId::from_uuid(Uuid::nil()), MessageId::reply);
        let text = MessageText::from_bot("Hello".to_owned());
        Body::MessageOutbound(MessageOutbound {
            message_id,
            conversation_id,
            contact_id,
            channel,
            author,
            text,
            language,
            in_reply_to,
            intent: None,
            bot: None,
            buttons: Vec::new(),
            attachments: Vec::new(),
            memory: Memory::default(),
            partial: false,
        })
    };
    match kind {
        "in" | "op" | "ka" | "kb" => Body::MessageInbound(MessageInbound {
            message_id: question(),
            conversation_id,
            contact_id,
            channel,
            text: "Hello".parse().expect("a text"),
            language,
            opens: kind == "op",
            context: Vec::new(),
            attachments: Vec::new(),
            spoken: false,
            idempotency: seen.map(|seen| Idempotency {
                key: kind[1..].repeat(64),
                request: "0".repeat(64),
                seen: Some(Seq::new(seen.parse().expect("a place"))),
            }),
        }),
        "re" => says(Author::Bot { name: "Acme".to_owned() }, Some(question())),
        "ag" => says(Author::Agent { name: "Sarah".to_owned() }, None),
        "es" => Body::ConversationEscalated(ConversationEscalated {
            conversation_id,
            contact_id,
            contact_name: name("Jane"),
            in_reply_to: asked,
            trigger_message: None,
            assigned_agent: None,
        }),
        "as" => {
            let agent = name(if rest == "S" { "Sarah" } else { "Tom" });
            Body::ConversationAssigned(ConversationAssigned { conversation_id, agent })
        }
        "rs" => Body::ConversationResolved(ConversationResolved {
            conversation_id,
            contact_id,
            contact_name: name("Jane"),
        }),
        "ro" => Body::ConversationReopened(ConversationReopened { conversation_id }),
        "st" => {
            let (reply_id, in_reply_to) = (question().reply(), question());
            Body::ReplyStopped(ReplyStopped { conversation_id, reply_id, in_reply_to })
        }
        "fa" => {
            let (in_reply_to, reason) = (question(), FailureReason::BotFailed);
            Body::ReplyFailed(ReplyFailed { conversation_id, in_reply_to, reason })
        }
        "de" => Body::ConversationDeleted(ConversationDeleted { conversation_id }),
        _ => panic!("{word} is no word of histories.txt"),
    }
}

fn event(number: u64, body: Body) -> Event {
    let id = Uuid::from_u128(u128::from(number));
    Event {
        id: Id::from_uuid(id),
        at: Timestamp::from_millis(1_750_000_000_000),
        account: Id::from_uuid(Uuid::from_u128(1)),
        key: StreamKey::Contact(ContactId::from_uuid(Uuid::from_u128(1))),
        body,
        received: Received::default(),
    }
}

fn started() -> Conversation {
    let data = ConversationStarted::new(
        ConversationId::from_uuid(Uuid::from_u128(1)),
        ContactId::from_uuid(Uuid::from_u128(1)),
        Channel::Web,
    );
    let event = event(1, Body::ConversationStarted(data));
    Conversation::started(Seq::new(1), &event).expect("it starts")
}

#[test]
fn the_histories_for_readers_are_what_the_fold_says() {
    let lines = HISTORIES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut counted = 0;
    for line in lines {
        let mut state = started();
        for (seq, marked) in (2..).zip(line.split_whitespace()) {
            let word = marked.trim_start_matches('-');
            let effect = state.apply(Seq::new(seq), &event(seq, body(word)));
            assert_eq!(
                effect == Effect::Applied,
                !marked.starts_with('-'),
                "{marked} in {line:?}: {effect:?}. A fold that changed changes what readers of the \
                 log must do: say it in async_document/events.md and examples/analytics/fold.py"
            );
            counted += 1;
        }
    }
    assert!(counted > 1_000, "the histories are where they are looked for: {counted} events");
}

fn messages(document: &Value, channel: &str) -> BTreeSet<String> {
    let references = document["channels"][channel]["messages"].as_object().expect("messages");
    let name = |reference: &Value| {
        let path = reference["$ref"].as_str().expect("a reference").trim_start_matches('#');
        let message = document.pointer(path).expect("the reference leads somewhere");
        message["name"].as_str().expect("a name").to_owned()
    };
    references.values().map(name).collect()
}

#[test]
fn every_event_is_a_message_of_the_topic_it_is_written_to() {
    let document: Value = serde_json::from_str(&parlor::surface::asyncapi()).expect("JSON");
    let (mut events, mut accounts) = (BTreeSet::new(), BTreeSet::new());
    for line in EXAMPLES.lines() {
        let event: Event = serde_json::from_str(line).expect("an event");
        let administrative = event.body.is_administrative();
        let topic = if administrative { &mut accounts } else { &mut events };
        topic.insert(event.body.name().to_owned());
    }
    assert_eq!(messages(&document, "events"), events, "list the type in async_document/kafka.rs");
    assert_eq!(messages(&document, "accounts"), accounts, "and in its ADMINISTRATION");
}

/// Every `$ref` counts from the root of the document: one that leads nowhere makes the whole
/// document unreadable to generators.
#[test]
fn every_reference_in_the_document_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document: Value = serde_json::from_str(&parlor::surface::asyncapi()).expect("JSON");
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100, "the references are where they are looked for");
    for reference in found {
        let path = reference.strip_prefix('#').expect("all are within the document");
        assert!(document.pointer(path).is_some(), "{reference} leads nowhere");
    }
}
