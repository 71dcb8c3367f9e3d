//! A full disk: writes are refused in each surface's own words, reads go on, what was acknowledged
//! stays, and with room again the server recovers without a restart. Once with the reserve that
//! refuses in time, once without, so that the storage itself runs into the end of the disk.

use std::time::{Duration, Instant};

use serde_json::json;

use super::judge::{Figures, events, judge};
use super::load::Ledger;
use super::reading::Reading;
use super::tmpfs::Tmpfs;
use crate::harness::feed::SseEvent;
use crate::harness::http::{Answer, Client};
use crate::harness::wait::eventually;
use crate::harness::{Server, wait::within_time};

const MIB: u64 = 1 << 20;
const SIZE_MIB: u32 = 96;
const PATIENCE: Duration = Duration::from_secs(60);
const MESSAGES: &str = "/bot/v1/conversations/messages";

#[tokio::test]
async fn below_the_reserve_writes_are_refused_and_with_room_again_they_are_taken() {
    let Some(disk) = Tmpfs::mount(SIZE_MIB) else { return };
    let mut server = Server::open(disk.path(), &["--disk-reserve-mib", "16"]).await;
    let mut writer = Writer::start(&server).await;
    writer.write_some(20).await;

    let ballast = disk.fill(8 * MIB);
    let refused = writer.until_refused().await;
    assert_refusal(&refused);
    writer.every_way_to_write_is_refused().await;
    writer.reads_go_on(&server).await;
    let ready = server.stranger().get("/readyz").await.expect(503);
    assert!(ready["detail"].as_str().is_some_and(|why| why.contains("disk")), "{ready}");
    server.stranger().get("/healthz").await.expect(200);

    ballast.remove();
    writer.until_taken().await;
    server.stranger().get("/readyz").await.expect(200);
    writer.write_some(5).await;
    writer.nothing_is_lost().await;
    server.terminate().await;
    verify(&disk).await;
}

#[tokio::test]
async fn a_server_with_room_again_is_ready_before_anybody_writes() {
    let Some(disk) = Tmpfs::mount(SIZE_MIB) else { return };
    let server = Server::open(disk.path(), &["--disk-reserve-mib", "16"]).await;
    let mut writer = Writer::start(&server).await;
    let ballast = disk.fill(8 * MIB);
    writer.until_refused().await;
    server.stranger().get("/readyz").await.expect(503);
    ballast.remove();
    // Nobody is sent to a server that is not ready: it must find out by itself.
    let stranger = server.stranger();
    eventually("the server is ready without being written to", || async {
        (stranger.get("/readyz").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_storage_that_ran_into_the_end_of_the_disk_recovers_by_itself() {
    let Some(disk) = Tmpfs::mount(SIZE_MIB) else { return };
    let mut server = Server::open(disk.path(), &["--disk-reserve-mib", "0"]).await;
    let mut writer = Writer::start(&server).await;
    let path = format!("/live/v1/conversations/{}/stream", writer.ledger.conversation);
    let mut reader = server.client().stream(&format!("{path}?after=0"), None).await;
    writer.write_some(3).await;

    let ballast = disk.fill(0);
    assert_refusal(&writer.until_refused().await);
    // Longer than the pause between two tries to write again.
    let (began, mut refused) = (Instant::now(), 0);
    while refused <= 10 || began.elapsed() < Duration::from_secs(2) {
        assert!(
            began.elapsed() < PATIENCE,
            "the disk is full, but only {refused} writes are refused"
        );
        let answer = writer.write().await;
        if answer.status != 200 {
            assert_refusal(&answer);
            refused += 1;
        }
        writer.reads_go_on(&server).await;
    }
    assert_refusal(&writer.until_refused().await);
    server.stranger().get("/readyz").await.expect(503);
    server.stranger().get("/healthz").await.expect(200);

    ballast.remove();
    writer.until_taken().await;
    server.stranger().get("/readyz").await.expect(200);
    writer.write_some(2).await;
    writer.nothing_is_lost().await;

    // The reader misses nothing; where it is told to come back, it does.
    let mut seen = Vec::new();
    let stored = events(&server.client(), &writer.ledger.conversation).await;
    let last = &stored.last().expect("events")["data"];
    while seen.last().is_none_or(|event: &SseEvent| event.data["data"] != *last) {
        let next = reader.next().await;
        if next.name == "resume" {
            let path = format!("{path}?after={}", reader.last_id);
            reader = server.client().stream(&path, None).await;
        } else {
            seen.push(next);
        }
    }
    writer.ledger.reading = Some(Reading::of(seen));
    writer.nothing_is_lost().await;
    server.terminate().await;
    verify(&disk).await;
}

#[tokio::test]
async fn a_server_that_starts_on_a_full_disk_waits_for_room_and_loses_nothing() {
    let Some(disk) = Tmpfs::mount(SIZE_MIB) else { return };
    let mut server = Server::open(disk.path(), &["--disk-reserve-mib", "0"]).await;
    let mut writer = Writer::start(&server).await;
    writer.write_some(20).await;
    server.kill().await;
    let ballast = disk.fill(0);
    server.begin_again().await;
    let stranger = server.stranger();
    let said = eventually("it says why it does not serve", || async {
        let asked = stranger.request(reqwest::Method::GET, "/readyz");
        let ready = stranger.try_send(asked).await.ok()?;
        let why = ready.expect(503)["detail"].as_str().unwrap_or_default().to_owned();
        why.contains("the disk is full").then_some(why)
    });
    said.await;
    stranger.get("/healthz").await.expect(200);
    ballast.remove();
    server.ready().await;
    writer.until_taken().await;
    writer.write_some(5).await;
    writer.nothing_is_lost().await;
    server.terminate().await;
    verify(&disk).await;
}

/// Writes one conversation, one message after another, each until it is taken.
struct Writer {
    client: Client,
    contact: String,
    ledger: Ledger,
}

impl Writer {
    async fn start(server: &Server) -> Self {
        let client = server.client();
        let text = "where is my order? #0";
        let first = client.say(None, text).await;
        let word = |name: &str| first[name].as_str().expect("an id").to_owned();
        let acknowledged = vec![(word("message_id"), text.to_owned())];
        let ledger =
            Ledger { conversation: word("conversation_id"), acknowledged, ..Ledger::default() };
        Self { client, contact: word("contact_id"), ledger }
    }

    /// Sends the message that is next under its own key; it stays next until it is taken.
    async fn write(&mut self) -> Answer {
        let text = format!("where is my order? #{}", self.ledger.acknowledged.len());
        let keyed = self.client.with("Idempotency-Key", &text);
        let body = json!({ "message": text, "conversation_id": self.ledger.conversation });
        // A message that was taken and whose reply does not fit is waited on for 5 s.
        let answer = within_time(PATIENCE, "an answer", keyed.post(MESSAGES, &body)).await;
        if answer.status == 200 {
            let id = answer.json()["message_id"].as_str().expect("an id").to_owned();
            self.ledger.acknowledged.push((id, text));
        }
        answer
    }

    async fn write_some(&mut self, count: usize) {
        for _ in 0..count {
            self.write().await.expect(200);
        }
    }

    async fn until_refused(&mut self) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.write().await;
            if answer.status != 200 {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "a full disk takes all writes");
        }
    }

    async fn until_taken(&mut self) {
        let began = Instant::now();
        while self.write().await.status != 200 {
            assert!(began.elapsed() < Duration::from_secs(20), "there is room, but no recovery");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn every_way_to_write_is_refused(&self) {
        let body = json!({ "message": "hello", "conversation_id": self.ledger.conversation });
        let stream = self.client.with("Accept", "text/event-stream");
        assert_refusal(&stream.post(MESSAGES, &body).await);
        assert_refusal(&self.client.post(MESSAGES, &json!({ "message": "a new one" })).await);
        let live = format!("/live/v1/conversations/{}/messages", self.ledger.conversation);
        let answer = self.client.post(&live, &json!({ "text": "hello" })).await;
        assert!(answer.expect(503)["error"]["message"].is_string(), "{}", answer.text);
        assert!(answer.header("Retry-After").parse::<u64>().is_ok(), "{:?}", answer.headers);
    }

    async fn reads_go_on(&self, server: &Server) {
        let id = &self.ledger.conversation;
        for path in [
            format!("/bot/v1/contacts/{}", self.contact),
            format!("/bot/v1/conversations/{id}/messages"),
            format!("/live/v1/conversations/{id}"),
            format!("/live/v1/conversations/{id}/events"),
        ] {
            let answer = self.client.get(&path).await;
            assert_eq!(answer.status, 200, "reads go on, {path} too: {}", answer.text);
        }
        let path = format!("/live/v1/conversations/{id}/stream?after=0");
        let mut feed = server.client().stream(&path, None).await;
        assert_eq!(feed.next().await.name, "conversation.started", "the feed is read too");
    }

    /// What was taken is there once, and answered once.
    async fn nothing_is_lost(&self) {
        judge(std::slice::from_ref(&self.client), &self.ledger, &mut Figures::default()).await;
    }
}

fn assert_refusal(answer: &Answer) {
    let detail = &answer.expect(503)["detail"];
    assert!(detail["type"].is_string() && detail["message"].is_string(), "{}", answer.text);
    let wait = answer.header("Retry-After").parse::<u64>();
    assert!(wait.is_ok_and(|seconds| seconds >= 1), "when to try again: {:?}", answer.headers);
}

async fn verify(disk: &Tmpfs) {
    let (equal, said) = Server::command(disk.path(), &["verify"]).await;
    assert!(equal && said.contains("equal"), "views and log agree: {said}");
}
