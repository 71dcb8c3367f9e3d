//! The pace of a reply: for those who see it being made, and for nobody else.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::stage::{Stage, chunks};
use crate::harness::Server;
use crate::harness::feed::SseEvent;

const TEXT: &str = "One, two, three, four, five, six.";
/// Of a reply in six pieces, each [`PACE_MS`] after the one before.
const SLOWLY: Duration = Duration::from_millis(5 * PACE_MS - 100);
const PACE_MS: u64 = 300;

fn bots() -> [Value; 2] {
    let faq = json!({ "kind": "faq", "name": "Counts", "default_language": "en", "pace_ms": PACE_MS,
        "intents": [{ "name": "count", "examples": { "en": ["please count"] },
            "answers": { "en": TEXT } }],
        "fallback": { "en": "No." } });
    let flow = json!({ "kind": "flow", "name": "Counts", "pace_ms": PACE_MS, "start": "count",
        "steps": { "count": { "type": "end", "text": TEXT } } });
    [faq, flow]
}

#[tokio::test]
async fn whoever_sees_a_reply_being_made_sees_it_at_its_pace() {
    for bot in bots() {
        let stage = Stage::with_bot(&bot).await;
        let thread = stage.conversation().await;
        let began = Instant::now();
        let frames = thread.turn("please count").await;
        assert_eq!(chunks(&frames).len(), 6, "{frames:#?}");
        assert!(began.elapsed() >= SLOWLY, "{bot}: it took {:?}", began.elapsed());

        // A reader who was there before makes it one that is seen.
        let mut feed = thread.client.stream(&thread.path("/stream"), None).await;
        let client = stage.client();
        let began = Instant::now();
        let said = client.say(Some(&thread.id), "please count").await;
        assert_eq!(said["reply"]["text"], TEXT);
        assert!(began.elapsed() >= SLOWLY, "{bot}: it took {:?}", began.elapsed());
        let seen = feed.until("message.outbound").await;
        assert_eq!(chunks(&seen).concat(), TEXT);
    }
}

#[tokio::test]
async fn a_whole_answer_waits_for_no_pause() {
    for bot in bots() {
        let stage = Stage::with_bot(&bot).await;
        let began = Instant::now();
        let first = stage.ask(None, "please count").await;
        let id = first["conversation_id"].as_str();
        // Two at once: the later waits while the earlier is answered.
        let answers = tokio::join!(stage.ask(id, "please count"), stage.ask(id, "please count"));
        for answer in [&first, &answers.0, &answers.1] {
            assert_eq!(answer["reply"]["text"], TEXT);
        }
        assert!(began.elapsed() < SLOWLY, "{bot}: it took {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn no_reply_keeps_its_pace_while_others_wait_behind_it() {
    let stage = Stage::with_bot(&bots()[0]).await;
    let thread = stage.conversation().await;
    let mut feed = thread.client.stream(&thread.path("/stream"), None).await;
    let began = Instant::now();
    let asked = (0..8).map(|_| stage.ask(Some(&thread.id), "please count"));
    for answer in join_all(asked).await {
        assert_eq!(answer["reply"]["text"], TEXT);
    }
    // The last one's pauses, and what was left of one when the second came.
    assert!(began.elapsed() < 4 * SLOWLY, "it took {:?}", began.elapsed());
    for _ in 0..8 {
        let seen = feed.until("message.outbound").await;
        assert_eq!(chunks(&seen).concat(), TEXT, "the reader sees each reply whole");
    }
}

#[tokio::test]
async fn the_demos_reply_can_be_seen_and_there_is_a_setting_for_none() {
    let ask = async |flags: &[&str]| -> (Duration, Vec<SseEvent>) {
        let server = Server::start_with(flags).await;
        let (id, visitor) = server.stranger().demo().await;
        let path = |rest: &str| format!("/live/v1/conversations/{id}{rest}");
        // Who comes with the question may come too late to a reply without pauses.
        let mut feed = visitor.stream(&path("/stream"), None).await;
        let began = Instant::now();
        let asked = json!({ "text": "where is my order?" });
        visitor.post(&path("/messages"), &asked).await.expect(201);
        let frames = feed.until("message.outbound").await;
        (began.elapsed(), frames)
    };
    let (took, frames) = ask(&["--pace", "1000"]).await;
    let range = Duration::from_secs(2)..Duration::from_secs(9);
    assert!(range.contains(&took), "some 4 s, not {took:?} for {} pieces", chunks(&frames).len());
    let (took, frames) = ask(&["--pace", "0", "--gather-ms", "0"]).await;
    assert!(chunks(&frames).len() > 5, "it is streamed all the same: {frames:#?}");
    assert!(took < Duration::from_secs(2), "it took {took:?}");
}
