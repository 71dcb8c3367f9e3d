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

use super::super::append::applied::{self, Note, Tag};
use super::super::core::Core;
use super::super::kafka::group::Address;
use super::super::relay::signal::{Message, Notice, Origin};
use super::super::trouble::Seen;
use super::landmark;
use super::partition::{Judged, PartitionViews};
use super::patience::Patience;
use crate::domain::conversation::Effect;
use crate::domain::event::Event;
use crate::domain::ids::{ConversationId, Id as _};
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Topic};

/// Events of one commit at most.
const BATCH: usize = 512;
/// Events that may wait for a worker.
pub(in super::super) const QUEUE: usize = 2_048;
/// States in memory; more than twice what a batch can touch.
const STATES: NonZeroUsize = NonZeroUsize::new(8_192).expect("not zero");
/// How long the rest of an append is waited for, so that it is not torn over two commits.
const REST: Duration = Duration::from_millis(3);
/// How far the checkpoint may lag: what is repeated after a crash.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(250);

/// A record of the partition.
pub(in super::super) struct Incoming {
    pub(in super::super) seq: Seq,
    /// When the broker took it, in milliseconds since 1970; of what is no record, never.
    pub(in super::super) taken_at: i64,
    /// None for a record that is no event.
    pub(in super::super) entry: Option<(Event, Option<Tag>)>,
}

impl Incoming {
    /// Up to there, nothing more comes.
    pub(in super::super) fn gap(upto: Seq) -> Self {
        Self { seq: upto, taken_at: i64::MAX, entry: None }
    }

    fn is_torn(&self) -> bool {
        matches!(&self.entry, Some((_, Some(tag))) if tag.more)
    }
}

/// Takes the rest of an append whose beginning is the last that has come. It is not needed, only
/// cheaper, and follows at once unless its node died between the two.
async fn complete(waiting: &mut Vec<Incoming>, queue: &mut mpsc::Receiver<Incoming>) {
    while waiting.len() < BATCH && waiting.last().is_some_and(Incoming::is_torn) {
        let room = BATCH - waiting.len();
        match tokio::time::timeout(REST, queue.recv_many(waiting, room)).await {
            Ok(received) if received > 0 => {}
            _ => break,
        }
    }
}

/// A worker of one partition.
pub(in super::super) struct Worker {
    core: Arc<Core>,
    partition: u32,
    revoked: CancellationToken,
    views: PartitionViews,
    stored_at: Instant,
}

impl Worker {
    /// A worker for a partition that was just assigned; none when it was revoked meanwhile.
    pub(in super::super) async fn begin(
        core: Arc<Core>,
        partition: u32,
        revoked: CancellationToken,
    ) -> Option<Self> {
        let patience = Patience { revoked: revoked.clone(), most: None };
        let views = PartitionViews::open(core.cql.clone(), partition, patience, STATES);
        let views = views.await.ok()?;
        let stored_at = Instant::now();
        let mut worker = Self { core, partition, revoked, views, stored_at };
        worker.know_the_log().await?;
        worker.finish_older_generations().await?;
        worker.core.owned.projected.insert(partition, worker.views.position());
        Some(worker)
    }

    /// The offset to go on from.
    pub(in super::super) fn next_offset(&self) -> i64 {
        self.views.next_offset(self.core.settings.generation)
    }

    /// Works until the queue ends or the partition is revoked.
    pub(in super::super) async fn run(mut self, mut queue: mpsc::Receiver<Incoming>) {
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
            if received == 0 {
                break;
            }
            complete(&mut waiting, &mut queue).await;
            if self.project(std::mem::take(&mut waiting)).await.is_none() {
                break;
            }
            if self.stored_at.elapsed() >= CHECKPOINT_EVERY && self.checkpoint().await.is_none() {
                break;
            }
        }
        if !self.core.owned.is_lost() {
            self.views.note_at_last().await;
        }
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
        self.core.owned.projecting_since.insert(self.partition, oldest);
        let Judged { effects, certain } = match self.views.apply(&batch, upto).await {
            Ok(effects) => effects,
            Err(error) => {
                if !self.revoked.is_cancelled() {
                    tracing::error!(%error, partition = self.partition, "a batch cannot be folded");
                }
                return None;
            }
        };
        self.core.owned.projecting_since.remove(&self.partition);
        self.core.owned.projected.insert(self.partition, upto);
        self.tell_appenders(&batch, &tags, &effects);
        let applied = batch.iter().zip(&effects).filter(|(_, effect)| **effect == Effect::Applied);
        let applied: Vec<_> = applied.map(|(entry, _)| entry.clone()).collect();
        // Of each conversation the last place counts, which comes last.
        let grown = applied.iter();
        let grown = grown.filter_map(|entry| Some((entry.event.body.conversation()?, entry.seq)));
        let grown = grown.collect();
        self.tell_readers(after, grown);
        if !self.revoked.is_cancelled() {
            let exactly = certain.then_some(&applied[..]);
            self.core.owned.recent.push(self.partition, after, exactly, upto);
            self.core.owned.news.send_replace(());
        }
        metrics::histogram!("parlor_projector_batch_events").record(batch.len() as f64);
        metrics::histogram!("parlor_projector_commit_seconds").record(started.elapsed());
        if oldest < i64::MAX {
            let lag = (self.core.clock)().millis().saturating_sub(oldest).max(0) as f64 / 1_000.0;
            metrics::histogram!("parlor_projector_latency_seconds").record(lag);
        }
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
            let Some(Tag { node, inbox, append, index, .. }) = *tag else { continue };
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

    /// Waits until the log is the one that the views came from.
    async fn know_the_log(&self) -> Option<()> {
        let (core, partition) = (&self.core, self.partition);
        let look = async || {
            let found =
                landmark::stranger(&core.cql, &core.reader, &core.settings, partition).await?;
            core.troubles.set(Seen::Log(partition), found.clone());
            found.map_or(Ok(()), |found| Err(Error::ReadOnly(found)))
        };
        self.views.patience.persist(partition, || look().boxed()).await.ok()
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
            let (topic, after) = (Topic::Events, self.views.position());
            let read = || core.reader.read_before(topic, self.partition, after, BATCH, now).boxed();
            let page = self.views.patience.persist(self.partition, read).await.ok()?;
            if page.upto <= after {
                break;
            }
            let incoming = page.events.into_iter().map(|Recorded { seq, event }| {
                let entry = Some((Arc::unwrap_or_clone(event), None));
                Incoming { seq, taken_at: i64::MAX, entry }
            });
            let incoming = incoming.chain([Incoming::gap(page.upto)]).collect();
            self.project(incoming).await?;
            self.checkpoint().await?;
        }
        let look = || core.older_generations_are_projected().boxed();
        self.views.patience.persist(self.partition, look).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(seq: u64, more: bool) -> Incoming {
        let line = include_str!("../../../../tests/it/events.v1.jsonl").lines().next().unwrap();
        let event = serde_json::from_str(line).unwrap();
        let tag = Tag { node: Uuid::nil(), inbox: 0, append: 1, index: 0, more };
        Incoming { seq: Seq::new(seq), taken_at: 0, entry: Some((event, Some(tag))) }
    }

    #[tokio::test(start_paused = true)]
    async fn the_rest_of_an_append_is_waited_for() {
        let (sender, mut queue) = mpsc::channel(9);
        let mut waiting = vec![incoming(1, true)];
        let late = async {
            tokio::time::sleep(REST / 2).await;
            sender.send(incoming(2, false)).await.ok();
        };
        tokio::join!(complete(&mut waiting, &mut queue), late);
        let seqs: Vec<_> = waiting.iter().map(|one| one.seq.get()).collect();
        assert_eq!(seqs, [1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_that_does_not_come_is_not_waited_for_for_long() {
        let (_sender, mut queue) = mpsc::channel(9);
        let mut waiting = vec![incoming(1, true)];
        let began = tokio::time::Instant::now();
        complete(&mut waiting, &mut queue).await;
        assert_eq!(waiting.len(), 1);
        assert!(began.elapsed() < 2 * REST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_whole_append_is_not_kept_waiting() {
        let (_sender, mut queue) = mpsc::channel(9);
        let mut waiting = vec![incoming(1, false)];
        let began = tokio::time::Instant::now();
        complete(&mut waiting, &mut queue).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
