//! Events are read for ever: `events.v1.jsonl` has one example of every type, and of every form a
//! type has had. It must still be read, and written again to the same JSON.
//!
//! Lines may be added. A line that had to be changed is an event in somebody's log that can no
//! longer be read.

use std::collections::BTreeSet;

use parlor::domain::event::{Body, Event, FailureReason};

const EXAMPLES: &str = include_str!("../events.v1.jsonl");

/// The examples, read.
pub(super) fn examples() -> Vec<Event> {
    let read = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| {
            panic!("an old event cannot be read any more ({error}): mend its type.\n{line}")
        })
    };
    EXAMPLES.lines().map(read).collect()
}

#[test]
fn every_old_event_is_read_and_written_as_it_was() {
    for (line, event) in EXAMPLES.lines().zip(examples()) {
        let written = serde_json::to_string(&event).expect("events can be written");
        assert_eq!(written, line, "readers of the log would see another {}", event.body.name());
    }
}

#[test]
fn every_type_has_an_example() {
    let shown: BTreeSet<_> = examples().iter().map(|event| event.body.name()).collect();
    let known: BTreeSet<_> = Event::schemas().into_iter().map(|(name, _)| name).collect();
    let missing: Vec<_> = known.difference(&shown).collect();
    assert!(missing.is_empty(), "add a line to events.v1.jsonl for {missing:?}");
}

#[test]
fn fields_that_came_later_may_be_missing() {
    // As written before settings had limits and origins.
    let old = r#"{"id":"evt_1","type":"settings.changed","at":"2026-06-16T10:00:00.000Z","account":"ac_1","key":"ac_1","data":{"settings":{"brand":"Acme"}}}"#;
    let event: Event = serde_json::from_str(old).expect("an old event");
    assert_eq!(event.body.name(), "settings.changed");
}

#[test]
fn a_reason_of_a_later_release_is_read_as_a_failure() {
    let fails = |event: &&Event| event.body.name() == "reply.failed";
    let known = examples().into_iter().find(|event| fails(&event)).expect("an example");
    let mut later = serde_json::to_value(&known).expect("JSON");
    later["data"]["reason"] = "moon_in_the_wrong_house".into();
    let read: Event =
        serde_json::from_str(&later.to_string()).expect("the turn has ended, whatever the reason");
    let Body::ReplyFailed(failed) = read.body else { panic!("{read:?}") };
    assert_eq!(failed.reason, FailureReason::BotFailed);
}

#[test]
fn an_unknown_type_is_refused_and_not_skipped() {
    let unknown = r#"{"id":"evt_1","type":"message.vanished","at":"2026-06-16T10:00:00.000Z","account":"ac_1","key":"ct_1","data":{}}"#;
    let refused = serde_json::from_str::<Event>(unknown).expect_err("not a type we know");
    assert!(refused.to_string().contains("message.vanished"), "{refused}");
}

#[test]
fn the_schema_of_every_type_allows_its_examples() {
    for event in examples() {
        let name = event.body.name();
        let schema = Event::schemas().into_iter().find(|(known, _)| *known == name);
        let schema = schema.expect("listed").1.to_value();
        let written = serde_json::to_value(&event).expect("JSON");
        let data = written["data"].as_object().expect("an object");
        let properties = schema["properties"].as_object().expect("an object's schema");
        for field in data.keys() {
            assert!(properties.contains_key(field), "{name}: {field} is not in the schema");
        }
        for field in schema["required"].as_array().into_iter().flatten() {
            let field = field.as_str().expect("a name");
            assert!(data.contains_key(field), "{name}: {field} is required and not there");
        }
    }
}
