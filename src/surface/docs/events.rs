//! The AsyncAPI document as a page: the frames of the live feed, the WebSocket's commands and the
//! topics of the log.

use maud::{Markup, html};
use serde_json::Value;

use super::markdown::prose;
use super::page::Group;
use super::schema::{described, resolved};

const TITLES: [(&str, &str); 2] = [("feed", "The live feed"), ("socket", "The WebSocket")];

/// What the menu shows of it.
pub(super) fn contents(document: &Value) -> Vec<Group> {
    let group = |(name, channel): (&String, &Value)| Group {
        name: Some(title(name, channel).to_owned()),
        entries: messages(document, name, channel)
            .into_iter()
            .map(|(id, message)| (id, message["name"].as_str().unwrap_or_default().to_owned()))
            .collect(),
    };
    channels(document).map(group).collect()
}

/// The text of the page.
pub(super) fn body(document: &Value) -> Markup {
    html! {
        h1 { "Frames and events" }
        p class="lead" { "What the live feed sends, and what the log holds." }
        (prose(document["info"]["description"].as_str().unwrap_or_default()))
        p {
            "The document: " a href="/docs/asyncapi.yaml" { "asyncapi.yaml" } " (AsyncAPI 3.0)."
        }
        @for (name, channel) in channels(document) {
            h2 id={ "channel-" (name) } { (title(name, channel)) }
            p class="call" { code { (channel["address"].as_str().unwrap_or_default()) } }
            (prose(channel["description"].as_str().unwrap_or_default()))
            @for (id, message) in messages(document, name, channel) { (shown(document, &id, message)) }
        }
    }
}

fn channels(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    document["channels"].as_object().into_iter().flatten()
}

fn title<'a>(name: &'a str, channel: &'a Value) -> &'a str {
    let ours = TITLES.iter().find(|(known, _)| *known == name).map(|(_, title)| *title);
    channel["title"].as_str().or(ours).unwrap_or(name)
}

/// A channel's messages with ids of their own. What the WebSocket has of the feed stands there.
fn messages<'a>(document: &'a Value, name: &str, channel: &'a Value) -> Vec<(String, &'a Value)> {
    let all = channel["messages"].as_object().into_iter().flatten();
    let shown = all.filter(|(key, _)| name != "socket" || key.starts_with("Command"));
    shown.map(|(key, message)| (key.clone(), resolved(document, message))).collect()
}

fn shown(document: &Value, id: &str, message: &Value) -> Markup {
    let name = message["name"].as_str().unwrap_or_default();
    // Of a frame, what differs from others is its `data`.
    let payload = &message["payload"];
    let data = &payload["properties"]["data"];
    let (what, schema) =
        if data.is_object() { ("Fields of data", data) } else { ("Fields", payload) };
    html! {
        article class="message" aria-labelledby=(id) {
            h3 id=(id) { a href={ "#" (id) } { code { (name) } } }
            @if let Some(title) = message["title"].as_str().filter(|title| *title != name) {
                p { (title) "." }
            }
            @if let Some(summary) = message["summary"].as_str() { (prose(summary)) }
            details {
                summary { (what) }
                (described(document, schema))
            }
        }
    }
}
