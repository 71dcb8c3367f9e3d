//! The views of one partition as they are brought forward: its events folded in order, and what
//! they make written.
//!
//! The projector's worker does it for the keyspace that is served, a rebuild for one that is to be.
//! All that is written is a function of the log alone and stamped with its place there, so that
//! doing it twice, late, or by two at once ends in the same rows.

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{FutureExt as _, StreamExt as _, stream};

use super::super::cql::{Checkpoint, Commit, Cql, Landmark};
use super::super::kafka::record::place_of;
use super::fold::{Cache, Needs, Open, opened};
use super::patience::Patience;
use super::touched::Touched;
use crate::domain::conversation::Effect;
use crate::domain::ids::{AccountId, Id as _};
use crate::domain::seq::Seq;
use crate::engine::{Recorded, Result};
use crate::projection::totals::Totals;
use crate::projection::{Cells, Folded, Key, Range, Rows as _, Way};

/// Reads at once while a batch's states are fetched.
const READS: usize = 32;
/// Rows of a queue, read at once.
const PAGE: usize = 512;

/// Beside the numbers of aggregates.
const OF_TOTALS: u8 = 0;

/// How often it is noted which event stands where.
const LANDMARK_EVERY: Duration = Duration::from_secs(10);

/// The views of one partition, and whoever brings them forward.
pub(in super::super) struct PartitionViews {
    cql: Cql,
    partition: u32,
    pub(in super::super) patience: Patience,
    cache: Cache,
    /// Of a keyspace that was empty: what has been written since. None where that is not known.
    pub(in super::super) touched: Option<Arc<Touched>>,
    /// Up to where the views are.
    position: Seq,
    /// The rows of queues: they bound where those are looked for.
    open: BTreeSet<Open>,
    stored: Seq,
    /// The last event, and when one was noted.
    last: Option<Landmark>,
    landmark_at: Option<Instant>,
}

impl PartitionViews {
    /// The views as their checkpoint says they are, with so many states kept in memory: at least
    /// twice what a batch can touch.
    ///
    /// # Errors
    /// As [`Patience::persist`].
    pub(in super::super) async fn open(
        cql: Cql,
        partition: u32,
        patience: Patience,
        states: NonZeroUsize,
    ) -> Result<Self> {
        let schema = cql.schema;
        let mut views = Self {
            cql,
            partition,
            patience,
            cache: Cache::holding(states, schema),
            touched: None,
            position: Seq::START,
            open: BTreeSet::new(),
            stored: Seq::START,
            last: None,
            landmark_at: None,
        };
        let cql = views.cql.clone();
        let checkpoint = || cql.checkpoint(partition).boxed();
        let checkpoint = views.patience.persist(partition, checkpoint).await?;
        views.position = checkpoint.unwrap_or_default().seq;
        views.stored = views.position;
        views.load_open().await?;
        Ok(views)
    }

    async fn load_open(&mut self) -> Result<()> {
        let (cql, partition) = (self.cql.clone(), self.partition);
        for table in cql.tables().filter(|table| table.queue) {
            let number = i32::try_from(partition).unwrap_or(i32::MAX);
            let partition_cells = Cells::default().and(number);
            let mut after = Cells::default().and(Seq::START);
            loop {
                let range = Range {
                    partition: partition_cells.clone(),
                    after: Some(after.clone()),
                    way: Way::Up,
                    limit: PAGE,
                };
                let read = || cql.range(table, range.clone()).boxed();
                let page = self.patience.persist(partition, read).await?;
                let Some(last) = page.last() else { break };
                after = last.order.clone();
                let seqs = page.iter().filter_map(|found| found.order.seq(0));
                self.open.extend(seqs.map(|seq| (seq, table.number)));
            }
        }
        Ok(())
    }

    /// Up to where the views are.
    pub(in super::super) fn position(&self) -> Seq {
        self.position
    }

    /// The offset in a generation of the topic to go on from.
    pub(in super::super) fn next_offset(&self, generation: u32) -> i64 {
        match place_of(self.position) {
            (at, offset) if at == generation => offset + 1,
            _ => 0,
        }
    }

    /// Whether the views stand in a later generation of the topic.
    pub(in super::super) fn is_beyond(&self, generation: u32) -> bool {
        place_of(self.position).0 > generation
    }

    /// Folds and writes what comes after the position; the views then stand at `upto`.
    ///
    /// # Errors
    /// As [`Patience::persist`]; [`Error::Storage`] when the batch cannot be folded.
    pub(in super::super) async fn apply(
        &mut self,
        batch: &[Recorded],
        upto: Seq,
    ) -> Result<Judged> {
        let nothing = Judged { effects: Vec::new(), certain: true };
        let judged = if batch.is_empty() { nothing } else { self.fold_and_write(batch).await? };
        self.position = upto;
        let last = batch.last().map(|last| Landmark { seq: last.seq, event: last.event.id });
        self.last = last.or(self.last);
        Ok(judged)
    }

    async fn fold_and_write(&mut self, batch: &[Recorded]) -> Result<Judged> {
        let (cql, partition) = (self.cql.clone(), self.partition);
        let mut needs = self.cache.needs(batch);
        self.leave_out_new(&mut needs);
        let read = || load(&cql, partition, &needs).boxed();
        self.patience.persist(partition, read).await?.put_into(&mut self.cache);
        let replayed = self.cache.replayed(batch);
        let stood = if replayed.is_empty() {
            HashSet::new()
        } else {
            let read = || stood(&cql, batch, &replayed).boxed();
            self.patience.persist(partition, read).await?
        };
        let folded = self.cache.fold(partition, batch, &stood, &self.open)?;
        let commit = &folded.commit;
        self.patience.persist(partition, || cql.write_before(commit).boxed()).await?;
        self.patience.persist(partition, || cql.write(commit).boxed()).await?;
        self.note_open(&folded.commit);
        Ok(Judged { effects: folded.effects, certain: folded.certain })
    }

    /// What was never written need not be read.
    fn leave_out_new(&mut self, needs: &mut Needs) {
        let Some(touched) = &self.touched else { return };
        let cache = &mut self.cache;
        needs.states.retain(|key| {
            let known = touched.touch(key.aggregate, &[&key.bytes()]);
            if !known {
                cache.put_state(*key, None);
            }
            known
        });
        needs.totals.retain(|account| {
            let known =
                touched.touch(OF_TOTALS, &[&account.bytes(), &self.partition.to_be_bytes()]);
            if !known {
                cache.put_totals(*account, None);
            }
            known
        });
    }

    fn note_open(&mut self, commit: &Commit) {
        for change in &commit.rows {
            match opened(change) {
                Some(open) if change.row.is_some() => drop(self.open.insert(open)),
                Some(open) => drop(self.open.remove(&open)),
                None => {}
            }
        }
    }

    /// Whether the checkpoint says where the views are.
    pub(in super::super) fn is_noted(&self) -> bool {
        self.position == self.stored
    }

    /// Stores the checkpoint.
    ///
    /// # Errors
    /// As [`Patience::persist`].
    pub(in super::super) async fn note(&mut self) -> Result<()> {
        let (cql, partition, reached) = (self.cql.clone(), self.partition, self.reached());
        let store = || cql.store_checkpoint(partition, reached).boxed();
        self.patience.persist(partition, store).await?;
        self.stored = reached.seq;
        if let Some(last) = self.last
            && self.landmark_at.is_none_or(|at| at.elapsed() >= LANDMARK_EVERY)
        {
            let cql = self.cql.clone();
            let store = || cql.store_landmark(partition, last).boxed();
            self.patience.persist(partition, store).await?;
            self.landmark_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Tries once to store the checkpoint of a partition that is given up. Who follows repeats what is
    /// not stored.
    pub(in super::super) async fn note_at_last(&self) {
        let partition = self.partition;
        if !self.is_noted()
            && let Err(error) = self.cql.store_checkpoint(partition, self.reached()).await
        {
            tracing::debug!(%error, partition, "the last checkpoint was not stored");
        }
    }

    fn reached(&self) -> Checkpoint {
        let before = |(seq, _): &Open| Seq::new(seq.get().saturating_sub(1));
        let due_after = self.open.first().map_or(self.position, before);
        Checkpoint { seq: self.position, due_after }
    }
}

/// What became of a batch.
pub(in super::super) struct Judged {
    /// One for each event.
    pub(in super::super) effects: Vec<Effect>,
    /// No event of it is only taken to stand.
    pub(in super::super) certain: bool,
}

/// States as they were stored.
struct Loaded {
    states: Vec<(Key, Option<Folded>)>,
    totals: Vec<(AccountId, Option<(Totals, Seq)>)>,
}

impl Loaded {
    fn put_into(self, cache: &mut Cache) {
        for (key, state) in self.states {
            cache.put_state(key, state);
        }
        for (account, totals) in self.totals {
            cache.put_totals(account, totals);
        }
    }
}

async fn load(cql: &Cql, partition: u32, needs: &Needs) -> Result<Loaded> {
    let states = needs.states.iter().copied();
    let states = states.map(|key| async move { Ok((key, cql.state(key).await?)) });
    let totals = needs
        .totals
        .iter()
        .copied()
        .map(|account| async move { Ok((account, cql.total_of(account, partition).await?)) });
    let (states, totals) = tokio::join!(all(states), all(totals));
    Ok(Loaded { states: states?, totals: totals? })
}

/// Which of the replayed events a former owner applied.
async fn stood(cql: &Cql, batch: &[Recorded], replayed: &[usize]) -> Result<HashSet<usize>> {
    let asked = replayed.iter().copied().map(|place| async move {
        let Recorded { seq, event } = &batch[place];
        let Some(id) = event.body.conversation() else { return Ok(None) };
        let stands = cql.stands(event.account, id, *seq).await?;
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
