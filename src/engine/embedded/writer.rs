//! The writer thread: group commit, and what happens when the disk refuses.
//!
//! After a failed commit fjall takes no more writes until it is reopened. The writer keeps the old
//! store for reads, waits until there is room again, closes it and opens it anew: no restart is
//! needed, and readers are told to fetch from the views what they may have missed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fjall::{PersistMode, UserValue};
use tokio::sync::oneshot;

use super::keys;
use super::log::Shared;
use super::queue::{Queue, Weight};
use super::states::{Cache, States};
use super::store::{CHECKPOINT_KEY, Store, json, row};
use crate::domain::conversation::Effect;
use crate::domain::event::Event;
use crate::domain::seq::Seq;
use crate::engine::{Appended, Error, Observer, Recorded, Result, Topic};
use crate::projection::{self, claims, conversations, turns_due};

/// How often free space is looked at, and how long to wait between tries to reopen.
const SPACE_CHECK: Duration = Duration::from_millis(50);
const REOPEN_PAUSE: Duration = Duration::from_millis(500);

/// Events of one append, with their JSON, and who waits for them.
pub(super) struct Append {
    pub(super) topic: Topic,
    pub(super) events: Vec<(Arc<Event>, UserValue)>,
    pub(super) done: oneshot::Sender<Result<Vec<Appended>>>,
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
    cache: Cache,
    end: [Seq; 2],
    space_checked: Option<Instant>,
    pub(super) reserve_bytes: u64,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        observer: Arc<dyn Observer>,
        dir: &Path,
        reserve_bytes: u64,
    ) -> Result<Self> {
        let mut writer = Self {
            shared,
            observer,
            dir: dir.to_owned(),
            cache: Cache::new(),
            end: [Seq::START; 2],
            space_checked: None,
            reserve_bytes,
        };
        writer.find_end()?;
        Ok(writer)
    }

    /// Runs until `queue` is closed and nothing waits in it.
    pub(super) fn run(mut self, queue: &Queue<Append>) {
        while let Some(mut waiting) = queue.take() {
            let events: usize = waiting.iter().map(Weight::events).sum();
            metrics::histogram!("parlor_log_batch_events").record(events as f64);
            self.commit(&mut waiting);
        }
        if let Some(store) = self.shared.store()
            && let Err(error) = store.db.persist(PersistMode::SyncAll)
        {
            tracing::error!(%error, "the log could not be synced on closing");
        }
    }

    fn commit(&mut self, waiting: &mut Vec<Append>) {
        if let Err(error) = self.check_writable() {
            for append in waiting.drain(..) {
                let refusal = Error::ReadOnly(error.to_string());
                append.done.send(Err(refusal)).ok();
            }
            return;
        }
        self.refuse_claimed(waiting);
        if waiting.is_empty() {
            return;
        }
        let started = Instant::now();
        self.shared.commit_began();
        let outcome = self.write(waiting);
        self.shared.commit_ended();
        match outcome {
            Ok((results, applied)) => {
                metrics::histogram!("parlor_log_commit_seconds").record(started.elapsed());
                self.observer.committed(&applied);
                for (append, result) in waiting.drain(..).zip(results) {
                    append.done.send(Ok(result)).ok();
                }
            }
            Err(error) => {
                tracing::error!(%error, "a commit failed; the store will be reopened");
                metrics::counter!("parlor_log_commit_failures_total").increment(1);
                self.cache.clear();
                self.shared.set_broken(Some(error.to_string()));
                for append in waiting.drain(..) {
                    append.done.send(Err(Error::Unknown)).ok();
                }
            }
        }
    }

    /// Answers those that have nothing to write: they only ask to look, or their key is claimed.
    fn refuse_claimed(&self, waiting: &mut Vec<Append>) {
        let Some(store) = self.shared.store() else { return };
        for append in std::mem::take(waiting) {
            let claim =
                append.events.iter().find_map(|(event, _)| claimed(&store, event).transpose());
            let refusal = match claim {
                _ if append.events.is_empty() => Ok(Vec::new()),
                None => {
                    waiting.push(append);
                    continue;
                }
                Some(Ok(_)) => Err(Error::Claimed),
                Some(Err(error)) => Err(error),
            };
            append.done.send(refusal).ok();
        }
    }

    /// One atomic, synced batch. On an error the cache and the ends are no longer true.
    fn write(&mut self, waiting: &[Append]) -> Result<(Vec<Vec<Appended>>, Vec<Recorded>)> {
        let store = self.shared.store().ok_or_else(|| Error::ReadOnly("not open".into()))?;
        let count: usize = waiting.iter().map(|append| append.events.len()).sum();
        let mut batch = fjall::OwnedWriteBatch::with_capacity(store.db.clone(), count * 4)
            .durability(Some(PersistMode::SyncData));
        let mut applied = Vec::with_capacity(count);
        let mut results = Vec::with_capacity(waiting.len());
        for append in waiting {
            let mut result = Vec::with_capacity(append.events.len());
            for (event, bytes) in &append.events {
                let end = &mut self.end[append.topic as usize];
                *end = end.next();
                let seq = *end;
                batch.insert(store.log(append.topic), keys::position(seq), bytes.clone());
                let mut states = States { cache: &mut self.cache, store: &store };
                let effect = project_into(&mut batch, &mut states, seq, event, bytes)?;
                if effect == Effect::Applied {
                    applied.push(Recorded { seq, event: event.clone() });
                }
                result.push(Appended { seq, effect });
            }
            results.push(result);
        }
        self.cache.write(&store, &mut batch)?;
        let checkpoint = keys::position(self.end[Topic::Events as usize]);
        batch.insert(&store.meta, CHECKPOINT_KEY, checkpoint);
        batch.commit().map_err(super::store::storage)?;
        Ok((results, applied))
    }

    fn check_writable(&mut self) -> Result<()> {
        if self.shared.is_broken() {
            self.reopen()?;
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

    /// Closes a store that takes no writes any more and opens it anew, once there is room.
    fn reopen(&mut self) -> Result<()> {
        if self.space_checked.is_some_and(|at| at.elapsed() < REOPEN_PAUSE) {
            return Err(Error::ReadOnly("the store is being reopened".into()));
        }
        self.space_checked = Some(Instant::now());
        if free_bytes(&self.dir)? < self.reserve_bytes {
            return Err(Error::ReadOnly("the disk is full".into()));
        }
        self.shared.reopen(&self.dir)?;
        self.cache.clear();
        self.find_end()?;
        self.shared.set_broken(None);
        self.observer.interrupted();
        tracing::info!("the store is open again");
        Ok(())
    }

    fn find_end(&mut self) -> Result<()> {
        let store = self.shared.store().ok_or_else(|| Error::ReadOnly("not open".into()))?;
        for topic in [Topic::Events, Topic::Accounts] {
            self.end[topic as usize] = store.end(topic)?;
        }
        Ok(())
    }
}

/// Folds one event and puts its rows, other than the states, into the batch.
pub(super) fn project_into(
    batch: &mut fjall::OwnedWriteBatch,
    states: &mut States<'_>,
    seq: Seq,
    event: &Event,
    json_of_event: &UserValue,
) -> Result<Effect> {
    let store = states.store;
    let (effect, changes) = projection::project(seq, event, states)?;
    if changes.timeline
        && let Some(id) = event.body.conversation()
    {
        let key = keys::in_conversation(event.account, id, seq.get());
        batch.insert(&store.timeline, key, json_of_event.clone());
    }
    if let Some(page) = changes.page {
        let key = keys::in_conversation(page.account, page.conversation, page.block);
        batch.insert(&store.pages, key, keys::position(page.seq));
    }
    for change in changes.turns {
        match change {
            turns_due::Change::Due(row) => {
                batch.insert(&store.turns_due, keys::position(row.seq), json(&row)?);
            }
            turns_due::Change::Done(due) => {
                batch.remove(&store.turns_due, keys::position(due).as_slice());
            }
        }
    }
    if let Some(claim) = changes.claim {
        let key = keys::claim(claim.account, &claim.key);
        batch.insert(&store.claims_by_time, keys::claim_by_time(claim.at, &key), []);
        batch.insert(&store.claims, key, json(&claim)?);
    }
    match changes.listed {
        Some(conversations::Change::Began(row)) => {
            let key = keys::began(row.account, row.at, row.conversation);
            batch.insert(&store.conversations_by_time, key, []);
        }
        Some(conversations::Change::Deleted(row)) => {
            let key = keys::began(row.account, row.at, row.conversation);
            batch.remove(&store.conversations_by_time, key.as_slice());
        }
        None => {}
    }
    if let Some(total) = changes.total {
        states.count(total)?;
    }
    Ok(effect)
}

/// Another's claim of this event's idempotency key, if there is one.
fn claimed(store: &Store, event: &Event) -> Result<Option<claims::Row>> {
    let Some(asked) = claims::project(event) else { return Ok(None) };
    let key = keys::claim(event.account, &asked.key);
    let found: Option<claims::Row> = row(&store.claims, &key)?;
    Ok(found.filter(|found| {
        found.message_id != asked.message_id && event.at.since(found.at) < claims::KEPT
    }))
}

/// What the file system has left for us.
pub(super) fn free_bytes(dir: &Path) -> Result<u64> {
    let stat = rustix::fs::statvfs(dir).map_err(super::store::storage)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}
