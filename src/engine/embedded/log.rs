//! The embedded engine's handle: appending, reading the log, health, closing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::beside::{Orders, Rebuild};
use super::directory::{self, Hold};
use super::logs::{self, Logs, Readers};
use super::places::Places;
use super::queue::{Phase, Queue, Refused};
use super::rebuild::Watch;
use super::segments::MAX_BODY_BYTES;
use super::store::{self, Store, json, storage};
use super::writer::{Append, Writer, free_bytes};
use super::{background, current, format, rebuild};
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, Id as _};
use crate::domain::seq::Seq;
use crate::engine::{
    self, Appended, Engine, Error, EventLog, Health, Observer, Rebuilt, Recorded, Result, Topic,
};
use crate::projection::Schema;

/// How long an append waits for a place in the queue, and then for its commit.
const ENQUEUE_TIMEOUT: Duration = Duration::from_secs(2);
const COMMIT_TIMEOUT: Duration = Duration::from_secs(30);
/// More than views that are opened write until they are up to the log: rows of some thousand events, and
/// states. An opening that failed with fewer free bytes failed because of that.
pub(super) const LITTLE: u64 = 16 << 20;
/// A commit that takes longer makes the node not ready.
const STUCK_AFTER_MS: i64 = 5_000;

/// How a data directory is opened.
#[derive(Debug, Clone)]
pub struct Options {
    pub dir: PathBuf,
    /// Bytes of blocks kept in memory for reads.
    pub cache_bytes: u64,
    /// Below this much free disk, writes are refused and reads go on.
    pub reserve_bytes: u64,
    /// What is kept beside what is special: [`crate::engine::SCHEMA`].
    pub schema: &'static Schema,
}

/// The embedded engine. Cheap to share; closing joins the writer.
pub struct Embedded {
    pub(super) shared: Arc<Shared>,
    queue: Arc<Queue<Append>>,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
    places: Places,
    dir: PathBuf,
    reserve_bytes: u64,
}

/// What the writer thread and the readers share.
pub(super) struct Shared {
    pub(super) readers: Readers,
    /// None only while the writer reopens it.
    store: RwLock<Option<Arc<Store>>>,
    /// For rows of the views.
    pub(super) cache_bytes: u64,
    /// What the views are.
    pub(super) schema: &'static Schema,
    broken: RwLock<Option<String>>,
    full: AtomicBool,
    pub(super) free_bytes: AtomicU64,
    /// Changes when more is in the views.
    pub(super) news: watch::Sender<()>,
    born: Instant,
    /// Milliseconds after `born` at which the commit under way began; negative when none is.
    commit_since: AtomicI64,
    /// None once it is closed: the last reader of the store gives the directory back.
    hold: Mutex<Option<Arc<Hold>>>,
    /// What the writer is asked to do between two batches.
    pub(super) orders: Orders,
}

impl Embedded {
    /// Opens a data directory, brings its views up to its log, and starts the writer.
    ///
    /// # Errors
    /// [`Error::Locked`] while another process has it; [`Error::Unusable`] when it holds something else
    /// or a log that is damaged; [`Error::Storage`] when it cannot be read; [`Error::ReadOnly`] when the
    /// disk is too full to open it: with more room it opens.
    pub fn open(options: &Options, observer: Arc<dyn Observer>) -> Result<Self> {
        Self::open_telling(options, observer, &|_| {})
    }

    /// The same; `tell` hears in words how far it is, when it takes a while.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_telling(
        options: &Options,
        observer: Arc<dyn Observer>,
        tell: &dyn Fn(&str),
    ) -> Result<Self> {
        Self::open_dir(options, observer, tell).map_err(|error| match error {
            // However deep in the views it was found out.
            Error::Storage(error) if free_bytes(&options.dir).is_ok_and(|free| free < LITTLE) => {
                store::full(&error)
            }
            error => error,
        })
    }

    fn open_dir(
        options: &Options,
        observer: Arc<dyn Observer>,
        tell: &dyn Fn(&str),
    ) -> Result<Self> {
        let dir = &options.dir;
        directory::prepare(dir)?;
        let hold = Arc::new(Hold::take(dir)?);
        format::bring_up(dir, options.cache_bytes, tell)?;
        // Half for rows, half for events.
        let cache_bytes = options.cache_bytes / 2;
        let store = Store::open_or_make(dir, cache_bytes, options.schema, &hold)?;
        // Before anything is written.
        let looked = logs::look(dir)?;
        looked.readers().check(dir, &store)?;
        let Logs { readers, appenders, unread } = looked.open(cache_bytes)?;
        format::mark(dir)?;
        let tell = |done, all| {
            tell(&format!("the views are brought up to the log: {done} of {all} events"));
        };
        rebuild::catch_up(&store, &readers, Watch { tell: &tell, ..Watch::NONE })?;
        current::tidy(dir)?;
        let shared = Arc::new(Shared {
            readers,
            store: RwLock::new(Some(Arc::new(store))),
            cache_bytes,
            schema: options.schema,
            broken: RwLock::new(None),
            full: AtomicBool::new(false),
            free_bytes: AtomicU64::new(0),
            news: watch::Sender::new(()),
            born: Instant::now(),
            commit_since: AtomicI64::new(-1),
            hold: Mutex::new(Some(hold)),
            orders: Orders::default(),
        });
        background::verify(unread, Arc::downgrade(&shared))?;
        let writer = Writer::new(shared.clone(), observer, dir, appenders, options.reserve_bytes);
        let queue = Arc::new(Queue::new());
        let taker = Taker(queue.clone());
        let thread = std::thread::Builder::new()
            .name("parlor-writer".into())
            .spawn(move || writer.run(&taker.0))
            .map_err(storage)?;
        let (dir, reserve_bytes) = (dir.clone(), options.reserve_bytes);
        let places = Places::of(&dir);
        Ok(Self { shared, queue, writer: Mutex::new(Some(thread)), places, dir, reserve_bytes })
    }

    /// The logs, for reading.
    pub(super) fn readers(&self) -> &Readers {
        &self.shared.readers
    }

    /// The rows that are not the log's.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// The store, for reading.
    pub(super) fn store(&self) -> Result<Arc<Store>> {
        self.shared.store().ok_or_else(|| Error::ReadOnly("the store is being reopened".into()))
    }
}

/// Ends with the engine's handle: the writer finishes what waits.
impl Drop for Embedded {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// The writer's end of the queue: should it panic, nobody waits for it and everybody can know.
struct Taker(Arc<Queue<Append>>);

impl Drop for Taker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the writer thread panicked: nothing is written until a restart");
            self.0.abandon();
        }
    }
}

impl Shared {
    pub(super) fn store(&self) -> Option<Arc<Store>> {
        read(&self.store).clone()
    }

    pub(super) fn is_broken(&self) -> bool {
        read(&self.broken).is_some()
    }

    pub(super) fn set_broken(&self, detail: Option<String>) {
        *write(&self.broken) = detail;
    }

    /// Says whether that is new.
    pub(super) fn set_full(&self, full: bool) -> bool {
        self.full.swap(full, Ordering::Relaxed) != full
    }

    pub(super) fn commit_began(&self) {
        self.commit_since.store(self.age_ms(), Ordering::Relaxed);
    }

    pub(super) fn commit_ended(&self) {
        self.commit_since.store(-1, Ordering::Relaxed);
    }

    /// Drops the store when its last reader is done, opens it again, and brings it up to the log. It may have
    /// lost what it had in memory alone, so nothing is read before that. Only the writer calls this.
    pub(super) fn reopen(&self, dir: &Path) -> Result<()> {
        if let Some(old) = write(&self.store).take() {
            Store::close_unread(old);
        }
        let hold = self.hold().ok_or_else(|| Error::ReadOnly("closed".into()))?;
        let store = Store::open_or_make(dir, self.cache_bytes, self.schema, &hold)?;
        rebuild::catch_up(&store, &self.readers, Watch::NONE)?;
        self.replace(store);
        Ok(())
    }

    /// Reads go to another store from now on; gives the one before.
    pub(super) fn replace(&self, store: Store) -> Option<Arc<Store>> {
        write(&self.store).replace(Arc::new(store))
    }

    /// The directory, until it is closed.
    pub(super) fn hold(&self) -> Option<Arc<Hold>> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn age_ms(&self) -> i64 {
        i64::try_from(self.born.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// A poisoned lock only means that a reader panicked; what it guards is replaced whole.
fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[async_trait]
impl EventLog for Embedded {
    fn partitions(&self, _: Topic) -> u32 {
        1
    }

    async fn append(&self, events: Vec<Event>) -> Result<Vec<Appended>> {
        let first = events.first().map(|event| (Topic::of(event), event.account));
        let Some((topic, account)) = first else { return Ok(Vec::new()) };
        debug_assert!(events.iter().all(|event| Topic::of(event) == topic));
        let events = events
            .into_iter()
            .map(|event| json(&event).map(|bytes| (Arc::new(event), bytes)))
            .collect::<Result<Vec<_>>>()?;
        if events.iter().any(|(_, body)| body.len() > MAX_BODY_BYTES) {
            return Err(Error::Storage("an event is too long for the log".into()));
        }
        let (done, outcome) = oneshot::channel();
        let append = Append { topic, events, done };
        match self.queue.offer(account, append, ENQUEUE_TIMEOUT).await {
            Ok(()) => {}
            Err(Refused::Full) => return Err(Error::Overloaded),
            Err(Refused::Closed) => {
                let why = ended(self.queue.phase()).unwrap_or(STOPPING);
                return Err(Error::ReadOnly(why.into()));
            }
        }
        match tokio::time::timeout(COMMIT_TIMEOUT, outcome).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(Error::Unknown),
        }
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        if partition != 0 {
            return Ok(Vec::new());
        }
        self.readers().read(topic, after, limit)
    }

    async fn end(&self, topic: Topic, partition: u32) -> Result<Seq> {
        if partition != 0 {
            return Ok(Seq::START);
        }
        Ok(self.readers().end(topic))
    }
}

/// Makes the writer look whether it has something to do.
pub(super) fn wake(queue: &Queue<Append>) {
    let (done, _) = oneshot::channel();
    let look = Append { topic: Topic::Events, events: Vec::new(), done };
    queue.offer_now(AccountId::from_uuid(Uuid::nil()), look).ok();
}

const STOPPING: &str = "the server is stopping";

/// Why nothing is taken any more.
fn ended(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Open => None,
        Phase::Closed => Some(STOPPING),
        Phase::Abandoned => Some("the writer thread has died: restart the server"),
    }
}

#[async_trait]
impl Engine for Embedded {
    /// While writes are refused, asking makes the writer look again: a server that is not ready gets
    /// no appends that would.
    fn health(&self) -> Health {
        if self.shared.is_broken() || self.shared.full.load(Ordering::Relaxed) {
            wake(&self.queue);
        }
        let readable = self.shared.store().is_some();
        let since = self.shared.commit_since.load(Ordering::Relaxed);
        let stuck = since >= 0 && self.shared.age_ms() - since > STUCK_AFTER_MS;
        let detail = if let Some(why) = ended(self.queue.phase()) {
            Some(why.to_owned())
        } else if let Some(broken) = read(&self.shared.broken).clone() {
            Some(format!("the last write failed: {broken}"))
        } else if self.shared.full.load(Ordering::Relaxed) {
            Some("the disk is full".into())
        } else if stuck {
            Some("a commit has been under way for more than 5 s".into())
        } else {
            None
        };
        Health { writable: readable && detail.is_none(), readable, detail }
    }

    fn rebuild(&self) -> Option<&dyn engine::Rebuild> {
        Some(self)
    }

    async fn close(&self) {
        self.queue.close();
        if let Err(error) = self.places.close() {
            tracing::warn!(%error, "the places could not be synced");
        }
        let thread = self.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the writer thread panicked");
            }
        }
        // The last reader under way gives the directory back.
        write(&self.shared.store).take();
        self.shared.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[async_trait]
impl engine::Rebuild for Embedded {
    async fn rebuild(&self) -> Result<Rebuilt> {
        let rebuild = Rebuild {
            shared: self.shared.clone(),
            queue: self.queue.clone(),
            dir: self.dir.clone(),
            reserve_bytes: self.reserve_bytes,
        };
        let wanted = CancellationToken::new();
        let _unwanted = wanted.clone().drop_guard();
        let run = move || rebuild.run(&|| !wanted.is_cancelled());
        let (events, difference) = tokio::task::spawn_blocking(run).await.map_err(storage)??;
        Ok(Rebuilt { events, difference: difference.map(|difference| format!("{difference:?}")) })
    }
}
