//! The hub: tells the readers connected here what happens now in their conversations.
//!
//! A conversation has a topic only while it has a reader or a reply under way. Each reader has a
//! bounded queue; one that does not keep up loses its queue at once, so that it can neither hold
//! memory nor be served a hole, and is told to resume from its cursor. Nothing here waits.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dashmap::DashMap;
use tokio::sync::mpsc;

use super::cursor::tag;
use super::frame::{self, Content};
use super::reader::{self, Item, Reply};
use crate::domain::event::Body;
use crate::domain::ids::{ConversationId, MessageId};
use crate::domain::message::Author;
use crate::domain::time::Timestamp;
use crate::engine::{Observer, Recorded};

/// Items that may wait for one reader.
const QUEUE: usize = 256;

/// All topics of this node.
#[derive(Default)]
pub struct Hub {
    topics: DashMap<ConversationId, Arc<Topic>>,
    attempts: AtomicU64,
    readers: AtomicU64,
    /// Draining: a new reader is told to resume at once.
    closed: AtomicBool,
}

/// Who listens to one conversation, and the reply under way in it.
#[derive(Default)]
struct Topic {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    readers: Vec<(u64, mpsc::Sender<Arc<Item>>)>,
    reply: Option<UnderWay>,
    /// Taken out of the map: whoever holds it must fetch the new one.
    gone: bool,
    next_reader: u64,
}

struct UnderWay {
    reply: Arc<Reply>,
    text: String,
    chars: u64,
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

impl Topic {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send(&mut self, item: Item) {
        if self.readers.is_empty() {
            return;
        }
        let item = Arc::new(item);
        self.readers.retain(|(_, queue)| match queue.try_send(item.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                metrics::counter!("parlor_live_slow_readers_total").increment(1);
                false
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        });
    }
}

impl Hub {
    /// Joins a conversation: what happens from here on is queued, and what of a reply was there
    /// before is in the snapshot. Read the timeline after joining, and nothing is missed.
    pub fn subscribe(self: &Arc<Self>, conversation: ConversationId) -> (Subscription, Snapshot) {
        let (sender, items) = mpsc::channel(QUEUE);
        let (id, snapshot) = self.with_topic(conversation, |state| {
            let id = state.next_reader;
            state.next_reader += 1;
            if !self.is_closed() {
                state.readers.push((id, sender));
            }
            let snapshot = state.reply.as_ref().map(|now| (now.reply.clone(), now.text.clone()));
            (id, snapshot)
        });
        let readers = self.readers.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::gauge!("parlor_live_readers").set(readers as f64);
        (Subscription { hub: self.clone(), conversation, id, items }, snapshot)
    }

    /// Whether anybody watches a conversation on this node.
    pub fn has_readers(&self, conversation: ConversationId) -> bool {
        let topic = self.topics.get(&conversation).map(|entry| entry.clone());
        topic.is_some_and(|topic| !topic.lock().readers.is_empty())
    }

    /// The reply under way in a conversation, with its text so far.
    pub fn under_way(&self, conversation: ConversationId) -> Snapshot {
        let topic = self.topics.get(&conversation).map(|entry| entry.clone())?;
        let state = topic.lock();
        state.reply.as_ref().map(|now| (now.reply.clone(), now.text.clone()))
    }

    /// Begins a reply; a former attempt at it is forgotten.
    pub fn begin(
        self: &Arc<Self>,
        conversation: ConversationId,
        id: MessageId,
        in_reply_to: MessageId,
        author: Author,
        at: Timestamp,
    ) -> Writer {
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let reply = Arc::new(Reply { id, in_reply_to, author, attempt, began_at: at });
        self.with_topic(conversation, |state| {
            let text = String::new();
            state.reply = Some(UnderWay { reply: reply.clone(), text, chars: 0 });
            state.send(Item::Began(reply.clone()));
        });
        Writer { hub: self.clone(), conversation, reply }
    }

    /// Shows something of which nothing is kept.
    pub fn ephemeral(&self, conversation: ConversationId, content: Content) {
        let topic = self.topics.get(&conversation).map(|entry| entry.clone());
        if let Some(topic) = topic {
            topic.lock().send(Item::Ephemeral(content));
        }
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
            topic.lock().readers.clear();
        }
    }

    fn with_topic<T>(&self, conversation: ConversationId, act: impl FnOnce(&mut State) -> T) -> T {
        loop {
            let topic = self.topics.entry(conversation).or_default().clone();
            let mut state = topic.lock();
            if !state.gone {
                return act(&mut state);
            }
        }
    }

    fn tidy(&self, conversation: ConversationId) {
        self.topics.remove_if(&conversation, |_, topic| {
            let mut state = topic.lock();
            state.gone = state.readers.is_empty() && state.reply.is_none();
            state.gone
        });
    }
}

impl Observer for Hub {
    fn committed(&self, events: &[Recorded]) {
        if self.topics.is_empty() {
            return;
        }
        for Recorded { seq, event } in events {
            let Some(conversation) = event.body.conversation() else { continue };
            let topic = self.topics.get(&conversation).map(|entry| entry.clone());
            let Some(topic) = topic else { continue };
            let mut state = topic.lock();
            let ended = state.reply.as_ref().is_some_and(|now| {
                reader::ends(&event.body) == Some(tag(now.reply.id)) || takes_over(&event.body)
            });
            if ended {
                state.reply = None;
            }
            if !state.readers.is_empty()
                && let Some(content) = frame::of_event(event)
            {
                state.send(Item::Event { seq: *seq, event: event.clone(), content });
            }
        }
    }

    fn interrupted(&self) {
        self.disconnect_all();
    }
}

/// Whether people have the conversation from this event on, or nobody: nothing of the bot's reply
/// under way is shown any more.
fn takes_over(body: &Body) -> bool {
    match body {
        Body::ConversationEscalated(_)
        | Body::ConversationAssigned(_)
        | Body::ConversationResolved(_) => true,
        Body::MessageOutbound(data) => matches!(data.author, Author::Agent { .. }),
        _ => false,
    }
}

/// Streams one reply's text to the readers; dropping it ends the reply's presence in the hub.
pub struct Writer {
    hub: Arc<Hub>,
    conversation: ConversationId,
    reply: Arc<Reply>,
}

impl Writer {
    /// Shows the next piece of the text.
    pub fn chunk(&self, text: &str, at: Timestamp) {
        if text.is_empty() {
            return;
        }
        self.hub.with_topic(self.conversation, |state| {
            let Some(now) = &mut state.reply else { return };
            if now.reply.attempt != self.reply.attempt {
                return;
            }
            let offset = now.chars;
            now.text.push_str(text);
            now.chars += text.chars().count() as u64;
            if state.readers.is_empty() {
                return;
            }
            let content = frame::of_chunk(self.reply.id, offset, text.into(), at);
            state.send(Item::Chunk { reply: self.reply.clone(), offset, at, content });
        });
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.hub.with_topic(self.conversation, |state| {
            if state.reply.as_ref().is_some_and(|now| now.reply.attempt == self.reply.attempt) {
                state.reply = None;
            }
        });
        self.hub.tidy(self.conversation);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let topic = self.hub.topics.get(&self.conversation).map(|entry| entry.clone());
        if let Some(topic) = topic {
            topic.lock().readers.retain(|(id, _)| *id != self.id);
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
