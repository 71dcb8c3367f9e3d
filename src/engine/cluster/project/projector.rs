//! The projector's membership in its group: which partitions this node owns, and their records.
//!
//! The consumer is polled on a thread of its own that never waits for a database. Records go to
//! one bounded queue for each partition; while a queue is full its partition is paused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::super::core::Core;
use super::super::kafka::record::{event_of, place_of, seq_of};
use super::super::kafka::{client_error, note_away};
use super::worker::{Incoming, QUEUE, Worker};
use crate::engine::{Result, Topic};

/// How long the thread waits for a record; shorter while something else must be looked at.
const WAIT: Duration = Duration::from_millis(100);
const SHORT_WAIT: Duration = Duration::from_millis(2);
/// Records taken from the consumer at most before they are handed over: what came together should
/// be committed together.
const AT_ONCE: usize = 128;
/// How often the positions are told to Kafka, for its tools; ours are with the views.
const COMMIT_EVERY: Duration = Duration::from_secs(5);
/// How often the positions are looked at: they may be past what is no record.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long a partition rests whose worker failed.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// Assignments whose workers have loaded their checkpoints and wait for their first record.
const READY: usize = 1_024;

/// What the group decided.
enum Change {
    Assigned(Vec<u32>),
    Revoked(Vec<u32>),
}

#[derive(Default)]
struct Membership {
    changes: Mutex<Vec<Change>>,
}

impl Membership {
    fn note(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }

    fn has_changed(&self) -> bool {
        !self.changes.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<u32> {
    list.elements().iter().filter_map(|one| u32::try_from(one.partition()).ok()).collect()
}

impl ClientContext for Membership {
    fn error(&self, error: KafkaError, reason: &str) {
        note_away(&error, reason);
    }
}

impl ConsumerContext for Membership {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(list) = rebalance {
            self.note(Change::Revoked(partitions(list)));
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            // Until the worker has found out where to begin.
            if let Err(error) = consumer.pause(list) {
                tracing::warn!(%error, "assigned partitions could not be paused");
            }
            self.note(Change::Assigned(partitions(list)));
        }
    }
}

/// A partition of this node.
struct Owned {
    revoked: CancellationToken,
    queue: mpsc::Sender<Incoming>,
    /// Set once the worker is ready: from then on records are handed over.
    running: bool,
    /// The offset after the last that was handed over.
    next: i64,
    /// What did not fit into the queue; the partition is paused meanwhile.
    stash: Option<Incoming>,
}

/// A worker that is ready to go on from an offset.
struct Ready {
    partition: u32,
    offset: i64,
    revoked: CancellationToken,
}

/// The thread's state.
struct Projector {
    core: Arc<Core>,
    topic: String,
    consumer: BaseConsumer<Membership>,
    owned: HashMap<u32, Owned>,
    workers: TaskTracker,
    ready: (mpsc::Sender<Ready>, mpsc::Receiver<Ready>),
    /// Ready, but the consumer could not be set to the place yet.
    unplaced: Vec<Ready>,
    committed_at: Instant,
    looked_at: Instant,
}

/// Joins the group and projects until `core.closing`; the thread ends when its workers have.
///
/// # Errors
/// When the consumer cannot be made.
pub(in super::super) fn start(core: &Arc<Core>) -> Result<std::thread::JoinHandle<()>> {
    let config = core.settings.projector(&core.keyspace);
    let consumer: BaseConsumer<Membership> =
        config.create_with_context(Membership::default()).map_err(client_error)?;
    let topic = core.settings.log_now(Topic::Events);
    consumer.subscribe(&[&topic]).map_err(client_error)?;
    let projector = Projector {
        core: core.clone(),
        topic,
        consumer,
        owned: HashMap::new(),
        workers: TaskTracker::new(),
        ready: mpsc::channel(READY),
        unplaced: Vec::new(),
        committed_at: Instant::now(),
        looked_at: Instant::now(),
    };
    let runtime = tokio::runtime::Handle::current();
    let thread = std::thread::Builder::new().name("parlor-projector".into());
    thread.spawn(move || projector.run(&runtime)).map_err(super::super::core::thread_error)
}

impl Projector {
    fn run(mut self, runtime: &tokio::runtime::Handle) {
        while !self.core.closing.is_cancelled() {
            let busy = !self.unplaced.is_empty()
                || self.owned.values().any(|one| one.stash.is_some() || !one.running);
            let taken = self.take(if busy { SHORT_WAIT } else { WAIT });
            for change in self.consumer.context().take() {
                match change {
                    Change::Assigned(list) => self.assigned(&list, runtime),
                    Change::Revoked(list) => self.revoked(&list),
                }
            }
            for (partition, incoming) in taken {
                self.hand_over(partition, incoming);
            }
            if self.looked_at.elapsed() >= LOOK_EVERY {
                self.hand_over_gaps();
            }
            while let Ok(ready) = self.ready.1.try_recv() {
                self.unplaced.push(ready);
            }
            for ready in std::mem::take(&mut self.unplaced) {
                self.place(ready);
            }
            self.empty_stashes();
            self.replace_ended(runtime);
            if self.committed_at.elapsed() >= COMMIT_EVERY {
                self.commit_positions();
            }
        }
        for owned in self.owned.values() {
            owned.revoked.cancel();
        }
        self.workers.close();
        runtime.block_on(self.workers.wait());
        self.commit_positions();
        // Dropping the consumer leaves the group.
    }

    /// The records that are there, once there is one; until the group decides something.
    fn take(&self, mut wait: Duration) -> Vec<(u32, Incoming)> {
        let mut taken = Vec::new();
        while taken.len() < AT_ONCE {
            match self.consumer.poll(wait) {
                Some(Ok(message)) => {
                    let incoming = read(&message, self.core.settings.generation);
                    taken.push((partition_of(&message), incoming));
                }
                Some(Err(error)) => {
                    self.core.polling.failed("projector", &error);
                    break;
                }
                None => break,
            }
            if self.consumer.context().has_changed() {
                break;
            }
            wait = Duration::ZERO;
        }
        taken
    }

    fn assigned(&mut self, list: &[u32], runtime: &tokio::runtime::Handle) {
        tracing::info!(partitions = ?list, "owns partitions");
        for partition in list.iter().copied() {
            self.begin(partition, Duration::ZERO, runtime);
        }
        self.count();
    }

    /// A worker that ended though nobody told it to: another one begins where it was.
    fn replace_ended(&mut self, runtime: &tokio::runtime::Handle) {
        let ended =
            |(_, owned): &(&u32, &Owned)| owned.queue.is_closed() && !owned.revoked.is_cancelled();
        let ended: Vec<_> =
            self.owned.iter().filter(ended).map(|(partition, _)| *partition).collect();
        for partition in ended {
            tracing::error!(partition, "a worker has ended by itself; another one begins");
            metrics::counter!("parlor_projector_restarts_total").increment(1);
            self.set_paused(partition, true);
            self.begin(partition, RESTART_PAUSE, runtime);
        }
    }

    fn begin(&mut self, partition: u32, pause: Duration, runtime: &tokio::runtime::Handle) {
        let (queue, records) = mpsc::channel(QUEUE);
        let revoked = self.core.owned.projecting.child_token();
        let (core, ready, token) = (self.core.clone(), self.ready.0.clone(), revoked.clone());
        core.relay.own(partition);
        self.workers.spawn_on(
            async move {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                let worker = Worker::begin(core, partition, token.clone()).await;
                let Some(worker) = worker else { return };
                let offset = worker.next_offset();
                if ready.send(Ready { partition, offset, revoked: token }).await.is_ok() {
                    worker.run(records).await;
                }
            },
            runtime,
        );
        let owned = Owned { revoked, queue, running: false, next: 0, stash: None };
        if let Some(former) = self.owned.insert(partition, owned) {
            former.revoked.cancel();
        }
    }

    fn revoked(&mut self, list: &[u32]) {
        tracing::info!(partitions = ?list, "owns partitions no longer");
        for partition in list {
            if let Some(owned) = self.owned.remove(partition) {
                owned.revoked.cancel();
            }
            self.core.relay.disown(*partition);
            self.core.owned.projected.remove(partition);
            self.core.owned.recent.leave(*partition);
            self.core.owned.projecting_since.remove(partition);
            for gauge in [
                "parlor_projector_lag_events",
                "parlor_projector_lag_seconds",
                "parlor_projector_standstill_seconds",
            ] {
                metrics::gauge!(gauge, "partition" => partition.to_string()).set(0.0);
            }
        }
        self.count();
    }

    fn count(&self) {
        metrics::counter!("parlor_projector_rebalances_total").increment(1);
        let mut list: Vec<_> = self.owned.keys().copied().collect();
        list.sort_unstable();
        metrics::gauge!("parlor_projector_partitions_owned").set(list.len() as f64);
        self.core.owned.set_partitions(list);
        self.core.releases.look_again();
    }

    /// Sets the consumer to where a worker goes on, if it may still.
    fn place(&mut self, ready: Ready) {
        if ready.revoked.is_cancelled() {
            return;
        }
        let Some(owned) = self.owned.get_mut(&ready.partition) else { return };
        let (topic, partition) = (&self.topic, kafka_partition(ready.partition));
        let offset = Offset::Offset(ready.offset);
        let placed =
            self.consumer.seek(topic, partition, offset, Duration::from_secs(2)).and_then(|()| {
                let mut list = TopicPartitionList::new();
                list.add_partition(topic, partition);
                self.consumer.resume(&list)
            });
        match placed {
            Ok(()) => {
                owned.running = true;
                owned.next = ready.offset;
            }
            Err(error) => {
                tracing::debug!(%error, partition, "not yet to be placed");
                self.unplaced.push(ready);
            }
        }
    }

    fn hand_over(&mut self, partition: u32, incoming: Incoming) {
        let Some(owned) = self.owned.get_mut(&partition) else { return };
        if !owned.running {
            return;
        }
        if owned.stash.is_some() {
            // A record that was under way when the partition was paused: it is read again.
            return;
        }
        owned.next = place_of(incoming.seq).1 + 1;
        match owned.queue.try_send(incoming) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(incoming)) => {
                owned.stash = Some(incoming);
                self.set_paused(partition, true);
            }
        }
    }

    /// The consumer is further than the last record where offsets are none: a transaction's marker,
    /// or what was rolled back. The views are as far, then.
    fn hand_over_gaps(&mut self) {
        self.looked_at = Instant::now();
        let position = match self.consumer.position() {
            Ok(position) => position,
            Err(error) => {
                tracing::debug!(%error, "the positions are not known");
                return;
            }
        };
        for one in position.elements() {
            let (Ok(partition), Offset::Offset(next)) =
                (u32::try_from(one.partition()), one.offset())
            else {
                continue;
            };
            if self.owned.get(&partition).is_some_and(|owned| owned.next < next) {
                let upto = seq_of(self.core.settings.generation, next - 1);
                self.hand_over(partition, Incoming::gap(upto));
            }
        }
    }

    /// Goes on with paused partitions whose queues have room again. The place is set first: what
    /// was under way when one was paused was let go.
    fn empty_stashes(&mut self) {
        let mut emptied = Vec::new();
        for (partition, owned) in &mut self.owned {
            if owned.stash.is_none() || owned.queue.capacity() < QUEUE / 2 {
                continue;
            }
            let next = Offset::Offset(owned.next);
            let placed = self.consumer.seek(
                &self.topic,
                kafka_partition(*partition),
                next,
                Duration::from_secs(2),
            );
            if let Err(error) = placed {
                tracing::warn!(%error, partition, "a paused partition cannot be placed again yet");
                continue;
            }
            if let Some(incoming) = owned.stash.take() {
                owned.queue.try_send(incoming).ok();
            }
            emptied.push(*partition);
        }
        for partition in emptied {
            self.set_paused(partition, false);
        }
    }

    fn set_paused(&self, partition: u32, paused: bool) {
        let mut list = TopicPartitionList::new();
        list.add_partition(&self.topic, kafka_partition(partition));
        let done = if paused { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        if let Err(error) = done {
            tracing::warn!(%error, partition, paused, "a partition could not be paused or resumed");
        }
    }

    fn commit_positions(&mut self) {
        self.committed_at = Instant::now();
        let mut list = TopicPartitionList::new();
        for entry in &self.core.owned.projected {
            let (generation, offset) = place_of(*entry.value());
            if generation == self.core.settings.generation && self.owned.contains_key(entry.key()) {
                let partition = kafka_partition(*entry.key());
                list.add_partition_offset(&self.topic, partition, Offset::Offset(offset + 1)).ok();
            }
        }
        if list.count() > 0
            && let Err(error) = self.consumer.commit(&list, CommitMode::Async)
        {
            tracing::debug!(%error, "positions could not be told to Kafka");
        }
    }
}

fn kafka_partition(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

fn partition_of(message: &BorrowedMessage<'_>) -> u32 {
    u32::try_from(message.partition()).unwrap_or(u32::MAX)
}

fn read(message: &BorrowedMessage<'_>, generation: u32) -> Incoming {
    let seq = seq_of(generation, message.offset());
    let taken_at = message.timestamp().to_millis().unwrap_or(i64::MAX);
    let entry = match event_of(message) {
        Ok(entry) => Some(entry),
        Err(error) => {
            metrics::counter!("parlor_projector_unreadable_total").increment(1);
            tracing::error!(%error, %seq, partition = message.partition(), "a record is no event and is left out");
            None
        }
    };
    Incoming { seq, taken_at, entry }
}
