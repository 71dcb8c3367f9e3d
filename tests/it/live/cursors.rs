//! Cursors that we never gave.

use serde_json::{Value, json};

use super::stage::{ASK, STORY, Stage, Thread, names, rest_of_reply};
use crate::harness::Client;
use crate::harness::site::{Engine, apply, both_engines};

#[apply(both_engines)]
async fn a_malformed_cursor_is_refused_by_name(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let malformed = [
        "x",
        "-1",
        "1~",
        "1~a",
        "1~a~1",
        "1~a~1~",
        "1~a~1~a~b",
        "1~a~-1~a",
        "~a~1~a",
        "+1",
        "18446744073709551616",
        "1~aaaaaaaaaaaa~1~a",
    ];
    for cursor in malformed {
        let encoded = cursor.replace('+', "%2B");
        let error =
            client.get(&thread.path(&format!("/events?before={encoded}"))).await.expect(400);
        assert!(error["error"]["fields"]["before"].is_string(), "{cursor}: {error}");
        for path in [thread.stream(&encoded), thread.path(&format!("/events?after={encoded}"))] {
            let error = client.get(&path).await.expect(400);
            assert_eq!(error["error"]["type"], "invalid_request");
            assert!(error["error"]["fields"]["after"].is_string(), "{cursor}: {error}");
        }
        let back = client.with("Last-Event-ID", cursor);
        let error = back.get(&thread.path("/stream")).await.expect(400);
        assert!(error["error"]["fields"]["Last-Event-ID"].is_string(), "{cursor}: {error}");
    }
}

#[apply(both_engines)]
async fn a_cursor_that_the_log_never_had_is_refused_wherever_it_is_given(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    thread.turn(&client, ASK).await;
    let mut socket = stage.socket().await;
    let subscribe =
        |after: &str| json!({ "type": "subscribe", "conversation_id": thread.id, "after": after });
    let (former, _) = socket.ask(subscribe("0")).await;
    assert_eq!(former["type"], "ok");
    let (_, end) = (socket.until("message.outbound").await, thread.end(&client).await);
    let next = end.parse::<u64>().expect("a place") + 1;
    for seq in [next, 1 << 62, u64::MAX] {
        for cursor in [seq.to_string(), format!("{seq}~abc~3~abc")] {
            let events = |way: &str| thread.path(&format!("/events?{way}={cursor}"));
            for path in [thread.stream(&cursor), events("after"), events("before")] {
                assert_unknown(&client.get(&path).await.expect(400)["error"]);
            }
            let back = client.with("Last-Event-ID", &cursor);
            assert_unknown(&back.get(&thread.path("/stream")).await.expect(400)["error"]);
            let (refused, _) = socket.ask(subscribe(&cursor)).await;
            assert_eq!(refused["type"], "error");
            assert_unknown(&refused["error"]);
        }
    }
    // The subscription before is still there.
    let sent = thread.send(&client, ASK).await;
    let frames = socket.until("message.outbound").await;
    assert_eq!(frames[0]["prev"], end.as_str(), "nothing was missed and nothing came twice");
    assert_eq!(frames[0]["data"]["message_id"], sent["message_id"]);
    let page = client.get(&thread.path(&format!("/events?after={end}"))).await.expect(200);
    assert_eq!(page["events"][0]["data"]["message_id"], sent["message_id"]);
}

fn assert_unknown(error: &Value) {
    assert_eq!(error["type"], "unknown_cursor");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("begin again")), "{error}");
}

#[apply(both_engines)]
async fn who_resumes_in_a_finished_reply_with_other_text_gets_it_anew(engine: Engine) {
    let stage = Stage::with_pace(engine, 20).await;
    let (thread, client) = stage.conversation().await;
    let frames = thread.turn(&client, ASK).await;
    let chunk = frames.iter().filter(|frame| frame.name == "reply.chunk").nth(4).expect("a chunk");
    let parts: Vec<_> = chunk.id.split('~').collect();
    let (seq, tag, seen) = (parts[0], parts[1], parts[2]);
    let more: u64 = seen.parse::<u64>().expect("a number") + 100_000;
    for forged in [format!("{seq}~{tag}~{seen}~abc"), format!("{seq}~{tag}~{more}~abc")] {
        let mut feed = client.stream(&thread.stream(&forged), None).await;
        let frames = feed.until("message.outbound").await;
        assert_eq!(names(&frames), ["reply.restarted", "reply.chunk", "message.outbound"]);
        assert_eq!(frames[0].data["prev"], forged);
        assert_eq!(rest_of_reply(&frames, 0), STORY);
    }
}

#[apply(both_engines)]
async fn a_cursor_in_a_reply_that_never_was_shows_what_is_after_it(engine: Engine) {
    let stage = Stage::with_pace(engine, 1).await;
    let (thread, client) = stage.conversation().await;
    thread.turn(&client, ASK).await;
    let stored = thread.events(&client).await;
    let mut feed = client.stream(&thread.stream("0~abc~18446744073709551615~abc"), None).await;
    for frame in &stored {
        let event = feed.next().await;
        assert_eq!((&event.data["type"], &event.data["data"]), (&frame["type"], &frame["data"]));
    }
}

/// Reads a conversation from a frame to its beginning, so many frames at a time.
async fn backwards(thread: &Thread, client: &Client, from: &Value, limit: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut before = from.as_str().expect("a cursor").to_owned();
    loop {
        let path = thread.path(&format!("/events?before={before}&limit={limit}"));
        let page = client.get(&path).await.expect(200);
        let events = page["events"].as_array().expect("events").clone();
        assert!(events.len() <= limit);
        let first = events.first().expect("a page is not empty before the beginning");
        assert_eq!(page["next"], events.last().expect("one")["id"]);
        before = first["id"].as_str().expect("a cursor").to_owned();
        let prev = first["prev"].clone();
        found.splice(0..0, events);
        if prev == "0" {
            return found;
        }
        assert_ne!(prev, before);
    }
}

#[apply(both_engines)]
async fn the_feed_is_paged_backwards_to_its_beginning(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    for _ in 0..20 {
        thread.turn(&client, ASK).await;
    }
    let stored = thread.events(&client).await;
    let (last, older) = stored.split_last().expect("a frame");
    for limit in [1, 7, 41, 500] {
        let found = backwards(&thread, &client, &last["id"], limit).await;
        assert_eq!(found, older, "{limit} at a time");
    }
    let page = client.get(&thread.path("/events?before=0")).await.expect(200);
    assert_eq!(page, json!({ "events": [], "next": "0" }));
    let error = client.get(&thread.path("/events?before=1&after=0")).await.expect(400);
    assert!(error["error"]["fields"]["before"].is_string(), "{error}");
}

#[apply(both_engines)]
async fn before_a_place_in_a_reply_is_the_event_that_it_stands_after(engine: Engine) {
    let stage = Stage::with_pace(engine, 20).await;
    let (thread, client) = stage.conversation().await;
    let frames = thread.turn(&client, ASK).await;
    let chunk = frames.iter().filter(|frame| frame.name == "reply.chunk").nth(4).expect("a chunk");
    let page = client.get(&thread.path(&format!("/events?before={}", chunk.id))).await.expect(200);
    let events = page["events"].as_array().expect("events");
    let shown: Vec<_> = events.iter().map(|frame| &frame["type"]).collect();
    assert_eq!(shown, ["conversation.started", "message.inbound"]);
}

#[apply(both_engines)]
async fn nobody_pages_backwards_in_a_conversation_of_others(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let (_, stranger) = stage.conversation().await;
    let sent = thread.send(&client, "quux frobnicates").await;
    let before = sent["cursor"].as_str().expect("a cursor");
    let path = thread.path(&format!("/events?before={before}"));
    client.get(&path).await.expect(200);
    stranger.get(&path).await.expect(404);
}
