//! The owner of one partition: folds its events in order, writes the views, tells who waits.
//!
//! Everything it writes is a function of the log alone and is stamped with its place there. So a
//! worker that has lost its partition without knowing does no harm, and one that begins again a
//! little behind repeats what is there.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::applied::{self, Note, Tag};
use super::core::Core;
use super::group::Address;
use super::partition::{PartitionViews, Patience};
use super::record::place_of;
use super::search::Ownership;
use super::signal::{Message, Notice, Origin};
use crate::domain::conversation::Effect;
use crate::domain::event::Event;
use crate::domain::ids::{ConversationId, Id as _};
use crate::domain::seq::Seq;
use crate::engine::{Recorded, Topic};

/// Events of one commit at most.
const BATCH: usize = 512;
/// Events that may wait for a worker.
pub(super) const QUEUE: usize = 2_048;
/// States in memory; more than twice what a batch can touch.
const STATES: NonZeroUsize = NonZeroUsize::new(8_192).expect("not zero");
/// How far the checkpoint may lag: what is repeated after a crash.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(250);

/// A record of the partition.
pub(super) struct Incoming {
    pub(super) seq: Seq,
    /// When the broker took it, in milliseconds since 1970.
    pub(super) taken_at: i64,
    /// None for a record that is no event.
    pub(super) entry: Option<(Event, Option<Tag>)>,
}

/// A worker of one partition.
pub(super) struct Worker {
    core: Arc<Core>,
    partition: u32,
    revoked: CancellationToken,
    views: PartitionViews,
    stored_at: Instant,
    search: Option<Ownership>,
}

impl Worker {
    /// A worker for a partition that was just assigned; none when it was revoked meanwhile.
    pub(super) async fn begin(
        core: Arc<Core>,
        partition: u32,
        revoked: CancellationToken,
    ) -> Option<Self> {
        let patience = Patience { revoked: revoked.clone(), most: None };
        let views = PartitionViews::open(core.cql.clone(), partition, patience, STATES);
        let views = views.await.ok()?;
        let search = core.search.get().map(|(indexer, _)| indexer.own(partition, views.position()));
        let stored_at = Instant::now();
        let mut worker = Self { core, partition, revoked, views, stored_at, search };
        worker.finish_older_generations().await?;
        worker.core.projected.insert(partition, worker.views.position());
        Some(worker)
    }

    /// The offset to go on from.
    pub(super) fn next_offset(&self) -> i64 {
        self.views.next_offset(self.core.settings.generation)
    }

    /// Works until the queue ends or the partition is revoked.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Incoming>) {
        // Readers elsewhere may have missed what a former owner did not tell any more.
        self.tell_readers(Seq::START, BTreeMap::new());
        let mut waiting = Vec::with_capacity(BATCH);
        loop {
            let revoked = self.revoked.clone();
            let idle = self.views.is_noted();
            let received = tokio::select! {
                biased;
                () = revoked.cancelled() => break,
                received = queue.recv_many(&mut waiting, BATCH) => received,
                () = tokio::time::sleep(CHECKPOINT_EVERY), if !idle => {
                    if self.checkpoint().await.is_none() { break }
                    continue;
                }
            };
            if received == 0 || self.project(std::mem::take(&mut waiting)).await.is_none() {
                break;
            }
            if self.stored_at.elapsed() >= CHECKPOINT_EVERY && self.checkpoint().await.is_none() {
                break;
            }
        }
        self.views.note_at_last().await;
    }

    /// Folds and writes a stretch of the partition; none when the partition was revoked.
    async fn project(&mut self, incoming: Vec<Incoming>) -> Option<()> {
        let started = Instant::now();
        let after = self.views.position();
        let (mut batch, mut tags) = (Vec::new(), Vec::new());
        let (mut upto, mut oldest) = (after, i64::MAX);
        for one in incoming {
            if one.seq <= upto {
                continue;
            }
            upto = one.seq;
            oldest = oldest.min(one.taken_at);
            if let Some((event, tag)) = one.entry {
                batch.push(Recorded { seq: one.seq, event: Arc::new(event) });
                tags.push(tag);
            }
        }
        self.core.projecting_since.insert(self.partition, oldest);
        let effects = match self.views.apply(&batch, upto).await {
            Ok(effects) => effects,
            Err(error) => {
                if !self.revoked.is_cancelled() {
                    tracing::error!(%error, partition = self.partition, "a batch cannot be folded");
                }
                return None;
            }
        };
        self.core.projecting_since.remove(&self.partition);
        self.core.projected.insert(self.partition, upto);
        self.tell_appenders(&batch, &tags, &effects);
        let applied = batch.iter().zip(&effects).filter(|(_, effect)| **effect == Effect::Applied);
        let applied: Vec<_> = applied.map(|(entry, _)| entry.clone()).collect();
        // Of each conversation the last place counts, which comes last.
        let grown = applied.iter();
        let grown = grown.filter_map(|entry| Some((entry.event.body.conversation()?, entry.seq)));
        let grown = grown.collect();
        self.tell_readers(after, grown);
        if let Some(search) = &self.search {
            search.try_push(&applied, upto);
        }
        metrics::histogram!("parlor_projector_batch_events").record(batch.len() as f64);
        metrics::histogram!("parlor_projector_commit_seconds").record(started.elapsed());
        let lag = (self.core.clock)().millis().saturating_sub(oldest).max(0) as f64 / 1_000.0;
        metrics::histogram!("parlor_projector_latency_seconds").record(lag);
        Some(())
    }

    async fn checkpoint(&mut self) -> Option<()> {
        self.views.note().await.ok()?;
        self.stored_at = Instant::now();
        Some(())
    }

    fn tell_appenders(&self, batch: &[Recorded], tags: &[Option<Tag>], effects: &[Effect]) {
        let mut elsewhere: BTreeMap<(Uuid, u32), Vec<Note>> = BTreeMap::new();
        for ((entry, tag), effect) in batch.iter().zip(tags).zip(effects) {
            let Some(Tag { node, inbox, append, index }) = *tag else { continue };
            let note = Note { append, index, seq: entry.seq, effect: *effect };
            if node == self.core.node {
                self.core.appends.applied(self.core.group, note);
            } else {
                elsewhere.entry((node, inbox)).or_default().push(note);
            }
        }
        let topic = self.core.settings.applied();
        for ((node, inbox), notes) in elsewhere {
            let value = applied::to_bytes(&notes);
            let address = Address { node, group: self.core.group };
            self.core.producer.signal(&topic, inbox, &address.to_bytes(), &value);
        }
    }

    fn tell_readers(&self, after: Seq, grown: BTreeMap<ConversationId, Seq>) {
        let conversations = grown.into_iter().collect();
        let notice = Notice { after, upto: self.views.position(), conversations };
        let conversation = ConversationId::from_uuid(Uuid::nil());
        let origin = Origin { node: self.core.node, group: self.core.group, conversation };
        let value = Message::Notice(notice).to_bytes();
        let topic = self.core.settings.replies();
        self.core.producer.signal(&topic, self.partition, &origin.to_bytes(), &value);
    }

    /// What older generations of the topic hold comes first, and in all their partitions: a key
    /// may have had another partition then.
    async fn finish_older_generations(&mut self) -> Option<()> {
        let core = self.core.clone();
        let now = core.settings.generation;
        if now == 1 {
            return Some(());
        }
        loop {
            let after = self.views.position();
            let read = || core.reader.read(Topic::Events, self.partition, after, BATCH).boxed();
            let page = self.views.patience.persist(self.partition, read).await.ok()?;
            let older = page.into_iter().filter(|entry| place_of(entry.seq).0 < now);
            let incoming: Vec<_> = older
                .map(|Recorded { seq, event }| {
                    let entry = Some((Arc::unwrap_or_clone(event), None));
                    Incoming { seq, taken_at: i64::MAX, entry }
                })
                .collect();
            if incoming.is_empty() {
                break;
            }
            self.project(incoming).await?;
            self.checkpoint().await?;
        }
        let look = || core.older_generations_are_projected().boxed();
        self.views.patience.persist(self.partition, look).await.ok()
    }
}
