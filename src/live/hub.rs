//! The hub: tells the readers connected here what happens now in their conversations.
//!
//! A conversation has a topic only while it has a reader or a reply under way here. Each reader has
//! a bounded queue; one that does not keep up loses its queue at once, so that it can neither hold
//! memory nor be served a hole, and is told to resume from its cursor. Nothing here waits: readers are
//! told by a task of the hub's (`fan_out`), a slice of them at a time. Where there are other nodes,
//! what they must know goes out, and what they say comes in, by the [`Relay`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use dashmap::DashMap;
use tokio::sync::{Notify, mpsc};

use super::frame;
use super::reader::{Item, Reply};
use crate::domain::ids::{ConversationId, MessageId};
use crate::domain::message::Author;
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine::relay::{Relay, Signal, Whereabouts};
use crate::engine::{Observer, Recorded};
use fan_out::FanOut;
use topic::{Heard, State, Topic};

mod fan_out;
mod topic;

#[cfg(test)]
mod tests;

/// Items that may wait for one reader.
const QUEUE: usize = 256;
/// Bits of an attempt's number that are not the time: it grows on whichever node it is made.
const COUNT_BITS: u32 = 22;

/// All topics of this node.
pub struct Hub {
    topics: DashMap<ConversationId, Arc<Topic>>,
    attempts: AtomicU64,
    readers: AtomicU64,
    /// Draining: a new reader is told to resume at once.
    closed: AtomicBool,
    relay: OnceLock<Arc<dyn Relay>>,
    fan_out: Arc<FanOut>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            topics: DashMap::new(),
            // Two nodes must not number two attempts of one moment alike.
            attempts: AtomicU64::new(rand::random()),
            readers: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            relay: OnceLock::new(),
            fan_out: Arc::default(),
        }
    }
}

/// The reply under way when a reader joined, and its text so far.
pub type Snapshot = Option<(Arc<Reply>, String)>;

/// A reader's place in the hub; leaving is dropping it.
pub struct Subscription {
    hub: Arc<Hub>,
    conversation: ConversationId,
    id: u64,
    items: mpsc::Receiver<Arc<Item>>,
}

/// A reply that is about to be made here.
pub struct Beginning {
    pub id: MessageId,
    pub in_reply_to: MessageId,
    /// Where the question stands.
    pub asked: Seq,
    /// What its maker has seen of the conversation.
    pub after: Seq,
    pub author: Author,
    pub at: Timestamp,
    /// Is notified when a reader on another node wants it to stop.
    pub stop: Arc<Notify>,
}

impl Hub {
    /// From here on other nodes are told, and heard.
    pub fn connect(&self, relay: Arc<dyn Relay>) {
        self.relay.set(relay).ok();
    }

    /// The task that tells the readers what happens; it ends with the hub.
    pub fn fan_out(&self) -> impl Future<Output = ()> + Send + 'static {
        self.fan_out.clone().run()
    }

    /// Tells the readers all there is to tell.
    #[cfg(test)]
    pub(super) fn tell_all(&self) {
        while self.fan_out.slice() {}
    }

    /// Joins a conversation: what happens from here on is queued, and what of a reply was there
    /// before is in the snapshot. Read the timeline after joining, and nothing is missed. What stands
    /// up to `known` must have been in the views before.
    pub fn subscribe(self: &Arc<Self>, place: Whereabouts, known: Seq) -> (Subscription, Snapshot) {
        self.join(place, known, true)
    }

    /// The same for who waits for a whole answer and sees none being made: events alone are queued.
    pub fn wait(self: &Arc<Self>, place: Whereabouts, known: Seq) -> Subscription {
        self.join(place, known, false).0
    }

    fn join(
        self: &Arc<Self>,
        place: Whereabouts,
        known: Seq,
        watches: bool,
    ) -> (Subscription, Snapshot) {
        let (queue, items) = mpsc::channel(QUEUE);
        let (id, snapshot, first) = self.with_topic(place, known, |state| {
            let (id, first) = state.join(queue, watches);
            if self.is_closed() {
                state.dismiss();
            }
            let snapshot = state.reply.as_ref().map(|now| (now.reply.clone(), now.text.clone()));
            (id, snapshot, first)
        });
        if first {
            self.say(place, || Signal::Ask);
        }
        let readers = self.readers.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::gauge!("parlor_live_readers").set(readers as f64);
        (Subscription { hub: self.clone(), conversation: place.conversation, id, items }, snapshot)
    }

    /// Whether anybody watches a conversation on this node.
    pub fn has_readers(&self, conversation: ConversationId) -> bool {
        self.topic(conversation).is_some_and(|topic| topic.lock().is_watched())
    }

    /// The reply under way in a conversation, as far as it is known here, with its text so far.
    pub fn under_way(&self, conversation: ConversationId) -> Snapshot {
        let topic = self.topic(conversation)?;
        let state = topic.lock();
        state.reply.as_ref().map(|now| (now.reply.clone(), now.text.clone()))
    }

    /// Begins a reply; a former attempt at it is forgotten. Readers of this node have been shown
    /// what its maker has seen.
    pub async fn begin(self: &Arc<Self>, place: Whereabouts, reply: Beginning) -> Writer {
        if let Some(relay) = self.relay.get() {
            relay.shown(place, reply.after).await;
        }
        let Beginning { id, in_reply_to, asked, after, author, at, stop } = reply;
        let count = self.attempts.fetch_add(1, Ordering::Relaxed) & ((1 << COUNT_BITS) - 1);
        let attempt = (u64::try_from(at.millis()).unwrap_or(0) << COUNT_BITS) | count;
        let reply = Arc::new(Reply { id, in_reply_to, author, attempt, began_at: at, asked });
        let so_far = self.with_topic(place, after, |state| {
            state.begin(reply, after, Some(stop));
            state.reply.as_ref().map(topic::Showing::so_far)
        });
        if let Some(signal) = so_far {
            self.say(place, || signal);
        }
        Writer { hub: self.clone(), place, attempt }
    }

    /// Shows that somebody types, or no longer does; nothing of it is kept.
    pub fn typing(&self, place: Whereabouts, author: Author, typing: bool, at: Timestamp) {
        if let Some(topic) = self.topic(place.conversation) {
            let content = topic::typing_content(author.clone(), typing, at);
            topic.lock().send(Item::Ephemeral(content.into()));
        }
        self.say(place, || Signal::Typing { author, typing, at });
    }

    /// Asks whichever other node makes this reply to stop; says whether there is one to ask.
    pub fn stop_elsewhere(&self, place: Whereabouts, in_reply_to: MessageId) -> bool {
        self.say(place, || Signal::Stop { in_reply_to });
        self.relay.get().is_some()
    }

    /// Takes no readers any more, and tells those who are there to resume elsewhere or later.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.disconnect_all();
    }

    /// Whether readers are not taken any more.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends every reader's stream; each is told to resume from its cursor.
    pub fn disconnect_all(&self) {
        let topics: Vec<_> = self.topics.iter().map(|entry| entry.value().clone()).collect();
        for topic in topics {
            topic.lock().dismiss();
        }
    }

    fn say(&self, place: Whereabouts, signal: impl FnOnce() -> Signal) {
        if let Some(relay) = self.relay.get() {
            relay.signal(place, signal());
        }
    }

    fn topic(&self, conversation: ConversationId) -> Option<Arc<Topic>> {
        self.topics.get(&conversation).map(|entry| entry.clone())
    }

    fn with_topic<T>(
        &self,
        place: Whereabouts,
        known: Seq,
        act: impl FnOnce(&mut State) -> T,
    ) -> T {
        loop {
            let make = || {
                if let Some(relay) = self.relay.get() {
                    relay.watch(place, known);
                }
                Topic::new(place, self.fan_out.clone())
            };
            let topic = self.topics.entry(place.conversation).or_insert_with(make).clone();
            let mut state = topic.lock();
            if !state.gone {
                return act(&mut state);
            }
        }
    }

    fn tidy(&self, conversation: ConversationId) {
        self.topics.remove_if(&conversation, |_, topic| {
            let mut state = topic.lock();
            state.gone = state.is_idle();
            if state.gone
                && let Some(relay) = self.relay.get()
            {
                relay.unwatch(conversation);
            }
            state.gone
        });
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.fan_out.end();
    }
}

impl Observer for Hub {
    fn committed(&self, events: &[Recorded]) {
        if self.topics.is_empty() {
            return;
        }
        for Recorded { seq, event } in events {
            let Some(conversation) = event.body.conversation() else { continue };
            let Some(topic) = self.topic(conversation) else { continue };
            let mut state = topic.lock();
            state.conclude(&event.body);
            if !state.readers.is_empty()
                && let Some(content) = frame::of_event(*seq, event)
            {
                let content = content.into();
                state.send(Item::Event { seq: *seq, event: event.clone(), content });
            }
        }
    }

    fn interrupted(&self) {
        self.disconnect_all();
    }

    fn signalled(&self, conversation: ConversationId, signal: Signal) {
        let Some(topic) = self.topic(conversation) else { return };
        let heard = topic.lock().hear(signal);
        if let Heard::Say(signal) = heard {
            self.say(topic.place, || signal);
        }
    }
}

/// Streams one reply's text to the readers; dropping it ends the reply's presence in the hub.
pub struct Writer {
    hub: Arc<Hub>,
    place: Whereabouts,
    attempt: u64,
}

impl Writer {
    /// Shows the next piece of the text.
    pub fn chunk(&self, text: &str, at: Timestamp) {
        let topic = self.hub.topic(self.place.conversation);
        let Some(topic) = topic.filter(|_| !text.is_empty()) else { return };
        let offset = topic.lock().chunk(self.attempt, text, at);
        if let Some(offset) = offset {
            let (attempt, text) = (self.attempt, text);
            self.hub.say(self.place, || Signal::Chunk {
                attempt,
                offset,
                at,
                text: text.to_owned(),
            });
        }
    }

    /// Whether somebody sees the reply being made, here or on another node.
    pub fn is_shown(&self) -> bool {
        let topic = self.hub.topic(self.place.conversation);
        topic.is_some_and(|topic| topic.lock().is_shown())
    }

    /// Shows that who makes the reply types, or no longer does.
    pub fn typing(&self, author: Author, typing: bool, at: Timestamp) {
        self.hub.typing(self.place, author, typing, at);
    }

    /// Tells that the reply is still under way.
    pub fn alive(&self) {
        let Some(topic) = self.hub.topic(self.place.conversation) else { return };
        let alive = topic.lock().alive(self.attempt);
        if let Some(alive) = alive {
            self.hub.say(self.place, || alive);
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(topic) = self.hub.topic(self.place.conversation) {
            topic.lock().end(self.attempt);
        }
        self.hub.say(self.place, || Signal::Ended { attempt: self.attempt });
        self.hub.tidy(self.place.conversation);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(topic) = self.hub.topic(self.conversation) {
            topic.lock().readers.remove(&self.id);
        }
        self.hub.tidy(self.conversation);
        let readers = self.hub.readers.fetch_sub(1, Ordering::Relaxed) - 1;
        metrics::gauge!("parlor_live_readers").set(readers as f64);
    }
}

impl Subscription {
    /// The next item; none when this reader was too slow or is asked to resume.
    pub async fn next_item(&mut self) -> Option<Arc<Item>> {
        self.items.recv().await
    }
}
