//! The indexer of a node: keeps the index up with the partitions that the node owns.
//!
//! The projector tells it what it has committed and never waits for it. Each partition has a task
//! and a checkpoint of its own, so that one that is far behind holds up no other. The checkpoint
//! belongs to the very index it was reached in: should that be lost and made anew, everything is
//! indexed again from the log, without being told to.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::client::OpenSearch;
use super::follower::{self, Pauses};
use super::http::Failure;
use super::progress::{Progress, Room};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine::{Recorded, Result};
use crate::projection::is_message;

/// What the queues of all partitions hold at most.
const ROOM_BYTES: usize = 32 << 20;
/// Batches and pages that are worked on at once.
const AT_ONCE: usize = 4;
/// How often it is looked whether the index is still the one it was.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const REPORT_EVERY: Duration = Duration::from_millis(500);
/// How long closing waits for the last checkpoints.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads what was applied before, for an indexer that is behind.
#[async_trait]
pub trait Backlog: Send + Sync {
    /// Up to `limit` messages of a partition after `after` that the fold applied, in order, and up to
    /// where was read: every message up to there has been handed out, none beyond it. Reaches at
    /// least what the indexer was told of, in as many calls as it takes. Fewer messages than
    /// `limit` say that the end is near; the indexer then begins to queue.
    async fn applied_messages(
        &self,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Result<(Vec<Recorded>, Seq)>;
}

/// Keeps up to where each partition is in an index; a row that is lost or old costs only time.
#[async_trait]
pub trait Checkpoints: Send + Sync {
    /// [`Seq::START`] when nothing was stored for this index, which is named by its identity.
    async fn load(&self, index: &str, partition: u32) -> Result<Seq>;
    async fn store(&self, index: &str, partition: u32, seq: Seq) -> Result<()>;
}

/// Indexes what is applied. Cheap to clone; the last one that goes stops it.
#[derive(Clone)]
pub struct Indexer {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_when_dropped: Arc<DropGuard>,
}

/// A partition that this node owns, until it is dropped; what is under way then is harmless.
///
/// Not a number that anyone can name: a former owner on the same node that still commits something
/// must not be taken for the present one, or what lies between them would be passed over.
#[must_use = "dropping it gives the partition up"]
pub struct Ownership {
    shared: Arc<Shared>,
    followed: Arc<Followed>,
}

/// What the tasks share.
pub(super) struct Shared {
    pub(super) search: OpenSearch,
    pub(super) backlog: Arc<dyn Backlog>,
    pub(super) checkpoints: Arc<dyn Checkpoints>,
    pub(super) permits: Semaphore,
    /// The identity of the index; none before it was ever seen.
    pub(super) index: watch::Sender<Option<Arc<str>>>,
    /// Somebody found that the index is not there.
    pub(super) look: Notify,
    clock: fn() -> Timestamp,
    room: Arc<Room>,
    followed: RwLock<BTreeMap<u32, Arc<Followed>>>,
}

/// A partition that this node owns.
pub(super) struct Followed {
    pub(super) partition: u32,
    pub(super) pushed: Notify,
    left: CancellationToken,
    progress: Mutex<Progress>,
}

impl Indexer {
    /// Starts with no partitions; OpenSearch may be away. Must be called in a Tokio runtime.
    pub fn start(
        search: OpenSearch,
        backlog: Arc<dyn Backlog>,
        checkpoints: Arc<dyn Checkpoints>,
        clock: fn() -> Timestamp,
    ) -> Self {
        let shared = Arc::new(Shared {
            search,
            backlog,
            checkpoints,
            permits: Semaphore::new(AT_ONCE),
            index: watch::Sender::new(None),
            look: Notify::new(),
            clock,
            room: Arc::new(Room::new(ROOM_BYTES)),
            followed: RwLock::default(),
        });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(stop.clone().run_until_cancelled_owned(watch_index(shared.clone())));
        tasks.spawn(stop.clone().run_until_cancelled_owned(report(shared.clone())));
        let guard = Arc::new(stop.clone().drop_guard());
        Self { shared, tasks, stop, _stop_when_dropped: guard }
    }

    /// This node owns a partition now, whose views stand at `applied`; it does while it holds what
    /// is returned. Comes before the owner's first commit.
    pub fn own(&self, partition: u32, applied: Seq) -> Ownership {
        let shared = self.shared.clone();
        let progress = Progress::new(applied, shared.room.clone(), (shared.clock)());
        let followed = Arc::new(Followed {
            partition,
            pushed: Notify::new(),
            left: self.stop.child_token(),
            progress: Mutex::new(progress),
        });
        shared.write_followed().insert(partition, followed.clone());
        let left = followed.left.clone();
        self.tasks.spawn(follower::follow(shared.clone(), followed.clone(), left));
        Ownership { shared, followed }
    }

    /// Everything of a partition up to here is in the index; [`Seq::START`] while that is not known.
    pub fn checkpoint(&self, partition: u32) -> Seq {
        self.shared.followed(partition).map_or(Seq::START, |followed| followed.progress().indexed())
    }

    /// How old the oldest applied message is that is not in the index; zero when there is none.
    pub fn lag(&self) -> Duration {
        self.shared.lag()
    }

    /// Stops, and stores the checkpoints. What is not indexed yet is, by who owns it next.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(CLOSE_TIMEOUT, self.tasks.wait()).await.is_err() {
            tracing::warn!("search checkpoints could not be stored in time");
        }
    }
}

impl Ownership {
    /// The views of the partition stand at `up_to`: tells what the fold applied since the last push,
    /// in the order of the log. Never waits. What is not a message is passed over.
    pub fn try_push(&self, applied: &[Recorded], up_to: Seq) {
        let messages = applied.iter().filter(|recorded| is_message(&recorded.event));
        self.followed.progress().push(messages.cloned().collect(), up_to);
        self.followed.pushed.notify_one();
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        self.followed.left.cancel();
        let mut all = self.shared.write_followed();
        if let Entry::Occupied(entry) = all.entry(self.followed.partition)
            && Arc::ptr_eq(entry.get(), &self.followed)
        {
            entry.remove();
        }
    }
}

impl Shared {
    fn followed(&self, partition: u32) -> Option<Arc<Followed>> {
        let followed = self.followed.read().unwrap_or_else(PoisonError::into_inner);
        followed.get(&partition).cloned()
    }

    fn write_followed(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<u32, Arc<Followed>>> {
        self.followed.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn lag(&self) -> Duration {
        let now = (self.clock)();
        let followed = self.followed.read().unwrap_or_else(PoisonError::into_inner);
        let oldest = followed.values().filter_map(|followed| followed.progress().oldest()).min();
        oldest.map_or(Duration::ZERO, |oldest| now.since(oldest))
    }
}

impl Followed {
    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the index when it is not there, and tells the followers which one it is.
async fn watch_index(shared: Arc<Shared>) {
    let mut pauses = Pauses::default();
    let mut ensured = false;
    loop {
        let found = match shared.search.identity().await {
            Ok(identity) if ensured => Ok(identity),
            Ok(_) | Err(Failure::NoIndex) => shared.search.ensure_index().await,
            Err(failure) => Err(failure),
        };
        let wait = match found {
            Ok(identity) => {
                ensured = true;
                pauses = Pauses::default();
                shared.index.send_if_modified(|known| {
                    let new = known.as_deref() != Some(&*identity);
                    if new {
                        tracing::info!(index = identity, "the search index is ready");
                        *known = Some(identity.into());
                    }
                    new
                });
                LOOK_EVERY
            }
            Err(failure) => pauses.after(&failure, "the search index cannot be looked at"),
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.look.notified() => {}
        }
    }
}

/// Tells the metrics, and who asks the search port, how far behind the index is.
async fn report(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(REPORT_EVERY);
    loop {
        ticks.tick().await;
        let lag = shared.lag();
        metrics::gauge!("parlor_search_lag_seconds").set(lag.as_secs_f64());
        shared.search.set_lag(lag);
    }
}
