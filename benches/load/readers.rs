//! The readers of streamed answers: one follows one stream and notes how late each piece comes.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use crate::{
    client::{Connection, text_in},
    drive::refused,
    figures::Latency,
};

/// What a stream must deliver, and when.
pub(crate) struct Script {
    pub(crate) text: String,
    /// Where each piece ends in the text.
    pub(crate) ends: Vec<usize>,
    pub(crate) pace: Duration,
    /// The mean size of an event, for the limit to send as much.
    pub(crate) event: usize,
}

/// What all readers of a round share; each adds to it as pieces arrive.
pub(crate) struct Tally {
    late: Latency,
    since_asked: Latency,
    first: Latency,
    broken: AtomicU64,
    /// Conversations whose stored reply is to be compared afterwards.
    sample: Mutex<Vec<String>>,
}

impl Tally {
    /// Nothing counted yet.
    pub(crate) fn new() -> Self {
        Self {
            late: Latency::new(),
            since_asked: Latency::new(),
            first: Latency::new(),
            broken: AtomicU64::new(0),
            sample: Mutex::new(Vec::new()),
        }
    }
}

/// The figures of one round.
pub(crate) struct Round {
    pub(crate) late: Latency,
    /// As `late`, but against a schedule that begins when the stream was asked for.
    pub(crate) since_asked: Latency,
    pub(crate) first: Latency,
    pub(crate) delivered: u64,
    /// Streams that ended in an error, early, or with another text.
    pub(crate) broken: u64,
    pub(crate) sample: Vec<String>,
    pub(crate) wall: Duration,
    /// CPU seconds of the server and of this process.
    pub(crate) cpu: (f64, f64),
    expected: u64,
}

impl Round {
    /// The figures of a round that should have delivered `expected` pieces.
    pub(crate) fn new(tally: &Tally, expected: usize, wall: Duration, cpu: (f64, f64)) -> Self {
        Self {
            late: tally.late.clone(),
            since_asked: tally.since_asked.clone(),
            first: tally.first.clone(),
            delivered: tally.late.count(),
            broken: tally.broken.load(Relaxed),
            sample: tally.sample.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            wall,
            cpu,
            expected: expected as u64,
        }
    }

    /// Pieces that did not come.
    pub(crate) fn missing(&self) -> u64 {
        self.expected.saturating_sub(self.delivered)
    }

    /// The share of the pieces that came.
    pub(crate) fn share(&self) -> f64 {
        self.delivered as f64 / (self.expected as f64).max(1.0)
    }
}

/// Asks at `start`, follows the answer to its end and notes what came.
pub(crate) async fn follow(
    connection: Connection,
    request: Arc<[u8]>,
    script: Arc<Script>,
    start: Instant,
    tally: Arc<Tally>,
    sampled: bool,
) {
    tokio::time::sleep_until(start.into()).await;
    match read(connection, &request, &script, &tally).await {
        Ok(Some(id)) if sampled => {
            tally.sample.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        }
        Ok(_) => {}
        Err(error) => {
            // One line is enough where a thousand streams break for the same reason.
            if tally.broken.fetch_add(1, Relaxed) == 0 {
                eprintln!("a stream broke: {error}");
            }
        }
    }
}

/// Reads the stream; the conversation's id if its end names one.
async fn read(
    mut connection: Connection,
    request: &[u8],
    script: &Script,
    tally: &Tally,
) -> io::Result<Option<String>> {
    let asked = Instant::now();
    let head = connection.start(request).await?;
    if head.status != 200 {
        return Err(refused(head.status, b"instead of a stream"));
    }
    let (mut first, mut told, mut pieces, mut conversation) = (None, 0, 0, None);
    while let Some(event) = connection.event().await? {
        if event.kind == b"end" {
            let end: serde_json::Value = serde_json::from_slice(event.data)?;
            if end["reply"]["text"] != script.text.as_str() {
                return Err(io::Error::other("the end's reply is another text"));
            }
            conversation = end["conversation_id"].as_str().map(str::to_owned);
        }
        if event.kind != b"chunk" {
            continue;
        }
        let now = Instant::now();
        let text = text_in(event.data);
        if script.text.as_bytes().get(told..told + text.len()) != Some(text) {
            return Err(io::Error::other(format!("another text came at character {told}")));
        }
        told += text.len();
        let first = *first.get_or_insert_with(|| {
            tally.first.record(now - asked);
            now
        });
        while script.ends.get(pieces).is_some_and(|end| *end <= told) {
            let due = script.pace * pieces as u32;
            tally.late.record(now.saturating_duration_since(first + due));
            tally.since_asked.record(now.saturating_duration_since(asked + due));
            pieces += 1;
        }
    }
    if told < script.text.len() {
        return Err(io::Error::other(format!("the stream ended after {told} characters")));
    }
    Ok(conversation)
}
