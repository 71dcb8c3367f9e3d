//! The relay between nodes: tails the partitions of `parlor.replies` in which this node has
//! readers, and tells the observer of what is new in their conversations.
//!
//! A notice says that timelines have grown; what has grown is read from the views, after what was
//! told before. So a notice that comes late, twice or never opens no hole: the next one, a new
//! owner's first, or the moment a partition begins to be tailed brings what is missing.

pub(super) mod signal;
pub(super) mod tail;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use backon::{BackoffBuilder as _, ExponentialBuilder, Retryable as _};
use dashmap::DashMap;
use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::core::Core;
use super::kafka::group::Group;
use super::kafka::reader::watermarks;
use super::kafka::record::partition_of;
use super::kafka::{QuietConsumer, client_error};
use super::relay::signal::{Message, Notice, Origin};
use crate::domain::ids::{AccountId, ConversationId};
use crate::domain::seq::Seq;
use crate::engine::relay::{Relay, Signal, Whereabouts};
use crate::engine::{Recorded, Result};

/// Records of one partition that may wait for being told.
const QUEUE: usize = 4_096;
/// Conversations read at once when a notice names many.
const READS: usize = 16;
/// Events read at once.
const PAGE: usize = 200;
/// A partition without readers is tailed on for so long: the next one comes soon.
const LINGER: Duration = Duration::from_secs(30);
/// How often it is tried again to read what is new.
const RETRIES: usize = 8;
/// The pauses between two tries, the first and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MOST_PAUSE: Duration = Duration::from_secs(2);

/// A conversation that is watched here.
struct Watched {
    account: AccountId,
    partition: u32,
    /// Up to where the observer was told; held while it is being told.
    told: tokio::sync::Mutex<Seq>,
}

/// A partition that is tailed.
struct Tailed {
    queue: mpsc::Sender<(Origin, Message)>,
    readers: usize,
    owned: bool,
    /// Since when nobody needs it.
    idle_since: Option<Instant>,
}

/// The relay of one node.
pub(super) struct ClusterRelay {
    topic: String,
    group: Group,
    partitions: u32,
    consumer: Arc<QuietConsumer>,
    core: OnceLock<Weak<Core>>,
    runtime: tokio::runtime::Handle,
    watched: DashMap<ConversationId, (Arc<Watched>, usize)>,
    tailed: Mutex<HashMap<u32, Tailed>>,
    /// When somebody was last heard to make a reply in a conversation.
    heard: DashMap<ConversationId, Instant>,
}

impl ClusterRelay {
    pub(super) fn new(
        topic: String,
        group: Group,
        partitions: u32,
        consumer: Arc<QuietConsumer>,
    ) -> Self {
        Self {
            topic,
            group,
            partitions,
            consumer,
            core: OnceLock::new(),
            runtime: tokio::runtime::Handle::current(),
            watched: DashMap::new(),
            tailed: Mutex::default(),
            heard: DashMap::new(),
        }
    }

    pub(super) fn connect(&self, core: &Arc<Core>) {
        self.core.set(Arc::downgrade(core)).ok();
    }

    /// A record of the topic; called on the tailing thread.
    pub(super) fn hear(&self, partition: u32, key: &[u8], value: &[u8]) {
        let (Some(origin), Some(message)) = (Origin::from_bytes(key), Message::from_bytes(value))
        else {
            return;
        };
        match &message {
            // What another group tells is true of its keyspace, and says nothing of ours.
            Message::Notice(_) if origin.group != self.group => return,
            Message::Notice(_) => {}
            Message::Signal(signal) => {
                self.note_life(origin.conversation, signal);
                if !self.watched.contains_key(&origin.conversation) {
                    return;
                }
            }
        }
        let queue = lock(&self.tailed).get(&partition).map(|tailed| tailed.queue.clone());
        if let Some(queue) = queue
            && queue.try_send((origin, message)).is_err()
        {
            // The hole is seen in the next notice, and in the next chunk's offset.
            metrics::counter!("parlor_live_relay_dropped_total").increment(1);
        }
    }

    fn note_life(&self, conversation: ConversationId, signal: &Signal) {
        match signal {
            Signal::SoFar { .. } | Signal::Chunk { .. } | Signal::Alive { .. } => {
                self.heard.insert(conversation, Instant::now());
            }
            Signal::Ended { .. } => drop(self.heard.remove(&conversation)),
            Signal::Typing { .. } | Signal::Stop { .. } | Signal::Ask => {}
        }
    }

    /// This node projects a partition: it listens there for who is making replies.
    pub(super) fn own(self: &Arc<Self>, partition: u32) {
        self.need(partition, |tailed| tailed.owned = true);
    }

    pub(super) fn disown(&self, partition: u32) {
        if let Some(tailed) = lock(&self.tailed).get_mut(&partition) {
            tailed.owned = false;
            tailed.idle_since = (tailed.readers == 0).then(Instant::now);
        }
    }

    /// Lets go of what nobody needs any more; to be called now and then.
    pub(super) fn tidy(&self) {
        self.heard.retain(|_, at| at.elapsed() < Duration::from_secs(120));
        let mut tailed = lock(&self.tailed);
        let idle = |one: &Tailed| one.idle_since.is_some_and(|since| since.elapsed() > LINGER);
        let gone: Vec<_> =
            tailed.iter().filter(|(_, one)| idle(one)).map(|(partition, _)| *partition).collect();
        for partition in gone {
            tailed.remove(&partition);
            let mut list = TopicPartitionList::new();
            list.add_partition(&self.topic, i32::try_from(partition).unwrap_or(i32::MAX));
            if let Err(error) = self.consumer.incremental_unassign(&list) {
                tracing::debug!(%error, partition, "a tail could not be let go");
            }
        }
    }

    fn need(self: &Arc<Self>, partition: u32, change: impl FnOnce(&mut Tailed)) {
        let mut tailed = lock(&self.tailed);
        let one = tailed.entry(partition).or_insert_with(|| {
            let (queue, records) = mpsc::channel(QUEUE);
            let relay = Arc::downgrade(self);
            self.runtime.spawn(tell(relay, partition, records));
            Tailed { queue, readers: 0, owned: false, idle_since: None }
        });
        change(one);
        one.idle_since = None;
    }

    /// Begins to tail a partition at its end; then reads what came before.
    async fn begin(self: &Arc<Self>, partition: u32) -> Result<()> {
        let (consumer, topic) = (self.consumer.clone(), self.topic.clone());
        super::kafka::blocking(move || {
            let (_, end) = watermarks(&consumer, &topic, partition)?;
            let mut list = TopicPartitionList::new();
            let number = i32::try_from(partition).unwrap_or(i32::MAX);
            list.add_partition_offset(&topic, number, Offset::Offset(end)).map_err(client_error)?;
            consumer.incremental_assign(&list).map_err(client_error)
        })
        .await?;
        self.catch_up(partition).await;
        Ok(())
    }

    /// Tells what is new in every watched conversation of a partition, asks for the replies under way
    /// in them, and answers whoever has asked here unheard.
    async fn catch_up(self: &Arc<Self>, partition: u32) {
        let everything = Seq::new(u64::MAX);
        let of_partition = self.watched.iter().filter(|entry| entry.0.partition == partition);
        let all: Vec<_> =
            of_partition.map(|entry| (*entry.key(), entry.0.clone(), everything)).collect();
        let Some(core) = self.core.get().and_then(Weak::upgrade) else { return };
        for (conversation, ..) in &all {
            self.send(partition, *conversation, Signal::Ask);
            core.observer.signalled(*conversation, Signal::Ask);
        }
        self.tell_all(all).await;
    }

    async fn tell_all(self: &Arc<Self>, all: Vec<(ConversationId, Arc<Watched>, Seq)>) {
        use futures_util::StreamExt as _;
        futures_util::stream::iter(all)
            .for_each_concurrent(READS, |(conversation, watched, upto)| async move {
                self.tell_of(conversation, &watched, upto).await;
            })
            .await;
    }

    /// Tells the observer what is in the timeline and was not told; nothing when that is `upto` already.
    async fn tell_of(&self, conversation: ConversationId, watched: &Watched, upto: Seq) {
        let Some(core) = self.core.get().and_then(Weak::upgrade) else { return };
        let mut told = watched.told.lock().await;
        let pauses = ExponentialBuilder::default().with_min_delay(FIRST_PAUSE);
        while *told < upto {
            let after = *told;
            let read = || core.cql.timeline(watched.account, conversation, after, PAGE);
            match read.retry(pauses.with_max_times(RETRIES)).await {
                Ok(page) => {
                    if let Some(Recorded { seq, .. }) = page.last() {
                        core.observer.committed(&page);
                        *told = *seq;
                    }
                    if page.len() < PAGE {
                        break;
                    }
                }
                Err(error) => {
                    // Readers resume from their cursors, and try by themselves.
                    tracing::warn!(%error, conversation.id = %conversation, "what is new cannot be read");
                    core.observer.interrupted();
                    break;
                }
            }
        }
    }

    fn send(&self, partition: u32, conversation: ConversationId, signal: Signal) {
        let Some(core) = self.core.get().and_then(Weak::upgrade) else { return };
        let origin = Origin { node: core.node, group: core.group, conversation };
        let value = Message::Signal(signal).to_bytes();
        core.producer.signal(&self.topic, partition, &origin.to_bytes(), &value);
    }

    async fn notice(self: &Arc<Self>, partition: u32, last: &mut Option<Seq>, notice: Notice) {
        // A new owner's first notice begins at the start.
        let missed = last.is_some_and(|last| last < notice.after) || notice.after == Seq::START;
        *last = Some(last.unwrap_or_default().max(notice.upto));
        if missed {
            self.catch_up(partition).await;
            return;
        }
        let watched = notice.conversations.into_iter().filter_map(|(conversation, upto)| {
            let entry = self.watched.get(&conversation)?;
            Some((conversation, entry.0.clone(), upto))
        });
        self.tell_all(watched.collect()).await;
    }

    async fn signalled(&self, origin: Origin, signal: Signal) {
        let Some(core) = self.core.get().and_then(Weak::upgrade) else { return };
        if origin.node == core.node {
            return;
        }
        let watched = self.watched.get(&origin.conversation).map(|entry| entry.0.clone());
        let Some(watched) = watched else { return };
        if let Signal::SoFar { reply, .. } = &signal {
            self.tell_of(origin.conversation, &watched, reply.after).await;
        }
        core.observer.signalled(origin.conversation, signal);
    }
}

/// Tells what is heard in one partition, in order, until it is tailed no longer.
async fn tell(
    relay: Weak<ClusterRelay>,
    partition: u32,
    mut records: mpsc::Receiver<(Origin, Message)>,
) {
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(MOST_PAUSE)
        .without_max_times()
        .build();
    loop {
        let Some(relay) = relay.upgrade() else { return };
        match relay.begin(partition).await {
            Ok(()) => break,
            Err(error) => {
                tracing::warn!(%error, partition, "a partition cannot be tailed yet");
                drop(relay);
                tokio::time::sleep(pauses.next().unwrap_or(MOST_PAUSE)).await;
            }
        }
    }
    let mut last = None;
    while let Some((origin, message)) = records.recv().await {
        let Some(relay) = relay.upgrade() else { return };
        match message {
            Message::Notice(notice) => relay.notice(partition, &mut last, notice).await,
            Message::Signal(signal) => relay.signalled(origin, signal).await,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The relay as the hub sees it.
pub(super) struct Handle(pub(super) Arc<ClusterRelay>);

#[async_trait]
impl Relay for Handle {
    fn watch(&self, place: Whereabouts, after: Seq) {
        let partition = partition_of(place.key, self.0.partitions);
        let mut entry = self.0.watched.entry(place.conversation).or_insert_with(|| {
            let told = tokio::sync::Mutex::new(after);
            (Arc::new(Watched { account: place.account, partition, told }), 0)
        });
        entry.1 += 1;
        let first = entry.1 == 1;
        drop(entry);
        if first {
            self.0.need(partition, |tailed| tailed.readers += 1);
        }
    }

    fn unwatch(&self, conversation: ConversationId) {
        let gone = self.0.watched.remove_if_mut(&conversation, |_, (_, readers)| {
            *readers -= 1;
            *readers == 0
        });
        if let Some((_, (watched, _))) = gone
            && let Some(tailed) = lock(&self.0.tailed).get_mut(&watched.partition)
        {
            tailed.readers = tailed.readers.saturating_sub(1);
            let idle = tailed.readers == 0 && !tailed.owned;
            tailed.idle_since = idle.then(Instant::now);
        }
    }

    fn signal(&self, place: Whereabouts, signal: Signal) {
        self.0.note_life(place.conversation, &signal);
        let partition = partition_of(place.key, self.0.partitions);
        self.0.send(partition, place.conversation, signal);
    }

    async fn shown(&self, place: Whereabouts, seq: Seq) {
        let watched = self.0.watched.get(&place.conversation).map(|entry| entry.0.clone());
        if let Some(watched) = watched {
            self.0.tell_of(place.conversation, &watched, seq).await;
        }
    }

    fn heard_within(&self, conversation: ConversationId, time: Duration) -> bool {
        self.0.heard.get(&conversation).is_some_and(|at| at.elapsed() < time)
    }
}
