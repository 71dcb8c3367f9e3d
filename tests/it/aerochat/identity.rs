//! The optional `contact` of a sent message (seed 000): merged into the contact, and only what
//! really changes is an event (`contact.updated`, whose `changed_fields` "lists exactly what
//! changed"). The log is not readable over HTTP: the engine is asked.

use parlor::domain::event::Body;
use parlor::engine::Topic;
use serde_json::{Value, json};

use super::shapes::{SEND, assert_contact, assert_sent, contact_at, text};
use crate::harness::Client;
use crate::harness::site::{Engine, Site, apply, both_engines};

async fn tell(client: &Client, conversation: Option<&str>, contact: Value) -> Value {
    let body = json!({
        "message": "Thanks", "conversation_id": conversation, "contact": contact,
    });
    assert_sent(client.post(SEND, &body).await.expect(200))
}

async fn contact(client: &Client, id: &str) -> Value {
    assert_contact(client.get(&contact_at(id)).await.expect(200))
}

#[apply(both_engines)]
async fn a_contact_is_what_the_first_message_says_of_it(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let given = json!({
        "name": "Jane Doe", "email": "jane@example.com", "phone": "+1 (555) 123-4567",
    });
    let sent = tell(&client, None, given).await;
    let contact = contact(&client, text(&sent, "contact_id")).await;
    assert_eq!(contact["contact_id"], sent["contact_id"]);
    assert_eq!(contact["name"], "Jane Doe");
    assert_eq!(contact["email"], "jane@example.com");
    assert_eq!(contact["phone"], "+15551234567", "separators are dropped");
    assert_eq!(contact["created_at"], sent["created_at"]);
}

#[apply(both_engines)]
async fn an_unnamed_contact_is_called_guest_and_six_digits(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let mut names = std::collections::BTreeSet::new();
    for given in [Value::Null, json!({}), json!({ "name": null }), json!({ "name": "  " })] {
        let sent = tell(&client, None, given).await;
        let contact = contact(&client, text(&sent, "contact_id")).await;
        let name = text(&contact, "name").to_owned();
        let digits = name.strip_prefix("Guest").expect("Guest and six digits");
        assert_eq!(digits.len(), 6, "{name}");
        assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{name}");
        assert_eq!((&contact["email"], &contact["phone"]), (&Value::Null, &Value::Null));
        names.insert(name);
    }
    assert!(names.len() > 1, "guests are told apart: {names:?}");
}

#[apply(both_engines)]
async fn later_messages_merge_what_they_tell(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let sent = tell(&client, None, Value::Null).await;
    let (conversation, id) = (text(&sent, "conversation_id"), text(&sent, "contact_id"));
    let guest = contact(&client, id).await;

    tell(&client, Some(conversation), json!({ "email": "jane@example.com" })).await;
    let known = contact(&client, id).await;
    assert_eq!(known["name"], guest["name"], "what is not told stays");
    assert_eq!(known["email"], "jane@example.com");
    assert_eq!(known["phone"], Value::Null);

    tell(&client, Some(conversation), json!({ "name": "Jane Doe", "email": null })).await;
    let named = contact(&client, id).await;
    assert_eq!(named["name"], "Jane Doe");
    assert_eq!(named["email"], "jane@example.com", "null tells nothing");
    assert_eq!(named["created_at"], guest["created_at"]);
    assert!(text(&named, "last_seen") >= text(&guest, "last_seen"));
}

#[apply(both_engines)]
async fn only_real_changes_are_events_and_they_name_exactly_what_changed(engine: Engine) {
    let mut site = Site::start(engine).await;
    let client = site.client();
    let sent = tell(&client, None, Value::Null).await;
    let conversation = text(&sent, "conversation_id");
    let jane = json!({ "name": "Jane Doe", "email": "jane@example.com" });
    for given in [
        json!({ "name": "Jane Doe", "email": "jane@example.com" }),
        jane.clone(),
        json!({}),
        json!({ "name": " Jane Doe ", "phone": "" }),
        json!({ "name": "Jane Doe", "phone": "+1 555 123 4567" }),
        json!({ "phone": "+15551234567" }),
        json!({ "name": "Jane Roe", "email": "roe@example.com", "phone": "12345" }),
    ] {
        tell(&client, Some(conversation), given).await;
    }

    let events = site.events(Topic::Events).await;
    let changes: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            Body::ContactUpdated(data) => Some(serde_json::to_value(data).expect("JSON")),
            _ => None,
        })
        .collect();
    let id = &sent["contact_id"];
    let expected = [
        json!({
            "contact_id": id, "changed_fields": ["name", "email"], "name": "Jane Doe",
            "email": "jane@example.com", "phone": null, "channel": "api",
        }),
        json!({
            "contact_id": id, "changed_fields": ["phone"], "name": "Jane Doe",
            "email": "jane@example.com", "phone": "+15551234567", "channel": "api",
        }),
        json!({
            "contact_id": id, "changed_fields": ["name", "email", "phone"], "name": "Jane Roe",
            "email": "roe@example.com", "phone": "12345", "channel": "api",
        }),
    ];
    assert_eq!(changes, expected, "each real change once, and nothing else");
    let created = events.iter().filter(|event| event.body.name() == "contact.created").count();
    assert_eq!(created, 1, "one person, one contact");
}

#[apply(both_engines)]
async fn a_refused_message_changes_no_contact(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let sent = tell(&client, None, json!({ "name": "Jane Doe" })).await;
    let id = text(&sent, "contact_id");
    let before = contact(&client, id).await;
    let body = json!({
        "message": " ", "conversation_id": sent["conversation_id"], "contact": { "name": "Eve" },
    });
    client.post(SEND, &body).await.expect(400);
    assert_eq!(contact(&client, id).await, before);
}
