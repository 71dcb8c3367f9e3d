//! A page of a shop, as far as the server can tell.

use serde_json::{Value, json};

use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::site::Site;

pub(super) const CREATE: &str = "/api/v1/chat/conversations";

/// A caller with the site key.
pub(super) fn page(site: &Site) -> Client {
    site.stranger().with("X-Site-Key", site.credential("widget_site_key"))
}

/// The body that creates a conversation.
pub(super) fn visitor(token: &str, message: &str) -> Value {
    json!({
        "name": "Jane Doe",
        "email": "jane@example.com",
        "message": message,
        "visitor_token": token,
    })
}

pub(super) async fn create(page: &Client, token: &str, message: &str) -> Answer {
    page.post(CREATE, &visitor(token, message)).await
}

pub(super) fn messages_of(token: &str) -> String {
    format!("{CREATE}/{token}/messages")
}

/// The messages of a visitor as they are listed.
pub(super) async fn messages(page: &Client, token: &str) -> Vec<Value> {
    list(page, &messages_of(token)).await
}

pub(super) async fn list(page: &Client, path: &str) -> Vec<Value> {
    let listed = page.get(path).await.expect(200);
    listed.as_array().expect("an array").clone()
}

pub(super) fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["body"].as_str().expect("a body")).collect()
}

/// Checks a refusal against the page: its status and its very text.
pub(super) fn assert_refused(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.expect(status), json!({ "error": text }));
}
