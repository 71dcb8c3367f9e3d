//! The owner of one partition: folds its events in order, writes the views, tells who waits.
//!
//! Everything it writes is a function of the log alone and is stamped with its place there. So a
//! worker that has lost its partition without knowing does no harm, and one that begins again a
//! little behind repeats what is there.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::applied::{self, Note, Tag};
use super::core::Core;
use super::cql::{Checkpoint, Commit};
use super::fold::{Cache, Needs};
use super::record::place_of;
use super::signal::{Message, Notice, Origin};
use crate::domain::conversation::Effect;
use crate::domain::event::Event;
use crate::domain::ids::{ConversationId, Id as _};
use crate::domain::seq::Seq;
use crate::engine::{Recorded, Result, Topic};

/// Events of one commit at most.
const BATCH: usize = 512;
/// Events that may wait for a worker.
pub(super) const QUEUE: usize = 2_048;
/// Reads at once while a batch's states are fetched.
const READS: usize = 32;
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
    cache: Cache,
    /// Up to where the views are.
    position: Seq,
    /// The turns that are due: they bound where those are looked for.
    due: BTreeSet<Seq>,
    stored: Seq,
    stored_at: Instant,
}

impl Worker {
    /// A worker for a partition that was just assigned; none when it was revoked meanwhile.
    pub(super) async fn begin(
        core: Arc<Core>,
        partition: u32,
        revoked: CancellationToken,
    ) -> Option<Self> {
        let mut worker = Self {
            core,
            partition,
            revoked,
            cache: Cache::new(),
            position: Seq::START,
            due: BTreeSet::new(),
            stored: Seq::START,
            stored_at: Instant::now(),
        };
        let core = worker.core.clone();
        let checkpoint = worker.persist(|| core.cql.checkpoint(partition).boxed()).await?;
        worker.position = checkpoint.unwrap_or_default().seq;
        worker.stored = worker.position;
        worker.load_due().await?;
        if let Some(indexer) = &core.indexer {
            indexer.follow(partition, worker.position);
        }
        worker.finish_older_generations().await?;
        worker.core.projected.insert(partition, worker.position);
        Some(worker)
    }

    async fn load_due(&mut self) -> Option<()> {
        let core = self.core.clone();
        let mut after = Seq::START;
        loop {
            let page =
                self.persist(|| core.cql.turns_due(self.partition, after, BATCH).boxed()).await?;
            let Some(last) = page.last() else { return Some(()) };
            after = last.seq;
            self.due.extend(page.iter().map(|row| row.seq));
        }
    }

    /// The offset to go on from.
    pub(super) fn next_offset(&self) -> i64 {
        match place_of(self.position) {
            (generation, offset) if generation == self.core.settings.generation => offset + 1,
            _ => 0,
        }
    }

    /// Works until the queue ends or the partition is revoked.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Incoming>) {
        // Readers elsewhere may have missed what a former owner did not tell any more.
        self.tell_readers(Seq::START, BTreeSet::new());
        let mut waiting = Vec::with_capacity(BATCH);
        loop {
            let revoked = self.revoked.clone();
            let idle = self.position == self.stored;
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
        // As good as it gets: who follows repeats what is not stored.
        let partition = self.partition;
        if self.position > self.stored
            && let Err(error) = self.core.cql.store_checkpoint(partition, self.reached()).await
        {
            tracing::debug!(%error, partition, "the last checkpoint was not stored");
        }
        self.core.projected.remove(&partition);
        if let Some(indexer) = &self.core.indexer {
            indexer.leave(partition);
        }
    }

    /// Folds and writes a stretch of the partition; none when the partition was revoked.
    async fn project(&mut self, incoming: Vec<Incoming>) -> Option<()> {
        let started = Instant::now();
        let after = self.position;
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
        let effects = self.fold_and_write(&batch).await?;
        self.position = upto;
        self.core.projected.insert(self.partition, upto);
        self.tell_appenders(&batch, &tags, &effects);
        let applied = batch.iter().zip(&effects).filter(|(_, effect)| **effect == Effect::Applied);
        let applied: Vec<_> = applied.map(|(entry, _)| entry.clone()).collect();
        let grown = applied.iter().filter_map(|entry| entry.event.body.conversation()).collect();
        self.tell_readers(after, grown);
        if let Some(indexer) = &self.core.indexer {
            indexer.try_push(self.partition, &applied, upto);
        }
        metrics::histogram!("parlor_projector_batch_events").record(batch.len() as f64);
        metrics::histogram!("parlor_projector_commit_seconds").record(started.elapsed());
        let lag = crate::engine::cluster::now_ms().saturating_sub(oldest).max(0) as f64 / 1_000.0;
        metrics::histogram!("parlor_projector_latency_seconds").record(lag);
        let label = self.partition.to_string();
        metrics::gauge!("parlor_projector_lag_seconds", "partition" => label).set(lag);
        Some(())
    }

    async fn fold_and_write(&mut self, batch: &[Recorded]) -> Option<Vec<Effect>> {
        if batch.is_empty() {
            return Some(Vec::new());
        }
        let core = self.core.clone();
        let needs = self.cache.needs(batch);
        let loaded = self.persist(|| load(&core, self.partition, &needs).boxed()).await?;
        loaded.put_into(&mut self.cache);
        let replayed = self.cache.replayed(batch);
        let stood = if replayed.is_empty() {
            HashSet::new()
        } else {
            self.persist(|| stood(&core, batch, &replayed).boxed()).await?
        };
        let folded = match self.cache.fold(self.partition, batch, &stood) {
            Ok(folded) => folded,
            Err(error) => {
                tracing::error!(%error, partition = self.partition, "a batch cannot be folded");
                return None;
            }
        };
        self.persist(|| core.cql.write_before(&folded.commit).boxed()).await?;
        self.persist(|| core.cql.write(&folded.commit).boxed()).await?;
        self.note_due(&folded.commit);
        Some(folded.effects)
    }

    /// Does something with the views until it succeeds; none when the partition was revoked.
    async fn persist<'a, T>(&self, mut act: impl FnMut() -> BoxFuture<'a, Result<T>>) -> Option<T> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(1))
            .with_jitter()
            .without_max_times()
            .build();
        let partition = self.partition;
        loop {
            let error = tokio::select! {
                () = self.revoked.cancelled() => return None,
                done = act() => match done {
                    Ok(done) => return Some(done),
                    Err(error) => error,
                },
            };
            metrics::counter!("parlor_projector_retries_total").increment(1);
            tracing::warn!(%error, partition, "the views cannot be used; trying again");
            tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(1))).await;
        }
    }

    async fn checkpoint(&mut self) -> Option<()> {
        let core = self.core.clone();
        let (partition, reached) = (self.partition, self.reached());
        self.persist(|| core.cql.store_checkpoint(partition, reached).boxed()).await?;
        self.stored = reached.seq;
        self.stored_at = Instant::now();
        Some(())
    }

    fn note_due(&mut self, commit: &Commit) {
        for done in &commit.done {
            self.due.remove(&done.turn);
        }
        self.due.extend(commit.due.iter().map(|row| row.seq));
    }

    fn reached(&self) -> Checkpoint {
        let before = |seq: &Seq| Seq::new(seq.get().saturating_sub(1));
        let due_after = self.due.first().map_or(self.position, before);
        Checkpoint { seq: self.position, due_after }
    }

    fn tell_appenders(&self, batch: &[Recorded], tags: &[Option<Tag>], effects: &[Effect]) {
        let mut elsewhere: BTreeMap<(Uuid, u32), Vec<Note>> = BTreeMap::new();
        for ((entry, tag), effect) in batch.iter().zip(tags).zip(effects) {
            let Some(Tag { node, inbox, append, index }) = *tag else { continue };
            let note = Note { append, index, seq: entry.seq, effect: *effect };
            if node == self.core.node {
                self.core.appends.applied(note);
            } else {
                elsewhere.entry((node, inbox)).or_default().push(note);
            }
        }
        let topic = self.core.settings.applied();
        for ((node, inbox), notes) in elsewhere {
            let value = applied::to_bytes(&notes);
            self.core.producer.signal(&topic, inbox, node.as_bytes(), &value);
        }
    }

    fn tell_readers(&self, after: Seq, grown: BTreeSet<ConversationId>) {
        let conversations = grown.into_iter().collect();
        let notice = Notice { after, upto: self.position, conversations };
        let origin =
            Origin { node: self.core.node, conversation: ConversationId::from_uuid(Uuid::nil()) };
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
            let after = self.position;
            let read = || core.reader.read(Topic::Events, self.partition, after, BATCH).boxed();
            let page = self.persist(read).await?;
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
        self.persist(|| core.older_generations_are_projected().boxed()).await
    }
}

/// States as they were stored.
struct Loaded {
    conversations: Vec<(
        (crate::domain::ids::AccountId, ConversationId),
        Option<crate::domain::conversation::Conversation>,
    )>,
    contacts: Vec<(
        (crate::domain::ids::AccountId, crate::domain::ids::ContactId),
        Option<crate::domain::contact::Contact>,
    )>,
    totals: Vec<(crate::domain::ids::AccountId, Option<(crate::projection::totals::Totals, Seq)>)>,
}

impl Loaded {
    fn put_into(self, cache: &mut Cache) {
        for (key, state) in self.conversations {
            cache.put_conversation(key, state);
        }
        for (key, state) in self.contacts {
            cache.put_contact(key, state);
        }
        for (account, totals) in self.totals {
            cache.put_totals(account, totals);
        }
    }
}

async fn load(core: &Core, partition: u32, needs: &Needs) -> Result<Loaded> {
    let cql = &core.cql;
    let conversations = needs.conversations.iter().copied().map(|key| async move {
        Ok::<_, crate::engine::Error>((key, cql.conversation(key.0, key.1).await?))
    });
    let contacts = needs.contacts.iter().copied().map(|key| async move {
        Ok::<_, crate::engine::Error>((key, cql.contact(key.0, key.1).await?))
    });
    let totals = needs.totals.iter().copied().map(|account| async move {
        Ok::<_, crate::engine::Error>((account, cql.total_of(account, partition).await?))
    });
    let (conversations, contacts, totals) =
        tokio::join!(all(conversations), all(contacts), all(totals));
    Ok(Loaded { conversations: conversations?, contacts: contacts?, totals: totals? })
}

/// Which of the replayed events a former owner applied.
async fn stood(core: &Core, batch: &[Recorded], replayed: &[usize]) -> Result<HashSet<usize>> {
    let asked = replayed.iter().copied().map(|place| async move {
        let Recorded { seq, event } = &batch[place];
        let Some(id) = event.body.conversation() else { return Ok(None) };
        let stands = core.cql.stands(event.account, id, *seq).await?;
        Ok(stands.then_some(place))
    });
    Ok(all(asked).await?.into_iter().flatten().collect())
}

/// Waits for all, a bounded number at once.
async fn all<T, F: Future<Output = Result<T>>>(work: impl Iterator<Item = F>) -> Result<Vec<T>> {
    let mut done = Vec::new();
    let mut results = stream::iter(work).buffer_unordered(READS);
    while let Some(result) = results.next().await {
        done.push(result?);
    }
    Ok(done)
}
