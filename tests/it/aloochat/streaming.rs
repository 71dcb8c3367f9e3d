//! *Streaming Chat with SSE*: the six types of events, and resuming.

use std::collections::BTreeSet;

use serde_json::Value;

use super::stage::{CONVERSATIONS, STREAM, developer, form, stream, text};
use crate::harness::feed::{Feed, SseEvent};
use crate::harness::site::{Engine, Site, apply, both_engines};

/// The reply that `agent_text_chunk`s make.
fn joined(events: &[SseEvent]) -> String {
    let chunks = events.iter().filter(|event| event.name == "agent_text_chunk");
    chunks.map(|event| text(&event.data, "content")).collect()
}

fn assert_shape(event: &SseEvent, conversation: &Value) {
    assert_eq!(event.data["type"], event.name.as_str());
    assert!(event.data["content"].is_string());
    assert_eq!(&event.data["conversation_id"], conversation);
    assert!(!event.id.is_empty());
}

async fn whole(site: &Site, query: &str) -> Vec<SseEvent> {
    stream(&developer(site), form(site, &[("query", query)])).await.rest().await
}

#[apply(both_engines)]
async fn a_stream_starts_says_the_reply_in_chunks_and_ends(engine: Engine) {
    let site = Site::start(engine).await;
    let events = whole(&site, "Tell me about your opening hours").await;
    let conversation = &events[0].data["conversation_id"];
    events.iter().for_each(|event| assert_shape(event, conversation));
    assert_eq!(events[0].name, "start");
    let end = events.last().expect("an end");
    assert_eq!(end.name, "end");
    assert_eq!(end.data["was_resolved"], true);
    assert!(end.data["response_time_ms"].is_u64());
    assert_eq!(end.data["message_id"], events[0].data["message_id"]);
    let kinds: Vec<_> =
        events[1..events.len() - 1].iter().map(|event| event.name.as_str()).collect();
    assert!(kinds.iter().filter(|kind| **kind == "agent_text_chunk").count() > 1, "{kinds:?}");
    let intent = events.iter().find(|event| event.name == "chunk").expect("the intent");
    assert_eq!(intent.data["kind"], "intent");
    let path = format!("{CONVERSATIONS}/{}/messages", conversation.as_str().expect("an id"));
    let history = developer(&site).get(&path).await.expect(200);
    assert_eq!(history["messages"][1]["content"], joined(&events));
}

#[apply(both_engines)]
async fn a_stream_that_is_handed_over_ends_without_a_text(engine: Engine) {
    let site = Site::start(engine).await;
    let events = whole(&site, "I want to talk to a human").await;
    let kinds: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(kinds, ["start", "end"]);
    assert_eq!(events[1].data["was_resolved"], false);
}

#[apply(both_engines)]
async fn where_nobody_can_answer_the_stream_says_error(engine: Engine) {
    let site = Site::with_bot(
        engine,
        &serde_json::json!({
            "kind": "remote", "name": "Nowhere", "url": "http://127.0.0.1:1/"
        }),
    )
    .await;
    let fields = [("query", "Hello")];
    let events = stream(&developer(&site), form(&site, &fields)).await.rest().await;
    // The demo's person takes over where the bot fails; only the types are the page's.
    assert!(events.iter().all(|event| {
        ["start", "transcribed_text", "agent_text_chunk", "chunk", "end", "error"]
            .contains(&event.name.as_str())
    }));
}

#[apply(both_engines)]
async fn a_stream_is_resumed_after_any_of_its_events(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    let events = whole(&site, "Tell me about your opening hours").await;
    let message = text(&events[0].data, "message_id").to_owned();
    let reply = joined(&events);
    let path = format!("{STREAM}/{message}");
    for (place, event) in events.iter().enumerate() {
        let resumed = resume(&developer.with("Last-Event-ID", &event.id), &path).await.rest().await;
        let seen = joined(&events[..=place]);
        assert_eq!(format!("{seen}{}", joined(&resumed)), reply, "after {}", event.id);
        assert_eq!(resumed.last().expect("an end").name, "end");
    }
    let conversation = text(&events[0].data, "conversation_id");
    let again = format!("{path}?conversation_id={conversation}");
    let again = resume(&developer, &again).await.rest().await;
    assert_eq!(again[0].name, "start");
    assert_eq!(joined(&again), reply);
}

#[apply(both_engines)]
async fn a_reply_that_is_told_whole_is_told_once(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    let asked = whole(&site, "Tell me about your opening hours").await;
    let path = format!("{STREAM}/{}", text(&asked[0].data, "message_id"));
    let from_start = format!("{path}?conversation_id={}", text(&asked[0].data, "conversation_id"));
    let told = resume(&developer, &from_start).await.rest().await;
    let seen: BTreeSet<_> = told.iter().map(|event| &event.id).collect();
    assert!(seen.len() > 1, "the start and the reply are two places");
    for (place, event) in told.iter().enumerate() {
        let resumed = resume(&developer.with("Last-Event-ID", &event.id), &path).await.rest().await;
        let all = format!("{}{}", joined(&told[..=place]), joined(&resumed));
        assert_eq!(all, joined(&asked), "after {} {}", event.name, event.id);
    }
}

#[apply(both_engines)]
async fn a_turn_is_judged_as_it_ended_whenever_it_is_asked_for(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    let asked = whole(&site, "Tell me about your opening hours").await;
    let conversation = text(&asked[0].data, "conversation_id");
    let fields = [("conversation_id", conversation), ("query", "I want to talk to a human")];
    stream(&developer, form(&site, &fields)).await.rest().await;
    let path = format!("{STREAM}/{}", text(&asked[0].data, "message_id"));
    let from_start = format!("{path}?conversation_id={conversation}");
    let told = resume(&developer, &from_start).await.rest().await;
    assert_eq!(told.last().expect("an end").data, asked.last().expect("an end").data);
    assert_eq!(told.last().expect("an end").data["was_resolved"], true);
}

async fn resume(client: &crate::harness::Client, path: &str) -> Feed {
    client.stream(path, None).await
}

#[apply(both_engines)]
async fn a_stream_of_another_account_or_of_no_message_is_not_there(engine: Engine) {
    let site = Site::with_accounts(engine, &["One", "Two"]).await;
    let other = site.stranger().with("x-api-token", site.credential_of(1, "aloochat_api_token"));
    let events = whole(&site, "How can I pay?").await;
    let path = format!("{STREAM}/{}", text(&events[0].data, "message_id"));
    other.with("Last-Event-ID", &events[0].id).get(&path).await.expect(404);
    let ours = developer(&site);
    for unreadable in ["nonsense", "é"] {
        let resumed = ours.with("Last-Event-ID", unreadable);
        let named = format!("{path}?conversation_id={}", text(&events[0].data, "conversation_id"));
        resumed.get(&named).await.expect(400);
    }
    ours.get(&path).await.expect(400);
    let conversation = text(&events[0].data, "conversation_id");
    let never = ours.with("Last-Event-ID", &format!("{conversation}/9999999999999999"));
    let refused = never.get(&path).await.expect(400);
    assert_eq!(refused["error"], "UnknownCursor", "the log never had this place: {refused}");
    let nothing = format!("{STREAM}/{}", "0".repeat(32));
    ours.with("Last-Event-ID", &events[0].id).get(&nothing).await.expect(404);
}
