//! Stopping a reply from anywhere (`stop_reply`), and what does not stop one.

use serde_json::{Value, json};

use super::stage::{ASK, STORY, Stage, Thread, rest_of_reply};
use crate::harness::feed::{Feed, SseEvent, assert_chained};
use crate::harness::site::{Engine, apply, both_engines};
use crate::harness::wait::eventually;
use crate::harness::{Client, feed};

async fn stop(thread: &Thread, client: &Client) -> Value {
    client.post(&thread.path("/stop"), &Value::Null).await.expect(200)
}

/// Asks, and reads three pieces of the reply.
async fn begun(thread: &Thread, client: &Client) -> (Feed, Vec<SseEvent>) {
    let mut feed = client.stream(&thread.path("/stream"), None).await;
    thread.send(client, ASK).await;
    let mut frames = Vec::new();
    for _ in 0..3 {
        frames.extend(feed.until("reply.chunk").await);
    }
    (feed, frames)
}

#[apply(both_engines)]
async fn a_stopped_reply_is_kept_as_far_as_it_was_shown(engine: Engine) {
    let stage = Stage::with_pace(engine, 150).await;
    let (thread, client) = stage.conversation().await;
    let (mut feed, mut frames) = begun(&thread, &client).await;
    // From anywhere: here by the account's own key.
    let stopped = stop(&thread, &stage.key).await;
    assert_eq!(stopped["stopped"], true);
    let stored: Vec<_> = thread.events(&client).await;
    assert_eq!(stored.last().expect("an event")["type"], "reply.stopped", "it is in the log");
    assert_eq!(stop(&thread, &client).await["stopped"], false, "once");
    frames.extend(feed.until("reply.stopped").await);
    assert_chained(&frames);
    let [.., outbound, end] = frames.as_slice() else { panic!("two frames end it") };
    assert_eq!(outbound.name, "message.outbound");
    let message = &outbound.data["data"];
    assert_eq!((&message["partial"], &message["message_id"]), (&json!(true), &stopped["reply_id"]));
    let shown = rest_of_reply(&frames, 0);
    assert_eq!(message["text"], shown, "what was shown is what is kept");
    assert!(STORY.starts_with(&shown) && shown != STORY, "it was stopped in the middle");
    assert_eq!(end.data["data"]["reply_id"], stopped["reply_id"]);
    assert_eq!(end.data["data"]["in_reply_to"], message["in_reply_to"]);
    assert_eq!(stop(&thread, &client).await["stopped"], false, "there is nothing left to stop");

    thread.send(&client, ASK).await;
    let next = feed.until("message.outbound").await;
    let last = &next.last().expect("an end").data["data"];
    assert_eq!((&last["text"], &last["partial"]), (&json!(STORY), &json!(false)));
    let stored: Vec<_> = thread.events(&client).await;
    let stops = stored.iter().filter(|frame| frame["type"] == "reply.stopped").count();
    assert_eq!(stops, 1);
}

#[apply(both_engines)]
async fn there_may_be_nothing_to_stop(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    assert_eq!(stop(&thread, &client).await, json!({ "stopped": false }));
    let path = "/live/v1/conversations/cv_1/stop";
    stage.key.post(path, &Value::Null).await.expect(404);
    stage.site.stranger().post(&thread.path("/stop"), &Value::Null).await.expect(401);
    // A stop that found nothing stops nothing later.
    let turn = thread.turn(&client, ASK).await;
    assert_eq!(turn.last().expect("an end").data["data"]["text"], STORY);
}

#[apply(both_engines)]
async fn who_resumes_in_a_stopped_reply_gets_what_was_shown_and_the_stop(engine: Engine) {
    let stage = Stage::with_pace(engine, 150).await;
    let (thread, client) = stage.conversation().await;
    let (mut feed, frames) = begun(&thread, &client).await;
    stop(&thread, &client).await;
    feed.until("reply.stopped").await;
    let first = frames.iter().find(|frame| frame.name == "reply.chunk").expect("a piece");
    let seen = first.data["data"]["text"].as_str().expect("a text").chars().count();
    let mut feed = client.stream(&thread.stream(&first.id), None).await;
    let rest = feed.until("reply.stopped").await;
    assert_chained(&rest);
    assert_eq!(super::stage::names(&rest), ["reply.chunk", "message.outbound", "reply.stopped"]);
    let text = rest[1].data["data"]["text"].as_str().expect("a text");
    assert_eq!(rest_of_reply(&rest, seen), text.chars().skip(seen).collect::<String>());
}

#[apply(both_engines)]
async fn stopping_one_reply_leaves_the_questions_behind_it(engine: Engine) {
    let stage = Stage::with_pace(engine, 60).await;
    let (thread, client) = stage.conversation().await;
    let (mut feed, _) = begun(&thread, &client).await;
    let second = thread.send(&client, ASK).await;
    assert_eq!(stop(&thread, &client).await["stopped"], true);
    feed.until("reply.stopped").await;
    let frames = feed.until("message.outbound").await;
    let answer = &frames.last().expect("an end").data["data"];
    assert_eq!(answer["in_reply_to"], second["message_id"]);
    assert_eq!((&answer["text"], &answer["partial"]), (&json!(STORY), &json!(false)));
}

#[apply(both_engines)]
async fn going_away_stops_nothing(engine: Engine) {
    let stage = Stage::with_pace(engine, 20).await;
    let (thread, client) = stage.conversation().await;
    let body = json!({ "text": ASK });
    let mut turn = client.stream(&thread.path("/messages"), Some(&body)).await;
    turn.until("reply.chunk").await;
    drop::<feed::Feed>(turn);
    let kept = eventually("the reply is stored although nobody reads it", || async {
        let stored = thread.events(&client).await;
        stored.into_iter().find(|frame| frame["type"] == "message.outbound")
    });
    let kept = kept.await;
    assert_eq!((&kept["data"]["text"], &kept["data"]["partial"]), (&json!(STORY), &json!(false)));
}
