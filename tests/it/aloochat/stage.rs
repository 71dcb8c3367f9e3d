//! A developer with a token.

use parlor::domain::ids::{BotId, Id as _};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::Value;

use crate::harness::Client;
use crate::harness::feed::Feed;
use crate::harness::http::Answer;
use crate::harness::site::Site;

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

/// The key of another agent of the account.
pub(super) async fn other_agent(site: &mut Site) -> String {
    let listed = site.run(&["bot", "list"]).await;
    let ours = site.default_bot();
    let mut bots = listed.lines().filter_map(|line| line.split_whitespace().next());
    let other: BotId = bots.find(|bot| *bot != ours).expect("another bot").parse().expect("an id");
    format!("agent:{}:chat:local", other.uuid())
}

/// Deploys the site's bot under another name: another version.
pub(super) async fn deploy_anew(site: &mut Site) {
    let shown = site.run(&["bot", "show", "--version", "1"]).await;
    let mut definition: Value = serde_json::from_str(&shown).expect("a definition");
    definition["name"] = "The new one".into();
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), definition.to_string()).expect("written");
    site.run(&["bot", "deploy", "--file", file.path().to_str().expect("UTF-8")]).await;
}

/// The UUID in an agent's key.
pub(super) fn agent_id(site: &Site) -> String {
    let key = site.credential("aloochat_agent_key");
    key.split(':').nth(1).expect("a UUID").to_owned()
}
