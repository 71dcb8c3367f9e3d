//! Runs the followers of the partitions that are this node's.
//!
//! Each follower has a task for each partition, so that none holds up another. A task reads what was applied
//! after its place, has it taken, and stores the place from time to time: after a crash some of it is taken
//! again. A partition that goes to another node is followed there, from the stored place on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::time::Timestamp;
use crate::engine::Engine;
use crate::engine::feed::{Follower, Source};

mod task;

/// Pages of a follower that are worked on at once, over all partitions.
const PAGES: usize = 4;
/// How often it is looked which partitions are this node's, and said how far followers lag.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long the last places may take to be stored.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// All followers of a node. Another one is a line here, or among the engine's own.
pub fn registry(engine: &dyn Engine) -> Vec<Arc<dyn Follower>> {
    engine.followers()
}

/// When the oldest event was written that was not taken yet; none where all was.
#[derive(Default)]
struct Behind(Mutex<Option<Timestamp>>);

impl Behind {
    fn get(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, oldest: Option<Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = oldest;
    }
}

/// A follower at a partition.
struct Running {
    behind: Arc<Behind>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Runs them until `drain`; then stores their places.
pub async fn run(
    source: Arc<dyn Source>,
    followers: Vec<Arc<dyn Follower>>,
    clock: fn() -> Timestamp,
    drain: CancellationToken,
) {
    if followers.is_empty() {
        return;
    }
    let tasks = TaskTracker::new();
    let pages: Vec<_> = followers.iter().map(|_| Arc::new(Semaphore::new(PAGES))).collect();
    // They end with this, also where nobody waits for it any more.
    let all = drain.child_token();
    let _guard = all.clone().drop_guard();
    let mut running: BTreeMap<(usize, u32), Running> = BTreeMap::new();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while drain.run_until_cancelled(ticks.tick()).await.is_some() {
        let owned = source.owned();
        running.retain(|(_, partition), one| {
            let is_owned = owned.contains(partition);
            if !is_owned {
                one.stop.cancel();
            }
            // One that panicked is begun again, at its stored place.
            is_owned && !one.task.is_finished()
        });
        for (number, (follower, pages)) in followers.iter().zip(&pages).enumerate() {
            for partition in &owned {
                running.entry((number, *partition)).or_insert_with(|| {
                    let (behind, stop) = (Arc::new(Behind::default()), all.child_token());
                    // Until it is known otherwise.
                    behind.set(Some(clock()));
                    let task = task::Task::new(
                        source.clone(),
                        follower.clone(),
                        *partition,
                        behind.clone(),
                        pages.clone(),
                    );
                    let task = tasks.spawn(task.run(stop.clone()));
                    Running { behind, stop, task }
                });
            }
            let of_it = running.range((number, 0)..=(number, u32::MAX));
            let oldest = of_it.filter_map(|(_, one)| one.behind.get()).min();
            let lag = oldest.map_or(Duration::ZERO, |oldest| clock().since(oldest));
            metrics::gauge!("parlor_follower_lag_seconds", "follower" => follower.name())
                .set(lag.as_secs_f64());
            follower.lags(lag);
        }
    }
    tasks.close();
    if timeout(CLOSE_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::warn!("the places of followers could not be stored in time");
    }
}
