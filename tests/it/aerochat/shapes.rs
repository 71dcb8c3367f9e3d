//! What AeroChat's answers look like (seed 000): every field, its type and whether it may be null.
//!
//! A field too many fails like a field too few, so that the page and the wire stay one.

use serde_json::Value;

use crate::harness::http::Answer;

/// Where a message is sent.
pub const SEND: &str = "/bot/v1/conversations/messages";

/// The path of a conversation's messages.
pub fn history_of(conversation: &str) -> String {
    format!("/bot/v1/conversations/{conversation}/messages")
}

/// The path of a contact.
pub fn contact_at(contact: &str) -> String {
    format!("/bot/v1/contacts/{contact}")
}

/// A string field's text.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    let found = value[field].as_str();
    found.unwrap_or_else(|| panic!("{field} must be a string: {value:#}"))
}

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().unwrap_or_else(|| panic!("must be an object: {value}"));
    object.keys().map(String::as_str).collect()
}

/// Whether a text is `prefix` and base62, as opaque ids are.
pub fn is_id(prefix: &str, text: &str) -> bool {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a text is a message's id: lowercase hex, as in the page's examples.
pub fn is_message_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a text is a time as the page writes it: `2026-06-16T10:00:00Z`.
pub fn is_time(text: &str) -> bool {
    const PATTERN: &[u8] = b"0000-00-00T00:00:00Z";
    let fits = |(byte, pattern): (u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        other => byte == *other,
    };
    text.len() == PATTERN.len() && text.bytes().zip(PATTERN).all(fits)
}

/// Checks the answer to a sent message; gives it back.
pub fn assert_sent(answer: Value) -> Value {
    let fields = [
        "conversation_id",
        "contact_id",
        "message_id",
        "status",
        "reply",
        "intent",
        "language",
        "created_at",
    ];
    assert_eq!(keys(&answer), fields, "the page's fields in the page's order: {answer:#}");
    assert!(is_id("cv_", text(&answer, "conversation_id")), "{answer:#}");
    assert!(is_id("ct_", text(&answer, "contact_id")), "{answer:#}");
    assert!(is_message_id(text(&answer, "message_id")), "{answer:#}");
    assert!(is_time(text(&answer, "created_at")), "{answer:#}");
    assert_eq!(text(&answer, "language").len(), 2, "{answer:#}");
    match text(&answer, "status") {
        "bot" => {
            assert_eq!(keys(&answer["reply"]), ["text"], "{answer:#}");
            assert!(!text(&answer["reply"], "text").is_empty(), "{answer:#}");
            assert!(answer["intent"].is_string() || answer["intent"].is_null(), "{answer:#}");
        }
        "queued_for_agent" | "unavailable" => {
            assert_eq!(answer["reply"], Value::Null, "nobody replied: {answer:#}");
            assert_eq!(answer["intent"], Value::Null, "no bot saw an intent: {answer:#}");
        }
        other => panic!("the page knows no status {other:?}: {answer:#}"),
    }
    answer
}

/// Checks a contact; gives it back.
pub fn assert_contact(contact: Value) -> Value {
    let fields = ["contact_id", "name", "email", "phone", "channel", "created_at", "last_seen"];
    assert_eq!(keys(&contact), fields, "the page's fields in the page's order: {contact:#}");
    assert!(is_id("ct_", text(&contact, "contact_id")), "{contact:#}");
    assert!(!text(&contact, "name").is_empty(), "{contact:#}");
    for field in ["email", "phone"] {
        let value = &contact[field];
        assert!(value.is_string() || value.is_null(), "{field}: {contact:#}");
    }
    assert_eq!(contact["channel"], "api", "{contact:#}");
    assert!(is_time(text(&contact, "created_at")), "{contact:#}");
    assert!(is_time(text(&contact, "last_seen")), "{contact:#}");
    contact
}

/// Checks a page of messages; gives it back.
pub fn assert_page(page: Value) -> Value {
    assert_eq!(keys(&page), ["messages", "paging"], "{page:#}");
    assert_eq!(keys(&page["paging"]), ["page", "limit", "total", "has_more"], "{page:#}");
    for message in page["messages"].as_array().expect("messages are a list") {
        assert_message(message);
    }
    page
}

fn assert_message(message: &Value) {
    let fields =
        ["message_id", "direction", "author", "text", "attachments", "language", "created_at"];
    assert_eq!(keys(message), fields, "the page's fields in the page's order: {message:#}");
    assert!(is_message_id(text(message, "message_id")), "{message:#}");
    assert!(is_time(text(message, "created_at")), "{message:#}");
    assert_eq!(message["attachments"], Value::Array(Vec::new()), "{message:#}");
    text(message, "text");
    text(message, "language");
    match (text(message, "direction"), text(&message["author"], "type")) {
        ("inbound", "customer") => assert_eq!(keys(&message["author"]), ["type"]),
        ("outbound", "bot" | "agent") => {
            assert_eq!(keys(&message["author"]), ["type", "name"]);
            assert!(!text(&message["author"], "name").is_empty());
        }
        other => panic!("the page knows no such direction and author: {other:?}"),
    }
}

/// Checks a refusal's whole shape; gives its message.
pub fn assert_refused(answer: &Answer, status: u16, kind: &str) -> String {
    assert_eq!(answer.status, status, "unexpected answer: {}", answer.text);
    let content = answer.header("content-type");
    assert!(content.starts_with("application/json"), "errors are JSON, not {content:?}");
    let body = answer.json();
    assert_eq!(keys(&body), ["detail"], "{body:#}");
    assert_eq!(keys(&body["detail"]), ["type", "message"], "{body:#}");
    assert_eq!(body["detail"]["type"], kind, "{body:#}");
    let message = text(&body["detail"], "message");
    assert!(!message.is_empty(), "an error says what was wrong");
    message.to_owned()
}

/// The texts of a page's messages.
pub fn texts(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array().expect("messages are a list");
    messages.iter().map(|message| text(message, "text")).collect()
}
