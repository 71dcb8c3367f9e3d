//! What must be true of a conversation after all those kills, seen through the front door: every
//! one of them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use super::load::{Ledger, QUESTIONS};
use super::reading::Reading;
use crate::harness::Client;
use crate::harness::feed::{assembled, assert_chained};
use crate::harness::wait::eventually_in;

/// How long the last replies may take: those that a killed node owed are taken over.
const PATIENCE: Duration = Duration::from_secs(90);

/// What was counted, over all conversations.
#[derive(Debug, Default)]
pub struct Figures {
    pub acknowledged: usize,
    /// Kept, but the caller was never told.
    pub unacknowledged: usize,
    pub replies: usize,
    /// Replies that a reader saw being made.
    pub streamed: usize,
    /// Replies that stand after the reply to a later message.
    pub overtaken: usize,
    pub resumed: usize,
    pub resumed_inside: usize,
}

/// Waits until a conversation is settled, and checks on every server that there is, and that they
/// agree, against what its caller was told.
pub async fn judge(clients: &[Client], ledger: &Ledger, figures: &mut Figures) {
    let id = &ledger.conversation;
    let [client, others @ ..] = clients else { panic!("a server to ask") };
    let frames = eventually_in(PATIENCE, "every message has its reply", || async {
        let frames = events(client, id).await;
        let answered: HashSet<_> =
            of(&frames, "message.outbound").map(|data| data["in_reply_to"].clone()).collect();
        let all = of(&frames, "message.inbound").all(|data| answered.contains(&data["message_id"]));
        all.then_some(frames)
    })
    .await;
    let mut prev = Value::from("0");
    for frame in &frames {
        assert_eq!(frame["prev"], prev, "the events are one chain: {frame}");
        prev = frame["id"].clone();
    }
    assert_eq!(history(client, id).await, messages(&frames), "history and events are one, {id}");
    for other in others {
        assert_eq!(events(other, id).await, frames, "every server has the same events of {id}");
        assert_eq!(history(other, id).await, messages(&frames), "and the same history of {id}");
    }
    nothing_is_lost_or_doubled(ledger, &frames, figures);
    every_message_has_one_reply(&frames, figures);
    if let Some(reading) = &ledger.reading {
        the_reader_saw_each_thing_once(reading, &frames, figures);
    }
}

fn nothing_is_lost_or_doubled(ledger: &Ledger, frames: &[Value], figures: &mut Figures) {
    let mut places = HashMap::new();
    for (place, data) in of(frames, "message.inbound").enumerate() {
        let text = data["text"].as_str().expect("a text");
        let doubled = places.insert(text, (place, &data["message_id"]));
        assert!(doubled.is_none(), "{text:?} is there twice in {}", ledger.conversation);
    }
    let mut last = None;
    for (id, text) in &ledger.acknowledged {
        let found = places.get(text.as_str());
        let (place, kept) =
            found.unwrap_or_else(|| panic!("{text:?} was acknowledged as {id} and is lost"));
        assert_eq!(*kept, id, "{text:?} is kept under the id that was told");
        assert!(last < Some(*place), "{text:?} stands before what was acknowledged before it");
        last = Some(*place);
    }
    figures.acknowledged += ledger.acknowledged.len();
    figures.unacknowledged += places.len() - ledger.acknowledged.len();
}

fn every_message_has_one_reply(frames: &[Value], figures: &mut Figures) {
    let mut asked: BTreeMap<&str, (usize, &Value)> = BTreeMap::new();
    let mut latest = 0;
    for frame in frames {
        let data = &frame["data"];
        match frame["type"].as_str().expect("a type") {
            "message.inbound" => {
                let id = data["message_id"].as_str().expect("an id");
                asked.insert(id, (asked.len() + figures.replies, data));
            }
            "message.outbound" => {
                let answers = data["in_reply_to"].as_str().expect("a bot's reply");
                let question = asked.remove(answers);
                let (place, question) = question.unwrap_or_else(|| {
                    panic!("a reply to what was not asked before, or already answered: {data}")
                });
                let text = question["text"].as_str().expect("a text");
                let intent = QUESTIONS.iter().find(|(known, _)| text.starts_with(known));
                assert_eq!(data["intent"], intent.expect("ours").1, "the reply answers {text:?}");
                assert_eq!(data["partial"], false, "nobody stopped {data}");
                figures.replies += 1;
                figures.overtaken += usize::from(place < latest);
                latest = latest.max(place);
            }
            "conversation.started" => {}
            other => panic!("nothing else happened here, but {other}: {frame}"),
        }
    }
    assert!(asked.is_empty(), "no reply: {asked:?}");
}

fn the_reader_saw_each_thing_once(reading: &Reading, frames: &[Value], figures: &mut Figures) {
    let events = &reading.events;
    assert_chained(events);
    assert_eq!(events[0].data["prev"], "0", "the reader began at the beginning");
    let mut begun = HashSet::new();
    let mut kept = Vec::new();
    for event in events {
        match event.name.as_str() {
            "reply.restarted" => panic!("this bot says the same again: {event:?}"),
            "reply.started" => {
                let reply = &event.data["data"]["reply_id"];
                assert!(begun.insert(reply.clone()), "a reply starts once: {event:?}");
            }
            "reply.chunk" | "resume" => {}
            _ => kept.push(shared(&event.data)),
        }
    }
    // It stopped reading when all was answered that it was told to be kept.
    let stored: Vec<_> = frames.iter().take(kept.len()).map(shared).collect();
    assert_eq!(kept, stored, "every event once, in order");
    for data in of(frames, "message.outbound") {
        let shown = assembled(events, data["message_id"].as_str().expect("an id"));
        assert!(
            shown.is_empty() || data["text"] == shown,
            "chunks are the stored reply: {shown:?} and {data}"
        );
        figures.streamed += usize::from(!shown.is_empty());
    }
    figures.resumed += reading.resumed;
    figures.resumed_inside += reading.resumed_inside;
}

/// What of a frame is the same for all readers.
fn shared(frame: &Value) -> (Value, Value, Value) {
    (frame["type"].clone(), frame["at"].clone(), frame["data"].clone())
}

fn of<'a>(frames: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    frames.iter().filter(move |frame| frame["type"] == kind).map(|frame| &frame["data"])
}

fn messages(frames: &[Value]) -> Vec<(Value, Value)> {
    let kinds = ["message.inbound", "message.outbound"];
    let messages = frames.iter().filter(|frame| kinds.iter().any(|kind| frame["type"] == *kind));
    messages.map(|frame| &frame["data"]).map(named).collect()
}

fn named(message: &Value) -> (Value, Value) {
    (message["message_id"].clone(), message["text"].clone())
}

/// All events of a conversation, page by page.
pub async fn events(client: &Client, id: &str) -> Vec<Value> {
    let mut frames = Vec::new();
    let mut after = "0".to_owned();
    loop {
        let path = format!("/live/v1/conversations/{id}/events?after={after}&limit=500");
        let page = client.get(&path).await.expect(200);
        let new = page["events"].as_array().expect("events");
        // A reply under way comes after the timeline; here only what is stored counts.
        let stored = new.iter().take_while(|frame| {
            !["reply.started", "reply.chunk"].iter().any(|kind| frame["type"] == *kind)
        });
        let before = frames.len();
        frames.extend(stored.cloned());
        if frames.len() - before < new.len() || new.is_empty() {
            return frames;
        }
        page["next"].as_str().expect("a cursor").clone_into(&mut after);
    }
}

/// The whole history of a conversation on AeroChat, page by page: ids and texts.
pub async fn history(client: &Client, id: &str) -> Vec<(Value, Value)> {
    let mut messages = Vec::new();
    for page in 1.. {
        let path = format!("/bot/v1/conversations/{id}/messages?page={page}&limit=100");
        let listed = client.get(&path).await.expect(200);
        messages.extend(listed["messages"].as_array().expect("messages").iter().map(named));
        if listed["paging"]["has_more"] == false {
            break;
        }
    }
    messages
}
