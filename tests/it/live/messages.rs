//! Sending on the live surface (`send_live_message`): what is answered, once per key, what is refused.

use futures_util::future::join_all;
use serde_json::json;

use super::stage::{ASK, STORY, Stage, names, rest_of_reply};
use crate::harness::feed::{SseEvent, assert_chained};
use crate::harness::site::{Engine, apply, both_engines};

#[apply(both_engines)]
async fn a_message_is_kept_and_says_where_it_stands(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let mut feed = client.stream(&thread.path("/stream"), None).await;
    let answer = client.post(&thread.path("/messages"), &json!({ "text": ASK })).await;
    let sent = answer.expect(201);
    let keys: Vec<_> = sent.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["message_id", "conversation_id", "cursor", "created_at"]);
    let frame = feed.next().await;
    assert_eq!(frame.name, "message.inbound");
    assert_eq!(frame.data["id"], sent["cursor"]);
    let data = &frame.data["data"];
    assert_eq!(data["message_id"], sent["message_id"]);
    assert_eq!(data["conversation_id"], sent["conversation_id"]);
    assert_eq!(data["created_at"], sent["created_at"]);
    assert_eq!((&data["text"], &data["direction"]), (&json!(ASK), &json!("inbound")));
    assert_eq!(data["author"], json!({ "type": "customer" }));
}

#[apply(both_engines)]
async fn the_same_key_sends_once(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let keyed = client.with("Idempotency-Key", "once");
    let sends = (0..8).map(|_| async { thread.send(&keyed, ASK).await });
    let answers = join_all(sends).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    let path = thread.path("/messages");
    let error = keyed.post(&path, &json!({ "text": "something else" })).await.expect(409);
    assert_eq!(error["error"]["type"], "idempotency_conflict");
    let other = thread.send(&client.with("Idempotency-Key", "twice"), ASK).await;
    assert_ne!(other["message_id"], answers[0]["message_id"]);
    let stored = thread.events(&client).await;
    assert_eq!(stored.iter().filter(|frame| frame["type"] == "message.inbound").count(), 2);
    let long = client.with("Idempotency-Key", &"x".repeat(256));
    long.post(&path, &json!({ "text": ASK })).await.expect(400);
}

/// `stream_live_message`.
#[apply(both_engines)]
async fn the_path_of_the_stream_is_the_same_thing_whatever_is_accepted(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let path = thread.path("/messages/stream");
    let keyed = client.with("Idempotency-Key", "once");
    let by_accept = thread.turn(&keyed, ASK).await;
    let end = |turn: &[SseEvent]| turn.last().expect("an end").data["data"].clone();
    let body = json!({ "text": ASK });
    let by_path = keyed.stream(&path, Some(&body)).await.rest().await;
    assert_eq!(end(&by_path), end(&by_accept), "a key is the same on both paths");
    let answer = keyed.with("Accept", "application/json").post(&path, &body).await;
    assert_eq!((answer.status, answer.header("content-type")), (201, "text/event-stream"));
    let error = client.post(&path, &json!({})).await.expect(400);
    assert_eq!(error["error"]["type"], "invalid_request");
    client.get(&path).await.expect(405);
}

#[apply(both_engines)]
async fn a_turn_that_is_over_is_streamed_again_for_the_same_key(engine: Engine) {
    let stage = Stage::with_pace(engine, 30).await;
    let (thread, client) = stage.conversation().await;
    let keyed = client.with("Idempotency-Key", "once");
    let first = thread.turn(&keyed, ASK).await;
    let again = thread.turn(&keyed, ASK).await;
    assert_eq!(names(&again), ["message.outbound"]);
    assert_eq!(again[0].data["data"], first.last().expect("an end").data["data"]);
}

#[apply(both_engines)]
async fn what_is_wrong_with_a_message_is_said_by_field(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let path = thread.path("/messages");
    for body in [
        json!({}),
        json!({ "text": null }),
        json!({ "text": "" }),
        json!({ "text": " \n\t" }),
        json!({ "text": 5 }),
        json!({ "text": ["a"] }),
    ] {
        let error = client.post(&path, &body).await.expect(400);
        assert_eq!(error["error"]["type"], "invalid_request", "{body}");
        assert!(error["error"]["fields"]["text"].is_string(), "{body}: {error}");
    }
    for (kind, text) in
        [("application/json", "{"), ("application/json", "[]"), ("application/json", "")]
    {
        let error = client.raw("POST", &path, kind, text).await.expect(400);
        assert_eq!(error["error"]["type"], "invalid_request", "{text}");
    }
    let longest = json!({ "text": "é".repeat(10_000) });
    client.post(&path, &longest).await.expect(201);
    let error = client.post(&path, &json!({ "text": "é".repeat(10_001) })).await.expect(413);
    assert_eq!(error["error"]["type"], "too_large");
    let inbound = thread.events(&client).await;
    let inbound = inbound.iter().filter(|frame| frame["type"] == "message.inbound");
    assert_eq!(inbound.count(), 1, "what is refused is not kept");
}

#[apply(both_engines)]
async fn an_unknown_conversation_takes_no_message(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    for id in ["cv_1", "nonsense"] {
        let path = format!("/live/v1/conversations/{id}/messages");
        let error = stage.key.post(&path, &json!({ "text": ASK })).await.expect(404);
        assert_eq!(error["error"]["type"], "not_found");
        stage.site.stranger().post(&path, &json!({ "text": ASK })).await.expect(401);
    }
}

#[apply(both_engines)]
async fn send_and_stream_is_the_turn_and_ends_with_it(engine: Engine) {
    let stage = Stage::with_pace(engine, 20).await;
    let (thread, client) = stage.conversation().await;
    let frames = thread.turn(&client, ASK).await;
    assert_chained(&frames);
    assert_eq!(frames[0].name, "reply.started");
    assert_eq!(frames.last().map(|frame| frame.name.as_str()), Some("message.outbound"));
    assert_eq!(rest_of_reply(&frames, 0), STORY);
    let inbound = &thread.events(&client).await[1];
    assert_eq!(frames[0].data["prev"], inbound["id"], "it begins right after the message");
    let handed = thread.turn(&client, "quux frobnicates").await;
    assert_eq!(handed.last().map(|frame| frame.name.as_str()), Some("conversation.escalated"));
}

#[apply(both_engines)]
async fn turns_of_a_conversation_are_answered_one_after_another(engine: Engine) {
    let stage = Stage::with_pace(engine, 30).await;
    let (thread, client) = stage.conversation().await;
    let mut feed = client.stream(&thread.path("/stream"), None).await;
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.push(thread.send(&client, ASK).await["message_id"].clone());
    }
    let mut frames = Vec::new();
    for _ in 0..5 {
        frames.extend(feed.until("message.outbound").await);
    }
    assert_chained(&frames);
    let mut under_way = None;
    let mut answered = Vec::new();
    for frame in &frames {
        let data = &frame.data["data"];
        match frame.name.as_str() {
            "reply.started" => {
                assert_eq!(under_way, None, "one reply at a time");
                under_way = Some(data["reply_id"].clone());
            }
            "reply.chunk" => assert_eq!(under_way.as_ref(), Some(&data["reply_id"])),
            "message.outbound" => {
                assert_eq!(under_way.take(), Some(data["message_id"].clone()));
                assert_eq!(data["text"], STORY);
                answered.push(data["in_reply_to"].clone());
            }
            _ => {}
        }
    }
    assert_eq!(answered, asked, "in the order they were asked");
}
