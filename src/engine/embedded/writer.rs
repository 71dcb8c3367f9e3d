//! The writer thread: group commit, and what happens when the disk refuses.
//!
//! A batch goes to the log first, with one write and one sync; then the views take it, without a sync.
//! When the log cannot be written, the batch's callers are told so, and the writer tries again with a
//! new segment. When the views cannot be written, the batch is in the log all the same: the writer
//! opens the views anew, brings them up to the log, and tells readers to fetch from them what they may
//! have missed. Neither needs a restart.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::beside::{Order, Point};
use super::log::{LITTLE, Shared};
use super::logs::TOPICS;
use super::queue::{Queue, Weight};
use super::rebuild::Watch;
use super::segments::{AppendError, Appender, Record};
use super::states::{Cache, States};
use super::store::{Store, json, storage};
use super::{current, expiry, keys, rebuild};
use crate::domain::conversation::Effect;
use crate::domain::event::Event;
use crate::domain::ids::Id as _;
use crate::domain::seq::Seq;
use crate::engine::{Appended, Error, Observer, Recorded, Result, Topic};
use crate::projection::{claims, is_message};

/// How often free space is looked at, and how long to wait between tries to write again.
const SPACE_CHECK: Duration = Duration::from_millis(50);
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// States are put into the store when so many events wait for it, which a start after a kill folds again, or
/// so many states, which take the writer some milliseconds.
const SETTLE_EVENTS: usize = 8_192;
const SETTLE_STATES: usize = 1_024;
/// The log has one.
pub(super) const PARTITION: u32 = 0;

/// Events of one append, with their JSON, and who waits for them.
pub(super) struct Append {
    pub(super) topic: Topic,
    pub(super) events: Vec<(Arc<Event>, Vec<u8>)>,
    pub(super) done: oneshot::Sender<Result<Vec<Appended>>>,
}

/// What does not take writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Log,
    Views,
}

impl Weight for Append {
    fn events(&self) -> usize {
        self.events.len()
    }

    fn bytes(&self) -> usize {
        self.events.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

/// State of the thread; nothing of it is shared but `shared`.
pub(super) struct Writer {
    shared: Arc<Shared>,
    observer: Arc<dyn Observer>,
    dir: PathBuf,
    appenders: [Appender; 2],
    cache: Cache,
    /// Events that the store's states have not seen.
    unsettled: usize,
    broken: Option<Broken>,
    space_checked: Option<Instant>,
    reserve_bytes: u64,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        observer: Arc<dyn Observer>,
        dir: &Path,
        appenders: [Appender; 2],
        reserve_bytes: u64,
    ) -> Self {
        Self {
            shared,
            observer,
            dir: dir.to_owned(),
            appenders,
            cache: Cache::new(),
            unsettled: 0,
            broken: None,
            space_checked: None,
            reserve_bytes,
        }
    }

    /// Runs until `queue` is closed and nothing waits in it.
    pub(super) fn run(mut self, queue: &Queue<Append>) {
        while let Some(mut waiting) = queue.take() {
            let events: usize = waiting.iter().map(Weight::events).sum();
            metrics::histogram!("parlor_log_batch_events").record(events as f64);
            self.commit(&mut waiting);
        }
        if let Some(store) = self.shared.store()
            && let Err(error) = self.settle(&store).and_then(|()| store.sync())
        {
            tracing::warn!(%error, "the views could not be synced; opening them takes a moment longer");
        }
        for appender in self.appenders {
            appender.close();
        }
    }

    fn commit(&mut self, waiting: &mut Vec<Append>) {
        if let Some(order) = self.shared.orders.take() {
            self.obey(order);
        }
        if let Err(error) = self.check_writable() {
            for append in waiting.drain(..) {
                let refusal = Error::ReadOnly(error.to_string());
                append.done.send(Err(refusal)).ok();
            }
            return;
        }
        // They only ask to look.
        for append in waiting.extract_if(.., |append| append.events.is_empty()) {
            append.done.send(Ok(Vec::new())).ok();
        }
        for topic in TOPICS {
            let batch: Vec<_> = waiting.extract_if(.., |append| append.topic == topic).collect();
            if batch.is_empty() {
                continue;
            }
            let started = Instant::now();
            self.shared.commit_began();
            self.write(topic, batch);
            self.shared.commit_ended();
            metrics::histogram!("parlor_log_commit_seconds").record(started.elapsed());
        }
    }

    /// One synced batch of a log, then its views; answers those who wait for it.
    fn write(&mut self, topic: Topic, batch: Vec<Append>) {
        let appender = &mut self.appenders[topic as usize];
        let first = appender.position().seq + 1;
        let records: Vec<_> = (first..)
            .zip(batch.iter().flat_map(|append| &append.events))
            .map(|(seq, (event, body))| Record { seq, id: event.id.bytes(), body })
            .collect();
        let refusal = match appender.append(&records) {
            Ok(()) => return self.show(topic, first, batch),
            Err(error) => error,
        };
        tracing::error!(error = %refusal, "the log takes no writes; trying again");
        metrics::counter!("parlor_log_commit_failures_total").increment(1);
        self.broken = Some(Broken::Log);
        self.shared.set_broken(Some(refusal.to_string()));
        for append in batch {
            let error = match &refusal {
                AppendError::Refused(error) => Error::ReadOnly(error.to_string()),
                AppendError::Unknown(_) => Error::Unknown,
            };
            append.done.send(Err(error)).ok();
        }
    }

    /// Brings a batch that is in the log into the views.
    fn show(&mut self, topic: Topic, first: u64, batch: Vec<Append>) {
        match self.project(topic, first, &batch) {
            Ok((results, applied)) => {
                self.observer.committed(&applied);
                self.shared.news.send_replace(());
                for (append, result) in batch.into_iter().zip(results) {
                    append.done.send(Ok(result)).ok();
                }
            }
            Err(error) => {
                tracing::error!(%error, "the views take no writes; they will be opened anew");
                metrics::counter!("parlor_log_commit_failures_total").increment(1);
                self.cache.clear();
                self.broken = Some(Broken::Views);
                self.shared.set_broken(Some(error.to_string()));
                for append in batch {
                    append.done.send(Err(Error::Unknown)).ok();
                }
            }
        }
    }

    /// Folds and projects a batch. On an error the cache is no longer true.
    fn project(
        &mut self,
        topic: Topic,
        first: u64,
        appends: &[Append],
    ) -> Result<(Vec<Vec<Appended>>, Vec<Recorded>)> {
        let store = self.shared.store().ok_or_else(|| Error::ReadOnly("not open".into()))?;
        let count: usize = appends.iter().map(|append| append.events.len()).sum();
        let mut batch = fjall::OwnedWriteBatch::with_capacity(store.db.clone(), count * 4);
        let mut applied = Vec::with_capacity(count);
        let mut results = Vec::with_capacity(appends.len());
        let mut next = Seq::new(first);
        for append in appends {
            let mut result = Vec::with_capacity(append.events.len());
            for (event, json) in &append.events {
                let seq = next;
                next = next.next();
                let mut states = States { cache: &mut self.cache, store: &store };
                let effect = project_into(&mut batch, &mut states, seq, event)?;
                if topic == Topic::Events {
                    self.shared.readers.keep(seq, event, json.len());
                }
                if effect == Effect::Applied {
                    applied.push(Recorded { seq, event: event.clone() });
                }
                result.push(Appended { seq, effect });
            }
            results.push(result);
        }
        let position = self.appenders[topic as usize].position();
        store.set_seen(&mut batch, topic, &position);
        batch.commit().map_err(storage)?;
        self.cache.publish(&store.fresh);
        self.unsettled += count;
        if self.unsettled >= SETTLE_EVENTS || store.fresh.len() >= SETTLE_STATES {
            self.settle(&store)?;
        }
        Ok((results, applied))
    }

    /// Brings the states in the store up to its rows.
    fn settle(&mut self, store: &Store) -> Result<()> {
        self.unsettled = 0;
        let position = self.appenders[Topic::Events as usize].position();
        if position.seq == 0 { Ok(()) } else { store.settle(store.db.batch(), &position) }
    }

    /// Does between two batches what a rebuild needs.
    fn obey(&mut self, order: Order) {
        match order {
            Order::Point(done) => done.send(self.point()).ok(),
            Order::Switch(store, folder, done) => done.send(self.switch(*store, &folder)).ok(),
        };
    }

    fn point(&mut self) -> Result<Point> {
        let store = self.shared.store().filter(|_| self.broken.is_none());
        let store = store.ok_or_else(rebuild::given_up)?;
        self.settle(&store)?;
        let seen = store.checkpoint()?.unwrap_or_default().seq;
        Ok(Point { moment: store.db.snapshot(), store, seen: Seq::new(seen) })
    }

    /// Goes on with another store of views; gives the one before.
    fn switch(&mut self, store: Store, folder: &Path) -> Result<Arc<Store>> {
        if self.broken.is_some() {
            return Err(rebuild::given_up());
        }
        let readers = &self.shared.readers;
        rebuild::fold(&store, readers, readers.end(Topic::Events), Watch::NONE)?;
        let administration = self.appenders[Topic::Accounts as usize].position();
        if administration.seq > 0 {
            let mut batch = store.db.batch();
            store.set_seen(&mut batch, Topic::Accounts, &administration);
            batch.commit().map_err(storage)?;
        }
        // It counts when a restart finds it, so nothing of it may be lost.
        store.sync()?;
        current::set(&self.dir, folder)?;
        self.cache.clear();
        self.unsettled = 0;
        self.shared.replace(store).ok_or_else(rebuild::given_up)
    }

    fn check_writable(&mut self) -> Result<()> {
        if let Some(broken) = self.broken {
            self.revive(broken)?;
        }
        if self.space_checked.is_none_or(|at| at.elapsed() >= SPACE_CHECK) {
            self.space_checked = Some(Instant::now());
            let free = free_bytes(&self.dir)?;
            self.shared.free_bytes.store(free, Ordering::Relaxed);
            metrics::gauge!("parlor_disk_free_bytes").set(free as f64);
        }
        if self.shared.free_bytes.load(Ordering::Relaxed) < self.reserve_bytes {
            let detail = "the disk is full".to_owned();
            if self.shared.set_full(true) {
                let free = self.shared.free_bytes.load(Ordering::Relaxed);
                tracing::warn!(
                    free,
                    reserve = self.reserve_bytes,
                    "the disk is full: writes are refused"
                );
            }
            // Looked at again at the next append: recovery needs no restart.
            self.space_checked = None;
            return Err(Error::ReadOnly(detail));
        }
        if self.shared.set_full(false) {
            tracing::info!("the disk has room again: writes are taken");
        }
        Ok(())
    }

    /// Makes ready what took no writes, once there is room.
    fn revive(&mut self, broken: Broken) -> Result<()> {
        if self.space_checked.is_some_and(|at| at.elapsed() < RETRY_PAUSE) {
            return Err(Error::ReadOnly("a write failed; trying again".into()));
        }
        self.space_checked = Some(Instant::now());
        if free_bytes(&self.dir)? < self.reserve_bytes {
            return Err(Error::ReadOnly("the disk is full".into()));
        }
        match broken {
            Broken::Log => {
                for appender in &mut self.appenders {
                    appender.revive().map_err(storage)?;
                }
            }
            Broken::Views => {
                see_room(&self.dir)?;
                self.shared.reopen(&self.dir)?;
                self.cache.clear();
                self.unsettled = 0;
                self.observer.interrupted();
            }
        }
        self.broken = None;
        self.shared.set_broken(None);
        tracing::info!("writes are taken again");
        Ok(())
    }
}

/// Folds one event and puts its rows, other than the states, into the batch.
pub(super) fn project_into(
    batch: &mut fjall::OwnedWriteBatch,
    states: &mut States<'_>,
    seq: Seq,
    event: &Event,
) -> Result<Effect> {
    let store = states.store;
    let (effect, changes) = store.schema.project(PARTITION, seq, event, states)?;
    if changes.timeline
        && let Some(id) = event.body.conversation()
    {
        // The event itself is in the log.
        let what: &[u8] = if is_message(event) { &keys::MESSAGE } else { &[] };
        store.timeline.put(batch, keys::in_conversation(event.account, id, seq.get()), what);
    }
    for change in &changes.rows {
        store.change(batch, change);
    }
    if let Some(claim) = changes.claim {
        let key = keys::claim(claim.account, &claim.key);
        let expires = claim.at.plus(claims::KEPT);
        expiry::note(batch, store.rows(), expires, &[&[keys::CLAIMS], &key[..]].concat());
        store.claims.put(batch, key, json(&claim)?);
    }
    if let Some(total) = changes.total {
        states.count(total)?;
    }
    Ok(effect)
}

/// Whether the disk takes what views that are opened anew may write. The ones that are open have in memory
/// what they could not write, so they are read until then.
fn see_room(dir: &Path) -> Result<()> {
    let full = |error: io::Error| Error::ReadOnly(format!("the views find no room: {error}"));
    if free_bytes(dir)? < LITTLE {
        return Err(full(io::ErrorKind::StorageFull.into()));
    }
    // A quota is not among the free bytes, and some disks fail only when they are written to.
    let mut file = tempfile::tempfile_in(dir).map_err(full)?;
    io::copy(&mut io::repeat(0).take(LITTLE), &mut file).map_err(full)?;
    file.sync_data().map_err(full)
}

/// What the file system has left for us.
pub(super) fn free_bytes(dir: &Path) -> Result<u64> {
    let stat = rustix::fs::statvfs(dir).map_err(storage)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
