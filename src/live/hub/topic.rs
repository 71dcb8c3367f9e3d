//! One conversation in the hub: who listens here, and the reply under way in it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::fan_out::FanOut;
use crate::domain::event::Body;
use crate::domain::message::Author;
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine::relay::{Signal, UnderWay, Whereabouts};
use crate::live::cursor::{split_chars, tag};
use crate::live::frame::{self, Content};
use crate::live::reader::{self, Item, Reply};

/// Items that may wait at a topic until its readers are told.
const WAITING: usize = 256;
/// Readers whom a reply's maker tells himself.
const FEW: usize = 4;
/// Replies that have ended and of which something may still be on its way.
const ENDED_KEPT: usize = 32;
/// For so long chunks go to other nodes unasked: who reads there is not told of a beginning first.
const UNASKED: Duration = Duration::from_secs(2);

/// A conversation that has a reader or a reply under way here.
pub(super) struct Topic {
    pub(super) place: Whereabouts,
    state: Mutex<State>,
}

/// Who is told what happens.
pub(super) struct Listener {
    pub(super) queue: mpsc::Sender<Arc<Item>>,
    /// Sees replies being made; one who does not waits for their end, and is told of events alone.
    pub(super) watches: bool,
}

pub(super) struct State {
    /// By number, in the order in which they came.
    pub(super) readers: BTreeMap<u64, Listener>,
    pub(super) reply: Option<Showing>,
    /// Taken out of the map: whoever holds it must fetch the new one.
    pub(super) gone: bool,
    next_reader: u64,
    ended: VecDeque<u64>,
    /// What not all readers have been told yet, oldest first.
    waiting: VecDeque<Waiting>,
    /// In line at `fan_out`.
    due: bool,
    fan_out: Arc<FanOut>,
    topic: Weak<Topic>,
}

/// An item that is being told.
struct Waiting {
    item: Arc<Item>,
    /// The reader who is told next.
    next: u64,
    /// Who came later has it in its snapshot, or reads it from the timeline.
    before: u64,
}

/// A reply under way and its text so far.
pub(super) struct Showing {
    pub(super) reply: Arc<Reply>,
    pub(super) text: String,
    chars: u64,
    /// What its maker had seen of the conversation.
    after: Seq,
    /// How it is stopped, where it is made here; another node makes it otherwise.
    stop: Option<Arc<Notify>>,
    /// Another node has asked for what is made here.
    followed: bool,
}

/// What a topic wants to be told to the other nodes after hearing from them.
pub(super) enum Heard {
    Nothing,
    Say(Signal),
}

impl Topic {
    pub(super) fn new(place: Whereabouts, fan_out: Arc<FanOut>) -> Arc<Self> {
        Arc::new_cyclic(|topic| Self {
            place,
            state: Mutex::new(State {
                readers: BTreeMap::new(),
                reply: None,
                gone: false,
                next_reader: 0,
                ended: VecDeque::new(),
                waiting: VecDeque::new(),
                due: false,
                fan_out,
                topic: topic.clone(),
            }),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells at most so many readers, and gets in line again where more are to be told; how many
    /// were.
    pub(super) fn tell(self: &Arc<Self>, most: usize) -> usize {
        let mut state = self.lock();
        let told = state.tell(most);
        state.due = !state.waiting.is_empty();
        if state.due {
            state.fan_out.push(self.clone());
        }
        told
    }
}

impl State {
    /// Whether somebody sees replies being made here.
    pub(super) fn is_watched(&self) -> bool {
        self.readers.values().any(|reader| reader.watches)
    }

    /// Whether somebody sees the reply being made, here or on another node.
    pub(super) fn is_shown(&self) -> bool {
        self.is_watched() || self.reply.as_ref().is_some_and(|now| now.followed)
    }

    /// Whether nobody needs the topic: a reply that another node makes keeps none.
    pub(super) fn is_idle(&self) -> bool {
        self.readers.is_empty() && self.reply.as_ref().is_none_or(|now| now.stop.is_none())
    }

    /// Whether the reply that is made here was asked to stop.
    #[cfg(test)]
    pub(super) fn is_stopped(&self) -> bool {
        use futures_util::FutureExt as _;
        let stop = self.reply.as_ref().and_then(|now| now.stop.as_ref());
        stop.is_some_and(|stop| stop.notified().now_or_never().is_some())
    }

    /// Takes a reader in; its number, and whether it is the first who watches.
    pub(super) fn join(&mut self, queue: mpsc::Sender<Arc<Item>>, watches: bool) -> (u64, bool) {
        let (number, first) = (self.next_reader, watches && !self.is_watched());
        self.next_reader += 1;
        self.readers.insert(number, Listener { queue, watches });
        (number, first)
    }

    /// Ends every reader's queue.
    pub(super) fn dismiss(&mut self) {
        self.readers.clear();
        self.waiting.clear();
    }

    /// Leaves an item to be told to those who read now.
    pub(super) fn send(&mut self, item: Item) {
        if self.readers.is_empty() {
            return;
        }
        if self.waiting.len() == WAITING {
            let readers = self.readers.len() as u64;
            metrics::counter!("parlor_live_slow_readers_total").increment(readers);
            self.dismiss();
            return;
        }
        let (item, before) = (Arc::new(item), self.next_reader);
        self.waiting.push_back(Waiting { item, next: 0, before });
        if !self.due
            && let Some(topic) = self.topic.upgrade()
        {
            self.due = true;
            self.fan_out.push(topic);
        }
    }

    /// The same from whoever may tell a few readers himself, which costs less than leaving it to another
    /// task.
    fn send_at_once(&mut self, item: Item) {
        if self.due || self.readers.len() > FEW {
            return self.send(item);
        }
        let (item, before) = (Arc::new(item), self.next_reader);
        self.waiting.push_back(Waiting { item, next: 0, before });
        self.tell(FEW);
    }

    /// Tells at most so many readers what waits, an item after the other; how many were.
    fn tell(&mut self, most: usize) -> usize {
        let mut told = 0;
        while let Some(waiting) = self.waiting.front_mut() {
            let is_event = matches!(*waiting.item, Item::Event { .. });
            let mut lost = Vec::new();
            let first = waiting.next;
            for (number, reader) in self.readers.range(first..waiting.before) {
                if told == most {
                    break;
                }
                (waiting.next, told) = (number + 1, told + 1);
                if !reader.watches && !is_event {
                    continue;
                }
                if let Err(refused) = reader.queue.try_send(waiting.item.clone()) {
                    if matches!(refused, mpsc::error::TrySendError::Full(_)) {
                        metrics::counter!("parlor_live_slow_readers_total").increment(1);
                    }
                    lost.push(*number);
                }
            }
            let is_told = self.readers.range(waiting.next..waiting.before).next().is_none();
            for number in lost {
                self.readers.remove(&number);
            }
            if !is_told {
                break;
            }
            self.waiting.pop_front();
        }
        told
    }

    pub(super) fn begin(&mut self, reply: Arc<Reply>, after: Seq, stop: Option<Arc<Notify>>) {
        let text = String::new();
        self.reply =
            Some(Showing { reply: reply.clone(), text, chars: 0, after, stop, followed: false });
        self.send(Item::Began(reply));
    }

    /// Shows the next piece of an attempt's text; says where it begins if other nodes are to know, and
    /// nothing when another attempt is shown.
    pub(super) fn chunk(&mut self, attempt: u64, text: &str, at: Timestamp) -> Option<u64> {
        let now = self.reply.as_mut().filter(|now| now.reply.attempt == attempt)?;
        let (reply, offset) = (now.reply.clone(), now.chars);
        let told = now.followed || at.since(reply.began_at) < UNASKED;
        now.text.push_str(text);
        now.chars += text.chars().count() as u64;
        if self.is_watched() {
            let content = frame::of_chunk(reply.id, offset, text.into(), at).into();
            self.send_at_once(Item::Chunk { reply, offset, at, content });
        }
        told.then_some(offset)
    }

    /// That an attempt goes on, where no other has taken its place.
    pub(super) fn alive(&self, attempt: u64) -> Option<Signal> {
        let now = self.reply.as_ref().filter(|now| now.reply.attempt == attempt)?;
        Some(Signal::Alive { attempt, followed: now.followed })
    }

    /// An attempt is done with, whatever came of it.
    pub(super) fn end(&mut self, attempt: u64) {
        if self.reply.as_ref().is_some_and(|now| now.reply.attempt == attempt) {
            self.reply = None;
        }
    }

    /// An event that ends a reply, or the bot's part.
    pub(super) fn conclude(&mut self, body: &Body) {
        if let Some(ended) = reader::ends(body) {
            self.remember(ended);
        }
        let over = self
            .reply
            .as_ref()
            .map(|now| tag(now.reply.id))
            .filter(|now| reader::ends(body) == Some(*now) || reader::takes_over(body));
        if let Some(over) = over {
            self.remember(over);
            self.reply = None;
        }
    }

    fn remember(&mut self, ended: u64) {
        if !self.ended.contains(&ended) {
            if self.ended.len() == ENDED_KEPT {
                self.ended.pop_front();
            }
            self.ended.push_back(ended);
        }
    }

    /// Another node says something.
    pub(super) fn hear(&mut self, signal: Signal) -> Heard {
        match signal {
            Signal::SoFar { reply, text, followed } => {
                let attempt = reply.attempt;
                self.so_far(reply, &text);
                return self.follow(attempt, followed);
            }
            Signal::Chunk { attempt, offset, at, text } => {
                return self.remote_chunk(attempt, offset, &text, at);
            }
            Signal::Ended { attempt } => {
                if self.reply.as_ref().is_some_and(|now| now.stop.is_none()) {
                    self.end(attempt);
                }
            }
            Signal::Typing { author, typing, at } => {
                self.send(Item::Ephemeral(typing_content(author, typing, at).into()))
            }
            Signal::Stop { in_reply_to } => {
                let ours = self.reply.as_ref().filter(|now| now.reply.in_reply_to == in_reply_to);
                if let Some(stop) = ours.and_then(|now| now.stop.as_ref()) {
                    stop.notify_one();
                }
            }
            Signal::Ask => {
                if let Some(now) = self.reply.as_mut().filter(|now| now.stop.is_some()) {
                    now.followed = true;
                    return Heard::Say(now.so_far());
                }
            }
            Signal::Alive { attempt, followed } => {
                let begun = self.shown() >= attempt;
                return self.follow(attempt, followed && begun);
            }
        }
        Heard::Nothing
    }

    /// Asks for another node's attempt that is read here, unless it is followed already.
    fn follow(&self, attempt: u64, followed: bool) -> Heard {
        if followed || !self.is_watched() || self.shown() > attempt {
            return Heard::Nothing;
        }
        Heard::Say(Signal::Ask)
    }

    /// The attempt that is shown; 0 is none.
    fn shown(&self) -> u64 {
        self.reply.as_ref().map_or(0, |now| now.reply.attempt)
    }

    fn so_far(&mut self, reply: UnderWay, text: &str) {
        if self.ended.contains(&tag(reply.reply_id)) {
            return;
        }
        let known = self.reply.as_ref().map(|now| (now.reply.attempt, now.chars));
        let seen = match known {
            Some((attempt, _)) if attempt > reply.attempt => return,
            Some((attempt, chars)) if attempt == reply.attempt => chars,
            _ => 0,
        };
        let (attempt, at) = (reply.attempt, reply.began_at);
        if known.is_none_or(|(known, _)| known != attempt) {
            let after = reply.after;
            let reply = Reply {
                id: reply.reply_id,
                in_reply_to: reply.in_reply_to,
                author: reply.author,
                attempt,
                began_at: at,
                asked: reply.asked,
            };
            self.begin(Arc::new(reply), after, None);
        }
        if let Some((_, new)) = split_chars(text, seen).filter(|(_, new)| !new.is_empty()) {
            self.chunk(attempt, new, at);
        }
    }

    fn remote_chunk(&mut self, attempt: u64, offset: u64, text: &str, at: Timestamp) -> Heard {
        let seen = match &self.reply {
            Some(now) if now.reply.attempt == attempt => now.chars,
            Some(now) if now.reply.attempt > attempt => return Heard::Nothing,
            _ => return Heard::Say(Signal::Ask),
        };
        let Some(skip) = seen.checked_sub(offset) else { return Heard::Say(Signal::Ask) };
        if let Some((_, new)) = split_chars(text, skip).filter(|(_, new)| !new.is_empty()) {
            self.chunk(attempt, new, at);
        }
        Heard::Nothing
    }
}

impl Showing {
    /// As another node must know it.
    pub(super) fn so_far(&self) -> Signal {
        let reply = &self.reply;
        let under_way = UnderWay {
            reply_id: reply.id,
            in_reply_to: reply.in_reply_to,
            author: reply.author.clone(),
            attempt: reply.attempt,
            began_at: reply.began_at,
            asked: reply.asked,
            after: self.after,
        };
        Signal::SoFar { reply: under_way, text: self.text.clone(), followed: self.followed }
    }
}

/// Somebody types, or no longer does.
pub(super) fn typing_content(author: Author, typing: bool, at: Timestamp) -> Content {
    frame::content(frame::Kind::Typing, at, &frame::Typing { author, typing })
}
