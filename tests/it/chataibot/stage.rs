//! A system that uses the chatbot's logic behind a widget of its own.

use serde_json::{Value, json};

use crate::harness::Client;
use crate::harness::site::Site;

pub(super) const START: &str = "/api/v1/conversations";

pub(super) fn system(site: &Site) -> Client {
    let token = format!("Bearer {}", site.credential("chataibot_token"));
    site.stranger().with("Authorization", &token)
}

/// The page's example, with the bot's key and the visitor's id put in.
pub(super) fn example(site: &Site, visitor: &str) -> Value {
    json!({
        "channel": "API",
        "message": { "data": { "body": "Hello" }, "type": "text" },
        "variables": {
            "system": {
                "timezone": "Asia/Calcutta",
                "referrerUrl": "https://chataibot.io",
                "browserLanguage": "en-GB"
            },
            "contact": {
                "name": "User Name",
                "email": "example@domain.com",
                "phone": "1234567890"
            },
            "conversation": { "variable": "value" }
        },
        "bot_key": site.credential("chataibot_bot_key"),
        "from": { "user_external_id": visitor, "type": "VISITOR" }
    })
}

pub(super) fn messages_of(conversation: &str) -> String {
    format!("/api/v1/conversation/{conversation}/messages")
}

/// The page's second example, with other words.
pub(super) fn says(text: &str) -> Value {
    json!({
        "message": { "data": { "body": text }, "type": "text" },
        "user": { "type": "VISITOR" }
    })
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {value}"))
}
