//! A reader of server-sent events.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use serde_json::Value;

use super::wait::within;

/// One event as a browser would dispatch it.
#[derive(Debug, Clone, PartialEq)]
pub struct SseEvent {
    pub id: String,
    pub name: String,
    pub data: Value,
}

/// An open stream.
pub struct Feed {
    bytes: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    buffer: String,
    pending: Vec<u8>,
    /// The last id, as a browser would send it back.
    pub last_id: String,
}

impl Feed {
    pub fn new(response: reqwest::Response) -> Self {
        let bytes = Box::pin(response.bytes_stream());
        Self { bytes, buffer: String::new(), pending: Vec::new(), last_id: String::new() }
    }

    /// The next event; none when the stream ended or broke.
    pub async fn try_next(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let block: String = self.buffer.drain(..end + 2).collect();
                if let Some(event) = self.parse(&block) {
                    return Some(event);
                }
                continue;
            }
            let chunk = self.bytes.next().await?.ok()?;
            self.pending.extend_from_slice(&chunk);
            let valid = match std::str::from_utf8(&self.pending) {
                Ok(text) => text.len(),
                Err(error) => error.valid_up_to(),
            };
            let rest = self.pending.split_off(valid);
            let text = std::mem::replace(&mut self.pending, rest);
            self.buffer.push_str(&String::from_utf8(text).expect("checked"));
        }
    }

    /// The next event, which must come.
    pub async fn next(&mut self) -> SseEvent {
        within("an event on the stream", self.try_next()).await.expect("the stream goes on")
    }

    /// Reads up to and including the first event that has this name.
    pub async fn until(&mut self, name: &str) -> Vec<SseEvent> {
        let mut events = Vec::new();
        loop {
            let event = self.next().await;
            let found = event.name == name;
            events.push(event);
            if found {
                return events;
            }
        }
    }

    /// Reads to the end of the stream.
    pub async fn rest(&mut self) -> Vec<SseEvent> {
        let mut events = Vec::new();
        while let Some(event) = within("the end of the stream", self.try_next()).await {
            events.push(event);
        }
        events
    }

    fn parse(&mut self, block: &str) -> Option<SseEvent> {
        let (mut name, mut data) = ("message".to_owned(), None);
        for line in block.lines() {
            match line.split_once(": ") {
                Some(("id", id)) => id.clone_into(&mut self.last_id),
                Some(("event", event)) => event.clone_into(&mut name),
                Some(("data", text)) => data = Some(serde_json::from_str(text).expect("JSON")),
                _ => {}
            }
        }
        data.map(|data| SseEvent { id: self.last_id.clone(), name, data })
    }
}

/// The text of all chunks among events of the live feed, as a reader assembles it: offsets are
/// checked, and a restart forgets.
pub fn assembled(events: &[SseEvent], reply_id: &str) -> String {
    let mut text = String::new();
    for event in events.iter().filter(|event| event.data["data"]["reply_id"] == reply_id) {
        match event.name.as_str() {
            "reply.restarted" => text.clear(),
            "reply.chunk" => {
                let offset = event.data["data"]["offset"].as_u64().expect("an offset");
                assert_eq!(offset, text.chars().count() as u64, "a chunk stands where it belongs");
                text.push_str(event.data["data"]["text"].as_str().expect("a text"));
            }
            _ => {}
        }
    }
    text
}

/// Checks that every frame's `prev` is the `id` of the one before it.
pub fn assert_chained(events: &[SseEvent]) {
    for pair in events.windows(2) {
        assert_eq!(pair[1].data["prev"], pair[0].data["id"], "no frame is missing: {pair:#?}");
        assert_eq!(pair[1].data["id"], pair[1].id, "SSE id and frame id agree");
    }
}
