//! Making the views anew beside those that are served.
//!
//! A second store is filled from the log. Then both are compared as they were at one moment, which only
//! the writer can name: between two batches. At last the writer brings the second one up to the log's
//! end and goes on with it. Nobody waits for more than that.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::background::Rest;
use super::compare::{Difference, Which, first_difference};
use super::log::{Shared, wake};
use super::queue::Queue;
use super::rebuild::{self, Watch, given_up};
use super::store::{Store, storage};
use super::writer::{Append, free_bytes};
use super::{current, directory};
use crate::domain::seq::Seq;
use crate::engine::{Error, Result, Topic};

/// The second store is handed over when it lacks no more events than these.
const NEAR: u64 = 2_000;
/// How long the writer may take to do its part, and how often it is looked at whether it still can.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// Resting is so many times as long as work was.
const REST: u32 = 1;

/// What the writer does between two batches.
pub(super) enum Order {
    /// Names the moment.
    Point(SyncSender<Result<Point>>),
    /// Goes on with another store.
    Switch(Box<Store>, PathBuf, SyncSender<Result<Arc<Store>>>),
}

/// The store that is served, as it was behind a batch.
pub(super) struct Point {
    pub(super) store: Arc<Store>,
    pub(super) moment: fjall::Snapshot,
    pub(super) seen: Seq,
}

/// What is asked of the writer; one thing at a time.
#[derive(Default)]
pub(super) struct Orders {
    next: Mutex<Option<Order>>,
    /// A second store is being filled.
    busy: AtomicBool,
}

impl Orders {
    pub(super) fn take(&self) -> Option<Order> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, order: Order) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(order);
    }
}

/// The one that fills a second store.
struct Turn<'a>(&'a Orders);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.take();
        self.0.busy.store(false, Ordering::Release);
    }
}

/// An engine whose views are to be made anew.
pub(super) struct Rebuild {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue<Append>>,
    pub(super) dir: PathBuf,
    pub(super) reserve_bytes: u64,
}

impl Rebuild {
    /// Makes the views anew while they are served. Gives how many events were folded, and the first
    /// difference to the views that were served.
    ///
    /// # Errors
    /// [`Error::Overloaded`] while another does it; [`Error::Storage`] where there is no room for a
    /// second store; [`given_up`] when `is_wanted` says so, or the views take no writes.
    pub(super) fn run(&self, is_wanted: &dyn Fn() -> bool) -> Result<(u64, Option<Difference>)> {
        let orders = &self.shared.orders;
        if orders.busy.swap(true, Ordering::Acquire) {
            return Err(Error::Overloaded);
        }
        let _turn = Turn(orders);
        let old = current::folder(&self.dir)?;
        has_room(&self.dir, &old, self.reserve_bytes)?;
        let folder = current::next(&self.dir)?;
        let (second, events, difference) = match self.fill(&folder, is_wanted) {
            Ok(filled) => filled,
            Err(error) => {
                directory::remove_folder(&folder).map_err(storage)?;
                return Err(error);
            }
        };
        let (done, outcome) = sync_channel(1);
        let replaced = self.ask(Order::Switch(Box::new(second), folder, done), &outcome)?;
        retire(replaced, &old);
        tracing::info!(events, "the views were made anew and are served");
        Ok((events, difference))
    }

    /// A second store that has all but the newest events, and how it differs from the first.
    fn fill(
        &self,
        folder: &Path,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<(Store, u64, Option<Difference>)> {
        let shared = &self.shared;
        let hold = shared.hold().ok_or_else(given_up)?;
        let second = Store::open(folder, shared.cache_bytes, shared.schema)?.with(&hold);
        // Whoever opens broken views anew waits until nobody reads the old ones.
        let goes_on = || is_wanted() && !shared.is_broken() && shared.store().is_some();
        let rest = Rest::of(REST);
        let rests = || rest.take(&goes_on);
        let resting = Watch { goes_on: &rests, ..Watch::NONE };
        let mut events = rebuild::catch_up(&second, &shared.readers, resting)?;
        let (done, outcome) = sync_channel(1);
        let Point { store, moment, seen } = self.ask(Order::Point(done), &outcome)?;
        events += rebuild::fold(&second, &shared.readers, seen, resting)?;
        let difference = first_difference((&store, &moment), &second, Which::All, &rests)?;
        drop((moment, store));
        // Without a rest: it must be faster than the writer.
        let watch = Watch { goes_on: &goes_on, ..Watch::NONE };
        loop {
            events += rebuild::catch_up(&second, &shared.readers, watch)?;
            let seen = second.checkpoint()?.unwrap_or_default().seq;
            if shared.readers.end(Topic::Events).get().saturating_sub(seen) <= NEAR {
                return Ok((second, events, difference));
            }
        }
    }

    /// Has the writer do something, and waits until it is done.
    fn ask<T>(&self, order: Order, outcome: &Receiver<Result<T>>) -> Result<T> {
        self.shared.orders.put(order);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && self.shared.store().is_some() {
            wake(&self.queue);
            match outcome.recv_timeout(LOOK) {
                Ok(outcome) => return outcome,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Err(given_up())
    }
}

/// Removes the views that were served, once nobody reads them any more.
fn retire(replaced: Arc<Store>, folder: &Path) {
    Store::close_unread(replaced);
    if let Err(error) = directory::remove_folder(folder) {
        tracing::warn!(%error, folder = %folder.display(), "the views that were replaced stay until a restart");
    }
}

/// Whether there is room for as much again as the views take.
fn has_room(dir: &Path, views: &Path, reserve_bytes: u64) -> Result<()> {
    let (free, needed) = (free_bytes(dir)?, directory::bytes_in(views).map_err(storage)?);
    if free.saturating_sub(reserve_bytes) >= needed {
        return Ok(());
    }
    Err(Error::Storage(format!(
        "there is no room for a second store of the views: {needed} bytes are needed beside the reserve \
         of {reserve_bytes}, and {free} are free"
    )))
}
