//! Pieces of a model's answer that come together, and the readers to whom they go out together.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::stage::{HOME, Stage, Thread, chunks};
use crate::harness::feed::{SseEvent, assembled, assert_chained};
use crate::harness::socket::Socket;
use crate::harness::upstream::{Answer, Piece, Upstream};

const FIRST: &str = "One,";
/// Pieces that come at once after the first.
const MORE: usize = 40;

/// A model that says one piece, then [`MORE`] in one write, and then waits before it ends.
struct Model {
    upstream: Upstream,
    more: Arc<Semaphore>,
    end: Arc<Semaphore>,
}

impl Model {
    async fn start() -> Self {
        let (more, end) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let gates = (more.clone(), end.clone());
        let upstream = Upstream::start(move |_, _| {
            let delta = |number| json!({ "choices": [{ "delta": { "content": word(number) } }] });
            let together = (0..MORE).map(|number| format!("data: {}\n\n", delta(number)));
            Answer::events(vec![
                Piece::delta(FIRST),
                Piece::Gate(gates.0.clone()),
                Piece::text(&together.collect::<String>()),
                Piece::Gate(gates.1.clone()),
                Piece::finish("stop"),
                Piece::done(),
            ])
        })
        .await;
        Self { upstream, more, end }
    }

    fn definition(&self) -> Value {
        json!({ "kind": "llm", "name": "Ada", "base_url": self.upstream.url("/v1"),
            "model": "tiny", "retries": 0 })
    }
}

fn word(number: usize) -> String {
    format!(" {number} 🌙,")
}

fn whole() -> String {
    (0..MORE).fold(FIRST.to_owned(), |text, number| text + &word(number))
}

/// What two readers of one conversation are shown of the answer, over SSE and a WebSocket, each
/// frame of it while the model has not ended yet.
async fn shown(model: &Model, stage: &Stage, thread: &Thread) -> [Vec<SseEvent>; 2] {
    let mut feed = thread.client.stream(&thread.path("/stream"), None).await;
    let headers = [("X-AeroChat-API-Key", stage.credential("aerochat_api_key"))];
    let mut socket = Socket::open(stage.server.address(), "", &headers).await.expect("opened");
    let subscribe = json!({ "type": "subscribe", "conversation_id": thread.id });
    assert_eq!(socket.ask(subscribe).await.0["type"], "ok");
    thread.send("hello").await;
    let mut events = feed.until("reply.chunk").await;
    assert_eq!(chunks(&events), [FIRST], "shown while the model has more to say");
    model.more.add_permits(1);
    let reply = events[1].data["data"]["reply_id"].as_str().expect("a reply").to_owned();
    while assembled(&events, &reply) != whole() {
        events.push(feed.next().await);
    }
    model.end.add_permits(1);
    events.extend(feed.until("message.outbound").await);
    let frames = socket.until("message.outbound").await.into_iter().map(|mut data| {
        data.as_object_mut().expect("a frame").remove("conversation_id");
        let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
        SseEvent { id: text("id"), name: text("type"), data }
    });
    [events, frames.collect()]
}

#[tokio::test]
async fn pieces_that_come_together_go_out_together_and_the_first_waits_for_none() {
    let model = Model::start().await;
    let stage = Stage::with_bot(&model.definition()).await;
    let thread = stage.conversation().await;
    let [events, frames] = shown(&model, &stage, &thread).await;
    assert_eq!(events, frames, "a WebSocket has the frames of the stream");
    assert_chained(&events);
    let count = chunks(&events).len();
    assert!((2..=MORE / 4).contains(&count), "{count} frames of {MORE} pieces: {events:#?}");
    assert_eq!(chunks(&events).concat(), whole());
    assert_eq!(events.last().expect("a message").data["data"]["text"], whole());

    // Any cursor in between is as good as ever.
    for chunk in events.iter().filter(|event| event.name == "reply.chunk") {
        let after = thread.path(&format!("/stream?after={}", chunk.id));
        let rest = thread.client.stream(&after, None).await.until("message.outbound").await;
        let offset = chunk.data["data"]["offset"].as_u64().expect("an offset") as usize;
        let seen = offset + chunks(std::slice::from_ref(chunk)).concat().chars().count();
        let missing: String = whole().chars().skip(seen).collect();
        assert_eq!(chunks(&rest).concat(), missing);
        assert_eq!(rest[0].data["prev"], chunk.id);
    }
}

#[tokio::test]
async fn none_is_gathered_where_the_setting_says_so() {
    let model = Model::start().await;
    let flags = [&HOME[..], &["--gather-ms", "0"]].concat();
    let stage = Stage::made(&model.definition(), &["--no-agent"], &flags).await;
    let thread = stage.conversation().await;
    let [events, frames] = shown(&model, &stage, &thread).await;
    assert_eq!(events, frames);
    let words: Vec<_> = [FIRST.to_owned()].into_iter().chain((0..MORE).map(word)).collect();
    assert_eq!(chunks(&events), words);
}
