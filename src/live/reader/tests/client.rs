//! A client that believes nothing but the frames it gets, and the connection it gets them on:
//! what `live::follow` does, one step at a time, so that anything may happen between the steps.

use std::collections::{HashMap, HashSet, VecDeque};

use futures_util::FutureExt;
use serde_json::Value;

use super::world::{NOW, World};
use crate::domain::ids::MessageId;
use crate::domain::seq::Seq;
use crate::live::cursor::Cursor;
use crate::live::frame::Frame;
use crate::live::hub::{Snapshot, Subscription};
use crate::live::reader::Reader;

enum Phase {
    Paging(Snapshot),
    Joining(Snapshot),
    Live,
}

struct Link {
    reader: Reader,
    subscription: Subscription,
    phase: Phase,
    /// Frames that are made and not yet sent; lost when the client is cut off.
    ready: VecDeque<Frame>,
}

/// One client over all its connections.
pub(super) struct Client {
    /// As it was on the wire.
    pub(super) cursor: String,
    pub(super) first: Option<Seq>,
    link: Option<Link>,
    pub(super) events: Vec<Seq>,
    pub(super) texts: HashMap<String, String>,
    /// Replies to the questions it has seen.
    asked: Vec<String>,
    /// Replies of which it must see no more.
    over: HashSet<String>,
    /// Whether its first cursor is one we gave.
    pub(super) honest: bool,
}

impl Client {
    /// Begins at a cursor; now where there is none.
    pub(super) fn new(cursor: Option<Cursor>, honest: bool) -> Self {
        Self {
            cursor: cursor.map(|cursor| cursor.to_string()).unwrap_or_default(),
            first: None,
            link: None,
            events: Vec::new(),
            texts: HashMap::new(),
            asked: Vec::new(),
            over: HashSet::new(),
            honest,
        }
    }

    /// The connection breaks; what was made and not sent is lost.
    pub(super) fn cut(&mut self) {
        self.link = None;
    }

    fn connect(&mut self, world: &World) {
        if self.cursor.is_empty() {
            let end = world.log.last().expect("it began").seq;
            self.cursor = Cursor::at(end).to_string();
        }
        let cursor: Cursor = self.cursor.parse().expect("our own cursor");
        self.first.get_or_insert(cursor.seq);
        let (reader, subscription, snapshot) = world.follow(cursor);
        let phase = Phase::Paging(snapshot);
        self.link = Some(Link { reader, subscription, phase, ready: VecDeque::new() });
    }

    /// Takes up to `frames` frames, as `live::follow` makes them; what catching up consists of
    /// happens one at a time, so that anything may happen between.
    pub(super) fn take(&mut self, world: &World, frames: usize, page: usize) {
        if self.link.is_none() {
            self.connect(world);
        }
        for _ in 0..frames {
            let Some(link) = &mut self.link else { return };
            if let Some(frame) = link.ready.pop_front() {
                self.see(&frame, world);
                continue;
            }
            let mut out = Vec::new();
            match &mut link.phase {
                Phase::Paging(snapshot) => {
                    let after = link.reader.cursor().seq;
                    let rest = world.log.iter().filter(|entry| entry.seq > after).take(page);
                    let rest: Vec<_> = rest.collect();
                    for entry in &rest {
                        link.reader.stored(entry.seq, &entry.event, &mut out);
                    }
                    if rest.len() < page {
                        link.phase = Phase::Joining(snapshot.take());
                    }
                }
                Phase::Joining(snapshot) => {
                    if let Some((reply, text)) = snapshot.take() {
                        let owed = world.owes(reply.in_reply_to);
                        link.reader.join(&reply, &text, owed, NOW, &mut out);
                    }
                    link.phase = Phase::Live;
                }
                Phase::Live => match link.subscription.next_item().now_or_never() {
                    None => return,
                    Some(None) => {
                        self.link = None;
                        return;
                    }
                    Some(Some(item)) => link.reader.live(&item, &mut out),
                },
            }
            assert!(!link.reader.is_lost(), "the hub leaves no holes; look at its order");
            link.ready = out.into();
        }
    }

    /// Catches up and takes everything; once more where the hub had cut it off as too slow.
    pub(super) fn drain(&mut self, world: &World) {
        for _ in 0..2 {
            world.tell_readers();
            self.take(world, 10_000, 3);
        }
    }

    fn see(&mut self, frame: &Frame, world: &World) {
        let json: Value = serde_json::from_str(&frame.to_json()).expect("a frame is JSON");
        let (id, prev) = (json["id"].as_str().unwrap(), json["prev"].as_str().unwrap());
        assert_eq!(prev, self.cursor, "a frame does not follow the one before: {json}");
        assert_eq!(id.parse(), Ok(frame.id), "a cursor is not read back");
        self.cursor = id.to_owned();
        let data = &json["data"];
        let reply = data["reply_id"].as_str().unwrap_or_default().to_owned();
        self.look_who_speaks(&json, &reply);
        match json["type"].as_str().unwrap() {
            "typing" | "resume" => assert_eq!(id, prev, "nothing of it is kept"),
            "reply.started" => {
                let again = self.texts.insert(reply, String::new());
                assert!(again.is_none() || !self.honest, "a reply starts once: {json}");
            }
            "reply.chunk" => {
                let text = self.texts.entry(reply).or_default();
                let (offset, piece) = (&data["offset"], data["text"].as_str().unwrap());
                assert!(!piece.is_empty(), "an empty chunk");
                if self.honest {
                    assert_eq!(*offset, text.chars().count(), "a hole or a repetition: {json}");
                }
                text.push_str(piece);
            }
            "reply.restarted" => {
                let id: MessageId = reply.parse().expect("a message id");
                let changed = world.has_changed(id);
                assert!(changed || !self.honest, "the text never changed, yet: {json}");
                self.texts.insert(reply, String::new());
            }
            kind => {
                self.events.push(frame.id.seq);
                let shown = data["message_id"].as_str().and_then(|id| self.texts.get(id));
                if let Some(shown) = shown.filter(|shown| !shown.is_empty() && self.honest) {
                    assert_eq!(kind, "message.outbound");
                    assert_eq!(data["text"], **shown, "the pieces joined are the message");
                }
            }
        }
    }

    /// Nothing of the bot is shown after people took over, or after its reply.
    fn look_who_speaks(&mut self, json: &Value, reply: &str) {
        let data = &json["data"];
        match json["type"].as_str().unwrap() {
            "message.inbound" => {
                let asked: MessageId = data["message_id"].as_str().unwrap().parse().unwrap();
                self.asked.push(asked.reply().to_string());
            }
            "conversation.assigned" | "conversation.escalated" | "conversation.resolved" => {
                self.over.extend(self.asked.drain(..));
            }
            "message.outbound" => {
                self.over.insert(data["message_id"].as_str().unwrap().to_owned());
            }
            "reply.started" | "reply.chunk" | "reply.restarted" => {
                assert!(!self.over.contains(reply), "this reply is over: {json}");
            }
            _ => {}
        }
    }
}
