//! A developer with a token.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use super::Site;
use crate::harness::Client;
use crate::harness::feed::Feed;
use crate::harness::http::Answer;

pub(super) const CONVERSATIONS: &str = "/api/v1/chat/conversations";
pub(super) const CHAT: &str = "/api/v1/chat/agent/chat";
pub(super) const STREAM: &str = "/api/v1/chat/agent/stream";

pub(super) fn developer(site: &Site) -> Client {
    site.stranger().with("x-api-token", site.credential("aloochat_api_token"))
}

/// The fields of a form, with the agent's key before them.
pub(super) fn form(site: &Site, fields: &[(&str, &str)]) -> Form {
    let agent = site.credential("aloochat_agent_key").to_owned();
    fields_of(fields).text("agent_key", agent)
}

pub(super) fn fields_of(fields: &[(&str, &str)]) -> Form {
    let text = |form: Form, (name, value): &(&str, &str)| {
        form.text((*name).to_owned(), (*value).to_owned())
    };
    fields.iter().fold(Form::new(), text)
}

pub(super) fn recording(bytes: &[u8], name: &str) -> Part {
    Part::bytes(bytes.to_vec()).file_name(name.to_owned())
}

pub(super) async fn send(client: &Client, path: &str, form: Form) -> Answer {
    let request = client.request(Method::POST, path).multipart(form);
    client.try_send(request).await.expect("an answer")
}

/// Asks for a stream, as the page's example does.
pub(super) async fn stream(client: &Client, form: Form) -> Feed {
    let request = client.request(Method::POST, STREAM).multipart(form);
    let response = request.header("Accept", "text/event-stream").send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    Feed::new(response)
}

pub(super) async fn ask(client: &Client, site: &Site, query: &str) -> Value {
    send(client, CHAT, form(site, &[("query", query)])).await.expect(200)
}

pub(super) async fn patch(client: &Client, path: &str, body: &Value) -> Answer {
    client.raw("PATCH", path, "application/json", &body.to_string()).await
}

pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("{field} in {value}"))
}

/// The UUID in an agent's key.
pub(super) fn agent_id(site: &Site) -> String {
    let key = site.credential("aloochat_agent_key");
    key.split(':').nth(1).expect("a UUID").to_owned()
}
