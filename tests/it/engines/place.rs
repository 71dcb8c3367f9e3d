//! Where an engine under test keeps its things, and who watches it.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use parlor::domain::event::{Body, Event};
use parlor::domain::ids::{ConversationId, StreamKey};
use parlor::domain::seq::Seq;
use parlor::engine::embedded::{Embedded, Options};
use parlor::engine::relay::Signal;
use parlor::engine::{Engine, Error, Observer, Recorded, Result, Topic};
use parlor::projection::turns_due;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::samples::Thread;
use super::toy;
use crate::harness::wait::eventually;

#[cfg(feature = "cluster")]
mod keyspace;
#[cfg(feature = "cluster")]
pub use keyspace::Keyspace;

/// An empty place for one engine, which outlives it.
pub trait Place: Sized {
    /// Whether claims are forgotten when told to, and not by themselves.
    const FORGETS_WHEN_TOLD: bool;

    fn make() -> impl Future<Output = Self>;

    /// Opens what is there.
    fn open(&self, observer: Arc<dyn Observer>) -> impl Future<Output = Result<Arc<dyn Engine>>>;

    /// Which of so many partitions has the events of a key.
    fn partition_of(key: StreamKey, partitions: u32) -> u32;
}

/// The embedded engine's: a directory.
pub struct Directory(pub TempDir);

impl Place for Directory {
    const FORGETS_WHEN_TOLD: bool = true;

    async fn make() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    async fn open(&self, observer: Arc<dyn Observer>) -> Result<Arc<dyn Engine>> {
        let dir = self.0.path().to_owned();
        let options =
            Options { dir, cache_bytes: 8 << 20, reserve_bytes: 0, schema: toy::schema() };
        Ok(Arc::new(Embedded::open(&options, observer)?))
    }

    fn partition_of(_: StreamKey, _: u32) -> u32 {
        0
    }
}

/// An engine at its place.
pub struct Bench<P> {
    pub engine: Arc<dyn Engine>,
    pub seen: Arc<Seen>,
    pub place: P,
}

impl<P: Place> Bench<P> {
    pub async fn make() -> Self {
        Self::with(Seen::default()).await
    }

    /// The same with an observer that looks whether it can read what it is told.
    pub async fn made_looking() -> Self {
        Self::with(Seen { looks: Some(Handle::current()), ..Seen::default() }).await
    }

    async fn with(seen: Seen) -> Self {
        let (place, seen) = (P::make().await, Arc::new(seen));
        let engine = place.open(seen.clone()).await.expect("an empty place opens");
        seen.engine.set(Arc::downgrade(&engine)).expect("set once");
        Self { engine, seen, place }
    }

    /// The partition of a thread's events.
    pub fn partition(&self, thread: &Thread) -> u32 {
        P::partition_of(thread.key(), self.engine.partitions(Topic::Events))
    }

    /// The log of a thread's partition.
    pub async fn log(&self, thread: &Thread) -> Vec<Recorded> {
        let partition = self.partition(thread);
        let log = self.engine.read(Topic::Events, partition, Seq::START, 100_000).await;
        log.expect("readable")
    }

    /// The position of the last event of a thread's partition.
    pub async fn end(&self, thread: &Thread) -> Seq {
        let end = self.engine.end(Topic::Events, self.partition(thread)).await;
        end.expect("readable")
    }

    /// The turns that are due in all partitions.
    pub async fn due(&self) -> Vec<turns_due::Row> {
        let mut due = Vec::new();
        for partition in 0..self.engine.partitions(Topic::Events) {
            let rows = turns_due::owed(&*self.engine, partition, Seq::START, 100).await;
            due.extend(rows.expect("readable"));
        }
        due
    }

    /// How many of these events observers are told of, where all of them are applied.
    pub fn count_told<'a>(&self, events: impl IntoIterator<Item = &'a Event>) -> usize {
        let all = self.engine.relay().is_none();
        let told = |body: &Body| all || body.is_administrative() || body.conversation().is_some();
        events.into_iter().filter(|event| told(&event.body)).count()
    }

    /// Lets go of the engine without closing it, and opens its place again.
    pub async fn drop_and_reopen(self) -> Self {
        let Self { engine, place, .. } = self;
        drop(engine);
        let seen = Arc::new(Seen::default());
        // The former engine ends in its own time.
        let engine = eventually("the place is free", || async {
            match place.open(seen.clone()).await {
                Ok(engine) => Some(engine),
                Err(Error::Locked(_)) => None,
                Err(error) => panic!("the place does not open again: {error}"),
            }
        });
        let engine = engine.await;
        seen.engine.set(Arc::downgrade(&engine)).expect("set once");
        Self { engine, seen, place }
    }

    /// Closes the engine and opens its place again.
    pub async fn close_and_reopen(self) -> Self {
        self.engine.close().await;
        self.drop_and_reopen().await
    }
}

/// An observer that keeps what it was told.
#[derive(Default)]
pub struct Seen {
    told: Mutex<Vec<Recorded>>,
    engine: OnceLock<Weak<dyn Engine>>,
    /// Where it reads what it is told, if it does.
    looks: Option<Handle>,
    /// Events of which it was told before they could be read.
    early: Mutex<Vec<Recorded>>,
    heard: Mutex<Vec<(ConversationId, Signal)>>,
}

impl Seen {
    pub fn told(&self) -> Vec<Recorded> {
        self.told.lock().expect("not poisoned").clone()
    }

    pub fn early(&self) -> Vec<Recorded> {
        self.early.lock().expect("not poisoned").clone()
    }

    /// What other nodes said.
    #[cfg(feature = "cluster")]
    pub fn heard(&self) -> Vec<(ConversationId, Signal)> {
        self.heard.lock().expect("not poisoned").clone()
    }

    /// Observers do not wait; this one does, since later would be too late to see it.
    fn look(&self, runtime: &Handle, entry: &Recorded) {
        let engine = self.engine.get().and_then(Weak::upgrade);
        let (account, conversation) = (entry.event.account, entry.event.body.conversation());
        if let (Some(engine), Some(id)) = (engine, conversation) {
            let before = Seq::new(entry.seq.get() - 1);
            let found = engine.timeline(account, id, before, 1);
            let found = tokio::task::block_in_place(|| runtime.block_on(found));
            if found.expect("readable").first() != Some(entry) {
                self.early.lock().expect("not poisoned").push(entry.clone());
            }
        }
    }
}

impl Observer for Seen {
    fn committed(&self, events: &[Recorded]) {
        if let Some(runtime) = &self.looks {
            events.iter().for_each(|entry| self.look(runtime, entry));
        }
        self.told.lock().expect("not poisoned").extend_from_slice(events);
    }

    fn interrupted(&self) {}

    fn signalled(&self, conversation: ConversationId, signal: Signal) {
        self.heard.lock().expect("not poisoned").push((conversation, signal));
    }
}
