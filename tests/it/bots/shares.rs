//! One account's endpoint drips: what others are answered begins as ever, and its own surplus is told so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::stage::{HOME, Stage, Thread};
use crate::harness::feed::Feed;
use crate::harness::upstream::{Answer, Piece, Upstream};
use crate::harness::wait::eventually;
use crate::harness::{Client, Server};

/// What a turn waits for its place, and something for a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

/// An account whose endpoint says a word and then no more, until its gate opens; and another's client.
struct Two {
    stage: Stage,
    other: Client,
    gate: Arc<Semaphore>,
    upstream: Upstream,
}

impl Two {
    async fn with(flags: &[&str]) -> Self {
        let gate = Arc::new(Semaphore::new(0));
        let wait = gate.clone();
        let upstream = Upstream::start(move |_, _| {
            Answer::events(vec![
                Piece::text("event: chunk\ndata: {\"text\":\"Well, \"}\n\n"),
                Piece::Gate(wait.clone()),
                Piece::text("event: chunk\ndata: {\"text\":\"yes.\"}\n\nevent: end\ndata: {}\n\n"),
            ])
        })
        .await;
        let bot = json!({ "kind": "remote", "name": "Dripping", "url": upstream.url("/bot"),
            "idle_timeout_ms": 28_000 });
        let stage = Stage::made(&bot, &["--no-agent"], &[&HOME[..], flags].concat()).await;
        let create = ["account", "create", "--template", "demo", "--name", "Other"];
        let (done, said) = Server::command(stage.server.dir(), &create).await;
        assert!(done, "{said}");
        let other: Value = serde_json::from_str(&said).expect("JSON");
        let key = other["aerochat_api_key"].as_str().expect("a key");
        let other = stage.server.client_with(key);
        Self { stage, other, gate, upstream }
    }

    /// Asks in a conversation of its own; the turn's stream.
    async fn ask(&self) -> Feed {
        let thread = self.stage.conversation().await;
        let Thread { client, .. } = &thread;
        client.stream(&thread.path("/messages"), Some(&json!({ "text": "and now?" }))).await
    }

    /// Asks, and reads until the endpoint has begun to answer.
    async fn dripping(&self) -> Feed {
        let mut feed = self.ask().await;
        feed.until("reply.chunk").await;
        feed
    }

    /// Another account's streamed reply, which must begin as if nobody else were there.
    async fn another_is_answered(&self) {
        let question = "what are your opening hours?";
        let said = self.other.say(None, question).await;
        let id = said["conversation_id"].as_str().expect("an id");
        let path = format!("/live/v1/conversations/{id}/messages");
        let asked = Instant::now();
        let mut feed = self.other.stream(&path, Some(&json!({ "text": question }))).await;
        feed.until("reply.chunk").await;
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(2), "it began after {took:?}");
    }

    async fn counted(&self, metric: &str) -> u64 {
        let metrics = self.stage.server.stranger().get("/metrics").await.text;
        let line = metrics.lines().find_map(|line| line.strip_prefix(metric));
        line.and_then(|count| count.trim().parse().ok()).expect("a counter")
    }
}

/// Reads a turn up to its failure; how long that took.
async fn refused(mut feed: Feed) -> Duration {
    let asked = Instant::now();
    let told = feed.until("reply.failed").await;
    let last = told.last().expect("the failure");
    assert_eq!(last.data["data"]["reason"], "too_many", "{last:?}");
    asked.elapsed()
}

#[tokio::test]
async fn an_account_has_a_quarter_of_the_turns_and_what_waits_too_long_is_told_so() {
    let two = Two::with(&["--max-turns", "8"]).await;
    let mut dripping = (two.dripping().await, two.dripping().await);
    let waiting = (two.ask().await, two.ask().await);
    // As many wait as may be under way: one more is told at once.
    let at_once = refused(two.ask().await).await;
    two.another_is_answered().await;
    let (first, second) = tokio::join!(refused(waiting.0), refused(waiting.1));
    assert!(at_once < first.max(second), "{at_once:?}, {first:?}, {second:?}");
    assert!(first.max(second) < LONGEST, "{first:?}, {second:?}");
    assert_eq!(two.counted("parlor_turns_refused_total").await, 3);
    // A place that is given back is there for who waits next.
    let mut next = two.ask().await;
    two.gate.add_permits(3);
    dripping.0.until("message.outbound").await;
    dripping.1.until("message.outbound").await;
    next.until("message.outbound").await;
}

/// One at a time of an account, and one may wait.
async fn what_a_crash_cut_short_stays_due(flags: [&str; 2]) {
    const TURNS: usize = 6;
    let mut two = Two::with(&[]).await;
    let mut talks = Vec::new();
    for _ in 0..TURNS {
        let thread = two.stage.conversation().await;
        let path = thread.path("/messages");
        let mut feed = thread.client.stream(&path, Some(&json!({ "text": "and now?" }))).await;
        feed.until("reply.chunk").await;
        talks.push(thread);
    }
    two.stage.server.kill().await;
    let dir = two.stage.server.dir().to_owned();
    let flags = [&HOME[..], &flags].concat();
    two.stage.server = Server::open(&dir, &flags).await;
    two.upstream.request(TURNS).await;
    two.gate.add_permits(TURNS);
    let client = two.stage.client();
    for thread in &talks {
        let answered = async || {
            let events = client.get(&thread.path("/events?limit=500")).await.expect(200);
            let events = events["events"].as_array().expect("frames").clone();
            let failed = events.iter().find(|event| event["type"] == "reply.failed");
            assert_eq!(failed, None, "it stays due");
            events.iter().any(|event| event["type"] == "message.outbound").then_some(())
        };
        eventually("the turn is answered after all", answered).await;
    }
    assert_eq!(two.counted("parlor_turns_refused_total").await, 0);
    assert_eq!(two.counted("parlor_calls_refused_total").await, 0);
}

#[tokio::test]
async fn turns_that_a_crash_cut_short_stay_due_until_there_is_a_place() {
    what_a_crash_cut_short_stays_due(["--max-turns", "4"]).await;
}

#[tokio::test]
async fn no_more_turns_are_taken_over_at_a_time_than_may_call() {
    what_a_crash_cut_short_stays_due(["--max-calls", "4"]).await;
}

#[tokio::test]
async fn an_account_has_a_quarter_of_the_calls_and_one_that_waits_too_long_fails() {
    let two = Two::with(&["--max-calls", "4"]).await;
    let mut dripping = two.dripping().await;
    let waiting = two.ask().await;
    two.another_is_answered().await;
    let took = refused(waiting).await;
    assert!(took < LONGEST, "{took:?}");
    assert_eq!(two.counted("parlor_calls_refused_total").await, 1);
    let mut next = two.ask().await;
    two.gate.add_permits(2);
    dripping.until("message.outbound").await;
    next.until("message.outbound").await;
}
