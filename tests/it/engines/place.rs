//! Where an engine under test keeps its things, and who watches it.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use futures_util::FutureExt;
use parlor::domain::seq::Seq;
use parlor::engine::embedded::{Embedded, Options};
use parlor::engine::{Engine, Error, Observer, Recorded, Result};
use tempfile::TempDir;

use crate::harness::wait::eventually;

/// An empty place for one engine, which outlives it.
pub trait Place: Sized {
    fn make() -> impl Future<Output = Self>;
    /// Opens what is there.
    fn open(&self, observer: Arc<dyn Observer>) -> impl Future<Output = Result<Arc<dyn Engine>>>;
}

/// The embedded engine's: a directory.
pub struct Directory(pub TempDir);

impl Place for Directory {
    async fn make() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    async fn open(&self, observer: Arc<dyn Observer>) -> Result<Arc<dyn Engine>> {
        let dir = self.0.path().to_owned();
        let options = Options { dir, cache_bytes: 8 << 20, reserve_bytes: 0 };
        Ok(Arc::new(Embedded::open(&options, observer)?))
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
        let (place, seen) = (P::make().await, Arc::new(Seen::default()));
        let engine = place.open(seen.clone()).await.expect("an empty place opens");
        seen.engine.set(Arc::downgrade(&engine)).expect("set once");
        Self { engine, seen, place }
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
    /// Events of which it was told before they could be read.
    early: Mutex<Vec<Recorded>>,
}

impl Seen {
    pub fn told(&self) -> Vec<Recorded> {
        self.told.lock().expect("not poisoned").clone()
    }

    pub fn early(&self) -> Vec<Recorded> {
        self.early.lock().expect("not poisoned").clone()
    }
}

impl Observer for Seen {
    fn committed(&self, events: &[Recorded]) {
        let engine = self.engine.get().and_then(Weak::upgrade);
        for entry in events {
            let event = &entry.event;
            if let (Some(engine), Some(id)) = (&engine, event.body.conversation()) {
                let before = Seq::new(entry.seq.get() - 1);
                // An observer may not wait: what cannot be answered at once is not looked at.
                let found = engine.timeline(event.account, id, before, 1).now_or_never();
                if found.is_some_and(|found| found.expect("readable").first() != Some(entry)) {
                    self.early.lock().expect("not poisoned").push(entry.clone());
                }
            }
        }
        self.told.lock().expect("not poisoned").extend_from_slice(events);
    }

    fn interrupted(&self) {}
}
