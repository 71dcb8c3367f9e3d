//! Resuming in the middle of a reply, while it is under way and when it is over.

use super::stage::{ASK, STORY, Stage, names, rest_of_reply};
use crate::harness::feed::{Feed, SseEvent, assembled, assert_chained};
use crate::harness::site::{Engine, apply, both_engines};
use crate::harness::wait::eventually;

/// Frames with how many characters of the reply had been seen after each.
fn with_seen(frames: &[SseEvent]) -> Vec<(SseEvent, usize)> {
    let mut seen = 0;
    let count = |frame: &SseEvent| {
        let text = frame.data["data"]["text"].as_str().filter(|_| frame.name == "reply.chunk");
        seen += text.map_or(0, |text| text.chars().count());
        (frame.clone(), seen)
    };
    frames.iter().map(count).collect()
}

#[apply(both_engines)]
async fn after_every_piece_of_a_finished_reply_the_rest_is_exact(engine: Engine) {
    let stage = Stage::with_pace(engine, 30).await;
    let (thread, client) = stage.conversation().await;
    let frames = thread.turn(&client, ASK).await;
    let outbound = frames.last().expect("an end");
    assert!(frames.len() > 20, "the story comes in many pieces, not {}", frames.len());
    for (frame, seen) in with_seen(&frames[..frames.len() - 1]) {
        let back = client.with("Last-Event-ID", &frame.id);
        let mut feed = back.stream(&thread.path("/stream"), None).await;
        let rest = feed.until("message.outbound").await;
        assert_eq!(rest[0].data["prev"], frame.id);
        assert_chained(&rest);
        assert_eq!(rest_of_reply(&rest, seen), STORY.chars().skip(seen).collect::<String>());
        assert!(rest.len() <= 2, "the rest is one piece: {:?}", names(&rest));
        assert_eq!(rest.last().expect("an end").data["data"], outbound.data["data"]);
        assert_eq!(rest.last().expect("an end").id, outbound.id, "all end at the same place");
    }
}

#[apply(both_engines)]
async fn after_every_piece_of_a_reply_under_way_the_rest_is_exact(engine: Engine) {
    let stage = Stage::with_pace(engine, 40).await;
    let (thread, client) = stage.conversation().await;
    let mut feed = client.stream(&thread.path("/stream"), None).await;
    let sent = thread.send(&client, ASK).await;
    let (mut frames, mut back): (Vec<SseEvent>, Vec<Feed>) = (Vec::new(), Vec::new());
    while frames.last().is_none_or(|last| last.name != "message.outbound") {
        let frame = feed.next().await;
        if frame.name != "message.outbound" {
            back.push(client.stream(&thread.stream(&frame.id), None).await);
        }
        frames.push(frame);
    }
    assert_chained(&frames);
    let outbound = frames.last().expect("an end");
    let reply = outbound.data["data"]["message_id"].as_str().expect("an id");
    assert_eq!(assembled(&frames, reply), STORY);
    for ((frame, seen), mut feed) in with_seen(&frames).into_iter().zip(back) {
        let rest = feed.until("message.outbound").await;
        assert_eq!(rest[0].data["prev"], frame.id);
        assert_chained(&rest);
        assert_eq!(rest_of_reply(&rest, seen), STORY.chars().skip(seen).collect::<String>());
        let starts = usize::from(frame.data["id"] == sent["cursor"]);
        let started = rest.iter().filter(|frame| frame.name == "reply.started").count();
        assert_eq!(started, starts, "a reply starts once: {:?}", names(&rest));
        assert!(!names(&rest).contains(&"reply.restarted"), "its text never changed");
        assert_eq!(rest.last().expect("an end").id, outbound.id, "all end at the same place");
    }
}

#[apply(both_engines)]
async fn who_joins_in_the_middle_gets_the_text_so_far_and_then_the_pieces(engine: Engine) {
    let stage = Stage::with_pace(engine, 80).await;
    let (thread, client) = stage.conversation().await;
    let mut feed = client.stream(&thread.path("/stream"), None).await;
    let sent = thread.send(&client, ASK).await;
    let mut seen = String::new();
    for _ in 0..5 {
        let frame = feed.until("reply.chunk").await.pop().expect("a chunk");
        seen.push_str(frame.data["data"]["text"].as_str().expect("a text"));
    }
    let from_now = client.stream(&thread.path("/stream"), None).await;
    let from_message =
        client.stream(&thread.stream(sent["cursor"].as_str().expect("a text")), None).await;
    let from_start = client.stream(&thread.stream("0"), None).await;
    // Elsewhere than where it is made it is known after a moment.
    let known = async || {
        let now = thread.now(&client).await;
        now["reply"].is_object().then_some(now)
    };
    let now = eventually("the reply is known where it is read", known).await;
    assert_eq!(now["reply"]["in_reply_to"], sent["message_id"]);
    let so_far = now["reply"]["text"].as_str().expect("a text");
    assert!(so_far.starts_with(&seen) && STORY.starts_with(so_far), "{so_far}");
    for (mut feed, before) in [(from_now, 0), (from_message, 0), (from_start, 2)] {
        let frames = feed.until("message.outbound").await;
        assert_chained(&frames);
        let frames = &frames[before..];
        assert_eq!(names(&frames[..2]), ["reply.started", "reply.chunk"]);
        assert_eq!(frames[0].data["data"]["in_reply_to"], sent["message_id"]);
        assert_eq!(frames[0].data["data"]["author"]["type"], "bot");
        let first = frames[1].data["data"]["text"].as_str().expect("a text");
        assert!(first.starts_with(&seen), "the text so far comes as one: {first}");
        assert_eq!(rest_of_reply(frames, 0), STORY);
        assert!(frames.len() > 5, "the rest comes as it is made, not at the end");
    }
    assert!(thread.now(&client).await["reply"].is_null(), "it is over");
}

#[apply(both_engines)]
async fn a_reader_that_comes_back_again_and_again_misses_nothing(engine: Engine) {
    let stage = Stage::with_pace(engine, 20).await;
    let (thread, client) = stage.conversation().await;
    let mut last = thread.now(&client).await["cursor"].as_str().expect("a cursor").to_owned();
    for _ in 0..3 {
        thread.send(&client, ASK).await;
    }
    let mut frames: Vec<SseEvent> = Vec::new();
    // Takes two frames on each connection.
    while frames.iter().filter(|frame| frame.name == "message.outbound").count() < 3 {
        let mut feed = client.stream(&thread.stream(&last), None).await;
        for _ in 0..2 {
            frames.push(feed.next().await);
            if frames.iter().filter(|frame| frame.name == "message.outbound").count() == 3 {
                break;
            }
        }
        last = feed.last_id;
    }
    assert_chained(&frames);
    for outbound in frames.iter().filter(|frame| frame.name == "message.outbound") {
        let reply = outbound.data["data"]["message_id"].as_str().expect("an id");
        let shown = assembled(&frames, reply);
        assert!(shown.is_empty() || shown == STORY, "{shown}");
    }
    let stored = thread.events(&client).await;
    let events = frames.iter().filter(|frame| !frame.name.starts_with("reply."));
    assert!(events.map(|frame| &frame.data["data"]).eq(stored[1..].iter().map(|f| &f["data"])));
}
