//! *Send a message* with `Accept: text/event-stream`: `start`, `chunk`s, `end`, with ids that
//! resume on the live surface.

use serde_json::{Value, json};

use super::shapes::{SEND, assert_refused, assert_sent, history_of, text};
use crate::harness::Client;
use crate::harness::feed::{SseEvent, assembled};
use crate::harness::site::{Engine, Site, apply, both_engines};
use crate::harness::wait::within;

async fn streamed(client: &Client, body: &Value) -> Vec<SseEvent> {
    client.stream(SEND, Some(body)).await.rest().await
}

/// The events between `start` and `end`, and the answer in `end`.
fn dissected(events: &[SseEvent]) -> (&[SseEvent], Value) {
    let [start, chunks @ .., end] = events else { panic!("start and end at least: {events:?}") };
    assert_eq!((start.name.as_str(), end.name.as_str()), ("start", "end"), "{events:#?}");
    let answer = assert_sent(end.data.clone());
    for field in ["conversation_id", "contact_id", "message_id"] {
        assert_eq!(start.data[field], answer[field], "start tells the ids already");
    }
    for chunk in chunks {
        assert_eq!(chunk.name, "chunk");
        assert_eq!(chunk.data.as_object().map(|data| data.len()), Some(1), "{chunk:?}");
    }
    assert!(events.iter().all(|event| !event.id.is_empty()), "every event can be resumed from");
    (chunks, answer)
}

fn joined(chunks: &[SseEvent]) -> String {
    chunks.iter().map(|chunk| text(&chunk.data, "text")).collect()
}

#[apply(both_engines)]
async fn the_chunks_joined_are_the_reply_and_the_end_is_the_whole_answer(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let body = json!({ "message": "what are your opening hours?" });
    let events = streamed(&client, &body).await;
    let (chunks, answer) = dissected(&events);
    assert!(chunks.len() > 2, "streamed in pieces, not at once: {chunks:?}");
    assert_eq!(joined(chunks), text(&answer["reply"], "text"));
    assert_eq!(answer["status"], "bot");
    assert_eq!(answer["intent"], "business_hours");
    let plain = client.post(SEND, &body).await.expect(200);
    assert_eq!(answer["reply"], plain["reply"], "both forms say the same");
    let page = client.get(&history_of(text(&answer, "conversation_id"))).await.expect(200);
    assert_eq!(page["paging"]["total"], 2);
    assert_eq!(page["messages"][1]["text"], answer["reply"]["text"]);
}

/// `stream_message`: for clients that are made from the document, where one answer has one type.
#[apply(both_engines)]
async fn the_path_of_the_stream_is_the_same_thing_whatever_is_accepted(engine: Engine) {
    let site = Site::start(engine).await;
    let body = json!({ "message": "what are your opening hours?" });
    let by_accept = streamed(&site.client(), &body).await;
    let path = format!("{SEND}/stream");
    let answer = site.client().with("Accept", "*/*").post(&path, &body).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/event-stream"));
    let by_path = site.client().stream(&path, Some(&body)).await.rest().await;
    let (chunks, answer) = dissected(&by_path);
    assert_eq!(joined(chunks), joined(dissected(&by_accept).0));
    let keyed = site.client().with("Idempotency-Key", "once");
    let plain = keyed.post(SEND, &body).await.expect(200);
    let again = keyed.stream(&path, Some(&body)).await.rest().await;
    assert_eq!(dissected(&again).1, plain, "a key is the same on both paths");
    assert_refused(&site.stranger().post(&path, &body).await, 401, "unauthorized");
    assert_refused(&site.client().post(&path, &json!({})).await, 400, "invalid_request");
    assert_refused(&site.client().get(&path).await, 405, "method_not_allowed");
    assert_eq!(answer["status"], "bot");
}

#[apply(both_engines)]
async fn a_reply_in_another_script_is_cut_between_characters(engine: Engine) {
    let site = Site::start(engine).await;
    let events = streamed(&site.client(), &json!({ "message": "आपके खुलने का समय क्या है?" })).await;
    let (chunks, answer) = dissected(&events);
    assert_eq!(joined(chunks), text(&answer["reply"], "text"));
    assert_eq!(answer["language"], "hi");
}

#[apply(both_engines)]
async fn a_hand_over_has_no_chunks(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let events = streamed(&client, &json!({ "message": "I want to talk to a human" })).await;
    let (chunks, answer) = dissected(&events);
    assert!(chunks.is_empty(), "{chunks:?}");
    assert_eq!(answer["status"], "queued_for_agent");
    let later = json!({ "message": "hello?", "conversation_id": answer["conversation_id"] });
    let later = within("a turn that nobody answers ends", streamed(&client, &later)).await;
    assert_eq!(dissected(&later).1["status"], "queued_for_agent");
}

#[apply(both_engines)]
async fn when_nobody_is_available_the_stream_ends_and_says_so(engine: Engine) {
    let site = Site::with_account(engine, &["--no-bot", "--no-agent"]).await;
    let events = streamed(&site.client(), &json!({ "message": "Hello" })).await;
    let (chunks, answer) = dissected(&events);
    assert!(chunks.is_empty(), "{chunks:?}");
    assert_eq!(answer["status"], "unavailable");
}

#[apply(both_engines)]
async fn any_id_resumes_on_the_live_surface(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let events = streamed(&client, &json!({ "message": "what are your opening hours?" })).await;
    let (chunks, answer) = dissected(&events);
    let reply = text(&answer["reply"], "text");
    let conversation = text(&answer, "conversation_id");
    for seen in [0, 1, chunks.len() / 2, chunks.len()] {
        // events[0] is `start`; after it no text was seen.
        let path =
            format!("/live/v1/conversations/{conversation}/stream?after={}", events[seen].id);
        let frames = client.stream(&path, None).await.until("message.outbound").await;
        let outbound = &frames.last().expect("the reply").data["data"];
        assert_eq!(outbound["text"], reply);
        assert_eq!(outbound["in_reply_to"], answer["message_id"]);
        let rest: String = frames
            .iter()
            .filter(|frame| frame.name == "reply.chunk")
            .map(|frame| text(&frame.data["data"], "text"))
            .collect();
        if seen > 0 {
            assert_eq!(joined(&chunks[..seen]) + &rest, reply, "no character is lost or doubled");
        }
    }
    let path = format!(
        "/live/v1/conversations/{conversation}/events?after={}",
        events[events.len() - 1].id
    );
    let after_end = client.get(&path).await.expect(200);
    assert_eq!(after_end["events"], json!([]), "the end is the end");
}

#[apply(both_engines)]
async fn a_refusal_is_json_whatever_was_asked_for(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client().with("Accept", "text/event-stream");
    let answer = client.post(SEND, &json!({ "message": "" })).await;
    assert_refused(&answer, 400, "invalid_request");
    let unknown = json!({ "message": "Hello", "conversation_id": "cv_7Hq2Lm8pR1vXc0" });
    assert_refused(&client.post(SEND, &unknown).await, 404, "not_found");
}

#[apply(both_engines)]
async fn only_who_asks_for_a_stream_gets_one(engine: Engine) {
    let site = Site::start(engine).await;
    for accept in [
        "application/json",
        "*/*",
        "text/html, */*;q=0.8",
        "text/*",
        "application/json, text/event-stream;q=0.9",
        "text/event-stream;q=0.5, */*",
    ] {
        let client = site.client().with("Accept", accept);
        let answer = client.post(SEND, &json!({ "message": "Hello" })).await;
        assert_sent(answer.expect(200));
    }
    for accept in ["text/event-stream", "application/json;q=0.8, text/event-stream;q=0.9"] {
        let client = site.client().with("Accept", accept);
        let answer = client.post(SEND, &json!({ "message": "Hello" })).await;
        assert!(answer.header("content-type").starts_with("text/event-stream"), "{accept}");
        assert!(answer.header("cache-control").contains("no-"), "{accept}: nothing may keep it");
    }
}

#[apply(both_engines)]
async fn a_watched_message_is_answered_in_the_same_shape_while_readers_see_it_made(engine: Engine) {
    let site = Site::start(engine).await;
    // Whether somebody watches is known where they do: elsewhere the answer is given at once.
    let client = site.one().client_with(site.key());
    let first = client.say(None, "Hello").await;
    let conversation = text(&first, "conversation_id");
    let path = format!("/live/v1/conversations/{conversation}/stream");
    let mut reader = client.stream(&path, None).await;
    let body = json!({
        "message": "what are your opening hours?", "conversation_id": conversation,
    });
    let (answer, frames) = tokio::join!(client.post(SEND, &body), reader.until("message.outbound"));
    let sent = assert_sent(answer.expect(200));
    assert_eq!((&sent["status"], &sent["intent"]), (&json!("bot"), &json!("business_hours")));
    let outbound = &frames.last().expect("the reply").data["data"];
    assert_eq!(outbound["text"], sent["reply"]["text"]);
    let reply_id = text(outbound, "message_id");
    assert_eq!(assembled(&frames, reply_id), text(&sent["reply"], "text"));
    assert!(frames.iter().filter(|frame| frame.name == "reply.chunk").count() > 2);

    let human = json!({ "message": "I want to talk to a human", "conversation_id": conversation });
    let (answer, _) =
        tokio::join!(client.post(SEND, &human), reader.until("conversation.escalated"));
    assert_eq!(assert_sent(answer.expect(200))["status"], "queued_for_agent");
}
