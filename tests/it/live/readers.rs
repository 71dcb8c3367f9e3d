//! Many readers of one conversation, and one that does not read.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::stage::{ASK, STORY, Stage, Thread, rest_of_reply};
use crate::harness::feed::{SseEvent, assert_chained};
use crate::harness::site::{Engine, apply, both_engines};
use crate::harness::wait::{eventually, within};
use crate::harness::{Client, Server};

const READERS: usize = 1_000;

#[apply(both_engines)]
async fn a_thousand_readers_all_get_the_same_frames(engine: Engine) {
    let stage = Stage::with_pace(engine, 30).await;
    let (thread, client) = stage.conversation().await;
    let mut feeds = Vec::new();
    for _ in 0..READERS / 50 {
        let own = &stage.key;
        let more = (0..50).map(|_| async { own.stream(&thread.path("/stream"), None).await });
        feeds.extend(join_all(more).await);
    }
    thread.send(&client, ASK).await;
    let read = feeds.iter_mut().map(|feed| feed.until("message.outbound"));
    let all: Vec<Vec<SseEvent>> = join_all(read).await;
    assert_eq!(all.len(), READERS);
    assert_chained(&all[0]);
    assert_eq!(rest_of_reply(&all[0], 0), STORY);
    for (reader, frames) in all.iter().enumerate() {
        assert!(*frames == all[0], "reader {reader} saw something else");
    }
}

/// Opens the stream and reads nothing of it; the kernel holds little for us.
async fn open_and_wait(server: &Server, thread: &Thread, key: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(16 * 1024).expect("a small buffer");
    let address = server.address().parse().expect("an address");
    let mut tcp = within("a connection", socket.connect(address)).await.expect("connected");
    let path = thread.stream("0");
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: x\r\nx-aerochat-api-key: {key}\r\nconnection: close\r\n\r\n"
    );
    tcp.write_all(request.as_bytes()).await.expect("sent");
    // The first frame: it follows the conversation from here on.
    let mut seen = Vec::new();
    while !seen.windows(20).any(|part| part == b"conversation.started") {
        let mut part = [0; 512];
        let read = within("the first frame", tcp.read(&mut part)).await.expect("readable");
        assert_ne!(read, 0, "the stream is open");
        seen.extend_from_slice(&part[..read]);
    }
    tcp
}

/// The frames in the rest of a stream's bytes; the last may be torn.
fn frames_in(bytes: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    let whole = text.split('\n').filter_map(|line| line.split_once("data: ").map(|(_, data)| data));
    whole.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

async fn metric(client: &Client, name: &str) -> f64 {
    let text = client.get("/metrics").await.text;
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0.0)
}

#[apply(both_engines)]
async fn a_reader_that_does_not_read_is_let_go_and_resumes_exactly(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let ((thread, _), client) = (stage.conversation().await, stage.key.clone());
    // With people: nothing but what is sent comes on the feed.
    thread.turn(&client, "quux frobnicates").await;
    let node = stage.site.one();
    let slow = async || metric(&node.stranger(), "parlor_live_slow_readers_total").await;
    let slow_before = slow().await;
    let mut lazy = open_and_wait(node, &thread, &stage.secret).await;
    let mut busy = client.stream(&thread.path("/stream"), None).await;
    let long = "🌙".repeat(9_000);
    let (mut sent, mut last) = (0, Value::Null);
    while slow().await <= slow_before {
        for _ in 0..20 {
            last = thread.send(&client, &long).await["message_id"].clone();
            sent += 1;
            // Whoever reads is served all the while.
            assert_eq!(busy.next().await.data["data"]["message_id"], last);
        }
        assert!(sent < 2_000, "a reader that does not read is never let go");
    }
    let mut bytes = Vec::new();
    // To its end: a `resume`, or the connection is cut.
    within("the end of the lazy reader's stream", lazy.read_to_end(&mut bytes)).await.ok();
    let mut frames = frames_in(&bytes);
    if frames.last().is_some_and(|frame| frame["type"] == "resume") {
        let resume = frames.pop().expect("a frame");
        assert_eq!((&resume["id"], &resume["data"]), (&resume["prev"], &json!({})));
    }
    for pair in frames.windows(2) {
        assert_eq!(pair[1]["prev"], pair[0]["id"], "it was never served a hole");
    }
    let cursor = frames.last().expect("some frames").get("id").and_then(Value::as_str);
    let mut feed = client.stream(&thread.stream(cursor.expect("a cursor")), None).await;
    let mut rest = vec![feed.next().await];
    assert_eq!(rest[0].data["prev"].as_str(), cursor);
    while rest.last().expect("one").data["data"]["message_id"] != last {
        rest.push(feed.next().await);
    }
    assert_chained(&rest);
    let all = frames.len() + rest.len();
    let stored = eventually("all is stored", || async {
        let page = client.get(&thread.path("/events?limit=500")).await.expect(200);
        let frames = page["events"].as_array().expect("frames").len();
        (frames == 500 || frames >= all).then_some(frames)
    });
    assert!(stored.await >= all.min(500));
    // What began it was read while it was opened: `conversation.started`, and perhaps more.
    assert!(all >= sent, "{all} frames of {sent} messages");
}
