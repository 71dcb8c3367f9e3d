//! Where a reader may begin, and that pages (`list_events`) and streams (`stream_conversation`) are
//! the same feed.

use serde_json::{Value, json};

use super::stage::{ASK, STORY, Stage, Thread, names};
use crate::harness::Client;
use crate::harness::feed::{assembled, assert_chained};
use crate::harness::site::{Engine, apply, both_engines};

/// A conversation of three turns, the last of which was escalated.
async fn told(stage: &Stage) -> (Thread, Client) {
    let (thread, client) = stage.conversation().await;
    for text in [ASK, ASK, "quux frobnicates"] {
        thread.turn(&client, text).await;
    }
    (thread, client)
}

#[apply(both_engines)]
async fn a_stream_without_a_cursor_begins_now(engine: Engine) {
    let stage = Stage::with_pace(engine, 30).await;
    let (thread, client) = stage.conversation().await;
    thread.turn(&client, ASK).await;
    let now = thread.now(&client).await;
    let mut feed = client.stream(&thread.path("/stream"), None).await;
    let sent = thread.send(&client, ASK).await;
    let frames = feed.until("message.outbound").await;
    assert_eq!(frames[0].name, "message.inbound");
    assert_eq!(frames[0].data["prev"], now["cursor"]);
    assert_eq!(frames[0].data["data"]["message_id"], sent["message_id"]);
    assert_eq!(frames[0].data["id"], sent["cursor"]);
    assert_eq!(frames[1].name, "reply.started");
    assert_chained(&frames);
    let outbound = &frames.last().expect("a frame").data["data"];
    let reply = outbound["message_id"].as_str().expect("an id");
    assert_eq!(outbound["in_reply_to"], sent["message_id"]);
    assert_eq!(assembled(&frames, reply), STORY);
    assert_eq!(outbound["text"], STORY);
}

#[apply(both_engines)]
async fn from_the_beginning_and_from_every_frame_the_rest_is_exact(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = told(&stage).await;
    let stored = thread.events(&client).await;
    let kinds: Vec<_> =
        stored.iter().map(|frame| frame["type"].as_str().expect("a text")).collect();
    let expected = [
        "conversation.started",
        "message.inbound",
        "message.outbound",
        "message.inbound",
        "message.outbound",
        "message.inbound",
        "conversation.escalated",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(stored[0]["prev"], "0");
    let cursors =
        ["0"].into_iter().chain(stored.iter().map(|frame| frame["id"].as_str().expect("a text")));
    for (seen, cursor) in cursors.enumerate() {
        let mut feed = client.stream(&thread.stream(cursor), None).await;
        for frame in &stored[seen..] {
            let event = feed.next().await;
            assert_eq!(event.data, *frame);
            assert_eq!((&json!(event.id), &json!(event.name)), (&frame["id"], &frame["type"]));
        }
    }
}

#[apply(both_engines)]
async fn the_last_event_id_wins_over_after(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = told(&stage).await;
    let stored = thread.events(&client).await;
    let back = client.with("Last-Event-ID", stored[4]["id"].as_str().expect("a text"));
    for path in [thread.stream("0"), thread.path("/stream")] {
        assert_eq!(back.stream(&path, None).await.next().await.data, stored[5]);
    }
    // A browser that has not seen anything yet sends none.
    let fresh = client.with("Last-Event-ID", "");
    assert_eq!(fresh.stream(&thread.stream("0"), None).await.next().await.data, stored[0]);
}

#[apply(both_engines)]
async fn pages_of_every_size_give_the_frames_of_the_stream(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = told(&stage).await;
    let stored = thread.events(&client).await;
    for limit in 1..=stored.len() + 1 {
        let (mut frames, mut next): (Vec<Value>, _) = (Vec::new(), "0".to_owned());
        loop {
            let path = thread.path(&format!("/events?limit={limit}&after={next}"));
            let page = client.get(&path).await.expect(200);
            let events = page["events"].as_array().expect("frames");
            assert!(events.len() <= limit, "a page holds at most {limit}");
            assert_eq!(page["next"], events.last().map_or(json!(next), |last| last["id"].clone()));
            if events.is_empty() {
                break;
            }
            frames.extend_from_slice(events);
            page["next"].as_str().expect("a cursor").clone_into(&mut next);
        }
        assert_eq!(frames, stored, "with {limit} frames a page");
    }
}

#[apply(both_engines)]
async fn pages_show_a_reply_under_way_as_far_as_it_is(engine: Engine) {
    let stage = Stage::with_pace(engine, 60).await;
    let (thread, _) = stage.conversation().await;
    // So many pages a minute are an account's own, no visitor's.
    let client = &stage.key;
    let mut feed = client.stream(&thread.path("/stream"), None).await;
    thread.send(client, ASK).await;
    feed.until("reply.chunk").await;
    let (mut frames, mut next): (Vec<Value>, _) = (Vec::new(), "0".to_owned());
    // One at a time, so that every cut inside the reply happens.
    while frames.last().is_none_or(|last| last["type"] != "message.outbound") {
        let page = client.get(&thread.path(&format!("/events?limit=1&after={next}"))).await;
        let page = page.expect(200);
        if let Some(frame) = page["events"].as_array().and_then(|events| events.first()) {
            assert_eq!(frame["prev"], next, "pages are chained");
            frames.push(frame.clone());
        }
        page["next"].as_str().expect("a cursor").clone_into(&mut next);
    }
    let pieces = frames.iter().filter(|frame| frame["type"] == "reply.chunk");
    let text: String = pieces.filter_map(|frame| frame["data"]["text"].as_str()).collect();
    assert_eq!(text, STORY);
    let started = frames.iter().filter(|frame| frame["type"] == "reply.started").count();
    let restarted = frames.iter().any(|frame| frame["type"] == "reply.restarted");
    assert_eq!((started, restarted), (1, false));
}

#[apply(both_engines)]
async fn a_limit_out_of_bounds_is_refused_by_name(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    for limit in ["0", "501", "-1", "ten", "1.5"] {
        let error = client.get(&thread.path(&format!("/events?limit={limit}"))).await.expect(400);
        assert!(error["error"]["fields"]["limit"].is_string(), "{limit}: {error}");
    }
}

#[apply(both_engines)]
async fn a_stranger_and_an_unknown_conversation_are_refused(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    for path in [thread.path("/stream"), thread.path("/events"), thread.path("")] {
        let error = stage.site.stranger().get(&path).await.expect(401);
        assert_eq!(error["error"]["type"], "unauthorized");
    }
    for id in ["cv_1", "cv_", "nonsense", "ct_1"] {
        for rest in ["/stream", "/events", ""] {
            let path = format!("/live/v1/conversations/{id}{rest}");
            let error = stage.key.get(&path).await.expect(404);
            assert_eq!(error["error"]["type"], "not_found", "{path}");
        }
    }
    // Both spellings of an id name the same conversation.
    let other = thread.id.replace("cv_", "conv_");
    let path = format!("/live/v1/conversations/{other}");
    assert_eq!(client.get(&path).await.expect(200)["conversation_id"], json!(thread.id));
}

#[apply(both_engines)]
async fn an_escalation_is_on_the_feed(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let mut feed = client.stream(&thread.path("/stream"), None).await;
    let sent = thread.send(&client, "quux frobnicates").await;
    let frames = feed.until("conversation.escalated").await;
    let data = &frames.last().expect("a frame").data["data"];
    assert_eq!(data["conversation_id"], sent["conversation_id"]);
    assert_eq!(data["trigger_message"]["text"], "quux frobnicates");
    assert_eq!(data["assigned_agent"]["name"], "Sarah");
    assert_eq!(thread.now(&client).await["status"], "escalated");
    // People have it now: the bot is silent.
    let next = thread.send(&client, ASK).await;
    assert_eq!(feed.next().await.data["data"]["message_id"], next["message_id"]);
    let last = thread.send(&client, ASK).await;
    assert_eq!(feed.next().await.data["data"]["message_id"], last["message_id"]);
}

#[apply(both_engines)]
async fn a_turn_of_people_ends_at_once(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    thread.turn(&client, "quux frobnicates").await;
    // Nobody can say when a person answers: the stream ends, and the feed will tell.
    assert_eq!(names(&thread.turn(&client, ASK).await), Vec::<&str>::new());
}
