//! Feeds over the WebSocket: many on one connection, each as exact as over SSE.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::stage::{ASK, STORY, Stage, Thread};
use crate::harness::site::{Engine, apply, both_engines};

fn subscribe(thread: &Thread, after: Option<&str>) -> Value {
    json!({ "type": "subscribe", "conversation_id": thread.id, "after": after })
}

/// The reply's text as the frames give it; offsets must go on from `seen` characters.
fn text_of(frames: &[Value], mut seen: usize) -> String {
    let mut text = String::new();
    for frame in frames.iter().filter(|frame| frame["type"] == "reply.chunk") {
        assert_eq!(frame["data"]["offset"], seen, "a hole or a repetition: {frame}");
        let piece = frame["data"]["text"].as_str().expect("a text");
        seen += piece.chars().count();
        text.push_str(piece);
    }
    text
}

fn assert_chained(frames: &[Value], from: &Value) {
    let mut prev = from;
    for frame in frames {
        assert_eq!(frame["prev"], *prev, "no frame is missing: {frame}");
        prev = &frame["id"];
    }
}

#[apply(both_engines)]
async fn a_subscription_is_the_feed_of_the_stream(engine: Engine) {
    let stage = Stage::with_pace(engine, 30).await;
    let (thread, client) = stage.conversation().await;
    let mut socket = stage.socket().await;
    let (answer, _) = socket.ask(subscribe(&thread, None)).await;
    let mut feed = client.stream(&thread.path("/stream"), None).await;
    thread.send(&client, ASK).await;
    let frames = socket.until("message.outbound").await;
    assert_chained(&frames, &answer["cursor"]);
    assert_eq!(text_of(&frames, 0), STORY);
    for (mut frame, event) in frames.into_iter().zip(feed.until("message.outbound").await) {
        let id = frame.as_object_mut().and_then(|frame| frame.shift_remove("conversation_id"));
        assert_eq!(id, Some(json!(thread.id)));
        assert_eq!(frame, event.data);
    }
}

#[apply(both_engines)]
async fn many_conversations_share_a_connection(engine: Engine) {
    let stage = Stage::with_pace(engine, 30).await;
    let mut socket = stage.socket().await;
    let mut threads = HashMap::new();
    for _ in 0..20 {
        let (thread, client) = stage.conversation().await;
        let (answer, _) = socket.ask(subscribe(&thread, None)).await;
        let frames: (Value, Vec<Value>) = (answer["cursor"].clone(), Vec::new());
        threads.insert(thread.id.clone(), (frames, client));
    }
    for (id, (_, client)) in &threads {
        Thread { id: id.clone() }.send(client, ASK).await;
    }
    let mut open_ends = threads.len();
    while open_ends > 0 {
        let frame = socket.next().await;
        open_ends -= usize::from(frame["type"] == "message.outbound");
        let id = frame["conversation_id"].as_str().expect("an id");
        threads.get_mut(id).expect("it is ours").0.1.push(frame);
    }
    for ((cursor, frames), _) in threads.values() {
        assert_chained(frames, cursor);
        assert_eq!(text_of(frames, 0), STORY);
    }
}

#[apply(both_engines)]
async fn subscribing_again_in_the_middle_of_a_reply_goes_on_exactly(engine: Engine) {
    let stage = Stage::with_pace(engine, 30).await;
    let (thread, client) = stage.conversation().await;
    let mut socket = stage.socket().await;
    let (answer, _) = socket.ask(subscribe(&thread, None)).await;
    thread.send(&client, ASK).await;
    let mut frames = Vec::new();
    for round in 0..4 {
        for _ in 0..3 {
            frames.extend(socket.until("reply.chunk").await);
        }
        // On the same connection, where the former subscription is still there, or on another.
        if round % 2 == 1 {
            socket = stage.socket().await;
        }
        let last = frames.last().expect("a frame")["id"].as_str().expect("a cursor").to_owned();
        // What came meanwhile on the former subscription comes again after `last`.
        let (resumed, _) = socket.ask(subscribe(&thread, Some(&last))).await;
        assert_eq!(resumed["cursor"], last.as_str());
    }
    frames.extend(socket.until("message.outbound").await);
    assert_chained(&frames, &answer["cursor"]);
    assert_eq!(text_of(&frames, 0), STORY);
    let starts = frames.iter().filter(|frame| frame["type"] == "reply.started");
    assert_eq!(starts.count(), 1);
}

#[apply(both_engines)]
async fn after_the_end_of_a_subscription_nothing_comes(engine: Engine) {
    let stage = Stage::with_pace(engine, 30).await;
    let (thread, client) = stage.conversation().await;
    let (other, _) = stage.conversation().await;
    let mut socket = stage.socket().await;
    socket.ask(subscribe(&thread, None)).await;
    socket.ask(subscribe(&other, None)).await;
    let (answer, _) =
        socket.ask(json!({ "type": "unsubscribe", "conversation_id": thread.id })).await;
    assert_eq!((&answer["type"], &answer["conversation_id"]), (&json!("ok"), &json!(thread.id)));
    thread.turn(&client, ASK).await;
    other.send(&stage.key, ASK).await;
    let frames = socket.until("message.outbound").await;
    assert!(frames.iter().all(|frame| frame["conversation_id"] == json!(other.id)), "{frames:?}");
    let (answer, _) =
        socket.ask(json!({ "type": "unsubscribe", "conversation_id": thread.id })).await;
    assert_eq!(answer["type"], "ok", "ending twice is fine");
}

#[apply(both_engines)]
async fn from_the_beginning_everything_comes_and_no_frame_before_the_answer(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    thread.turn(&client, ASK).await;
    let stored = thread.events(&client).await;
    let mut socket = stage.socket().await;
    let (answer, before) = socket.ask(subscribe(&thread, Some("0"))).await;
    assert_eq!((&answer["cursor"], before.len()), (&json!("0"), 0));
    let frames = socket.until("message.outbound").await;
    assert_chained(&frames, &json!("0"));
    assert!(frames.iter().map(|frame| &frame["data"]).eq(stored.iter().map(|f| &f["data"])));
}

#[apply(both_engines)]
async fn a_connection_follows_at_most_256_conversations(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let mut socket = stage.socket().await;
    let mut threads = Vec::new();
    for number in 0..257 {
        let said = stage.key.say(None, &format!("quux {number}")).await;
        threads.push(Thread { id: said["conversation_id"].as_str().expect("an id").to_owned() });
    }
    for thread in &threads[..256] {
        assert_eq!(socket.ask(subscribe(thread, None)).await.0["type"], "ok");
    }
    let (refused, _) = socket.ask(subscribe(&threads[256], None)).await;
    assert_eq!(refused["error"]["type"], "invalid_request", "{refused}");
    // One that is there already may be taken up again, and a place that is free be taken.
    assert_eq!(socket.ask(subscribe(&threads[0], None)).await.0["type"], "ok");
    socket.ask(json!({ "type": "unsubscribe", "conversation_id": threads[1].id })).await;
    assert_eq!(socket.ask(subscribe(&threads[256], None)).await.0["type"], "ok");
}
