//! The views on disk: opened, checked, made anew where they cannot be read.
//!
//! They are a function of the log. Nothing waits until they are synced: what a crash takes from them
//! is folded again from the log, from their checkpoint on.

use std::io;
use std::path::Path;
use std::sync::Arc;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use serde::de::DeserializeOwned;

use super::directory::{self, Hold};
use super::fresh::Fresh;
use super::segments::Position;
use super::table::Table;
use super::{current, keys};
use crate::domain::ids::{AccountId, Id as _};
use crate::engine::{Error, Result, Topic};
use crate::projection::totals::Totals;
use crate::projection::{self, Aggregate, Folded, Key, Schema, State};

/// Recovery replays the journals, so this bounds the time to open (a second or so). Smaller ones
/// make for more flushes and compactions.
const MAX_JOURNAL_BYTES: u64 = 256 << 20;
const MEMTABLE_BYTES: u64 = 64 << 20;
/// How rows are laid out: views of another layout are made anew.
///
/// | layout | since then |
/// |---|---|
/// | 1, which is not said | rows of the timeline are keys alone |
/// | 2 | they say what is a message |
/// | 3 | what was seen of the log is told apart from the checkpoint |
/// | 4 | tables are as `projection` describes them; the list of conversations is kept by days |
/// | 5 | what expires is found by its time, whatever its table |
const LAYOUT: u8 = 5;
/// The keyspace that holds all views.
pub(super) const KEYSPACE: &str = "views";

/// All views of a data directory.
pub(super) struct Store {
    pub(super) db: Database,
    pub(super) timeline: Table,
    pub(super) claims: Table,
    pub(super) expiry: Table,
    pub(super) totals: Table,
    meta: Table,
    rows: Keyspace,
    /// What is kept beside what is special.
    pub(super) schema: &'static Schema,
    /// What the writer has of states and has not put into the tables yet.
    pub(super) fresh: Fresh,
    // After the database, so that the directory is let go after it.
    _hold: Option<Arc<Hold>>,
}

impl Store {
    /// Opens or makes the views in a folder.
    ///
    /// # Errors
    /// [`Error::Storage`] when they are damaged or of another layout; [`Error::Locked`] while somebody has them open;
    /// [`Error::Unusable`] when the system does not let us.
    pub(super) fn open(folder: &Path, cache_bytes: u64, schema: &'static Schema) -> Result<Self> {
        let db = Database::builder(folder)
            .cache_size(cache_bytes)
            .max_journaling_size(MAX_JOURNAL_BYTES)
            .manual_journal_persist(true)
            .open()
            .map_err(|error| unopened(folder, error))?;
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(MEMTABLE_BYTES)
                .manual_journal_persist(true)
        };
        let rows = db.keyspace(KEYSPACE, options).map_err(storage)?;
        let table = |first| Table::new(&rows, first);
        let store = Self {
            timeline: table(keys::TIMELINE),
            claims: table(keys::CLAIMS),
            expiry: table(keys::EXPIRY),
            totals: table(keys::TOTALS),
            meta: table(keys::META),
            schema,
            fresh: Fresh::default(),
            rows,
            db,
            _hold: None,
        };
        store.see_layout()?;
        Ok(store)
    }

    /// Where all rows are.
    pub(super) fn rows(&self) -> &Keyspace {
        &self.rows
    }

    /// The rows of a table.
    pub(super) fn view(&self, table: &projection::Table) -> Table {
        Table::new(&self.rows, table.number)
    }

    /// Says of which layout new views are, and refuses others.
    fn see_layout(&self) -> Result<()> {
        let of_another = || Error::Storage("the views are of another release's layout".into());
        match self.meta.get(keys::LAYOUT)? {
            Some(layout) if *layout == [LAYOUT] => Ok(()),
            None if self.seen(Topic::Events)?.is_none() => {
                let mut batch = self.db.batch();
                self.meta.put(&mut batch, keys::LAYOUT, [LAYOUT]);
                batch.commit().map_err(storage)
            }
            _ => Err(of_another()),
        }
    }

    /// Opens the views of a data directory; makes them anew where they cannot be read, as the log has
    /// all that was in them.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) fn open_or_make(
        dir: &Path,
        cache_bytes: u64,
        schema: &'static Schema,
        hold: &Arc<Hold>,
    ) -> Result<Self> {
        let folder = current::folder(dir)?;
        let store = match Self::open(&folder, cache_bytes, schema) {
            Err(Error::Storage(error)) => {
                tracing::warn!(
                    %error, dir = %folder.display(),
                    "the views cannot be read and are made anew from the log"
                );
                directory::remove_folder(&folder).map_err(storage)?;
                Self::open(&folder, cache_bytes, schema)?
            }
            opened => opened?,
        };
        Ok(store.with(hold))
    }

    /// The same, which keeps the directory.
    pub(super) fn with(self, hold: &Arc<Hold>) -> Self {
        Self { _hold: Some(hold.clone()), ..self }
    }

    /// Where all tables are as the events up to there make them; none before the first event.
    pub(super) fn checkpoint(&self) -> Result<Option<Position>> {
        self.position(keys::CHECKPOINT)
    }

    /// How far the tables, but for states, or for administration whoever wrote last, have seen a log:
    /// never less than the checkpoint; none before the first event.
    pub(super) fn seen(&self, topic: Topic) -> Result<Option<Position>> {
        self.position(keys::seen(topic))
    }

    fn position(&self, key: &str) -> Result<Option<Position>> {
        let Some(value) = self.meta.get(key)? else { return Ok(None) };
        let damaged = || Error::Storage("a position of the log is damaged in the views".into());
        Position::from_bytes(&value).map(Some).ok_or_else(damaged)
    }

    /// Everything but states is in the batch.
    pub(super) fn set_seen(
        &self,
        batch: &mut fjall::OwnedWriteBatch,
        topic: Topic,
        position: &Position,
    ) {
        self.meta.put(batch, keys::seen(topic), position.to_bytes());
    }

    /// Puts what is fresh into the tables, with the rows of a batch: all have seen the log up to
    /// `position` then.
    pub(super) fn settle(
        &self,
        mut batch: fjall::OwnedWriteBatch,
        position: &Position,
    ) -> Result<()> {
        self.fresh.write(self, &mut batch)?;
        self.meta.put(&mut batch, keys::CHECKPOINT, position.to_bytes());
        self.set_seen(&mut batch, Topic::Events, position);
        batch.commit().map_err(storage)?;
        self.fresh.forget();
        Ok(())
    }

    /// Everything so far outlives a power loss.
    pub(super) fn sync(&self) -> Result<()> {
        self.db.persist(PersistMode::SyncAll).map_err(storage)
    }

    /// All states of an aggregate.
    pub(super) fn of_aggregate(&self, aggregate: &Aggregate) -> Table {
        Table::new(&self.rows, aggregate.number)
    }

    /// The states of a key's aggregate.
    pub(super) fn states(&self, key: &Key) -> Table {
        Table::new(&self.rows, key.aggregate)
    }

    /// A state, to be folded on.
    pub(super) fn folded(&self, key: &Key) -> Result<Option<Folded>> {
        // It is in the table before it is taken from among the fresh ones.
        if let Some(fresh) = self.fresh.states.get(key) {
            return Ok(Some(fresh.clone()));
        }
        let Some(aggregate) = self.schema.aggregate(key) else { return Ok(None) };
        let stored = self.states(key).get(key.bytes())?;
        let damaged = |error| Error::Storage(format!("a row is damaged: {error}"));
        stored.map(|json| (aggregate.read)(&json).map_err(damaged)).transpose()
    }

    /// A state, to be looked at.
    pub(super) fn state<S: State>(&self, key: &Key) -> Result<Option<S>> {
        match self.fresh.states.get(key) {
            Some(fresh) => Ok(fresh.get::<S>().cloned()),
            None => self.states(key).row(key.bytes()),
        }
    }

    pub(super) fn total(&self, account: AccountId) -> Result<Totals> {
        match self.fresh.totals.get(&account).map(|totals| *totals) {
            Some(totals) => Ok(totals),
            None => Ok(self.totals.row(account.bytes())?.unwrap_or_default()),
        }
    }

    /// Closes a store that no new reader comes to. Reads take moments, so the wait is short.
    pub(super) fn close_unread(mut store: Arc<Self>) {
        loop {
            match Arc::try_unwrap(store) {
                Ok(unread) => return drop(unread),
                Err(still_read) => store = still_read,
            }
            std::thread::yield_now();
        }
    }
}

/// Why the views do not open. What is damaged is told from what the system does not allow.
fn unopened(folder: &Path, error: fjall::Error) -> Error {
    use std::io::ErrorKind::{AlreadyExists, InvalidData, InvalidInput, NotFound, UnexpectedEof};
    let damage = [AlreadyExists, InvalidData, InvalidInput, NotFound, UnexpectedEof];
    if matches!(error, fjall::Error::Locked) {
        return Error::Locked(folder.display().to_string());
    }
    let what = || format!("the views in {} do not open", folder.display());
    match of_system(&error) {
        Some(error) => unopenable(&what(), error, |kind| damage.contains(&kind)),
        None => storage(format!("{error:?}")),
    }
}

/// What the system said, where that is the reason.
fn of_system<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a io::Error> {
    let mut reason = Some(error);
    while let Some(error) = reason {
        if let Some(of_system) = error.downcast_ref() {
            return Some(of_system);
        }
        reason = error.source();
    }
    None
}

/// What does not open, and why: damage is [`Error::Storage`]; a full disk is [`Error::ReadOnly`], and can
/// be waited for; anything else is [`Error::Unusable`].
pub(super) fn unopenable(
    what: &str,
    error: &io::Error,
    is_damage: impl Fn(io::ErrorKind) -> bool,
) -> Error {
    match error.kind() {
        kind if is_damage(kind) => storage(format!("{what}: {error}")),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            full(&format!("{what}: {error}"))
        }
        _ => Error::Unusable(format!("{what}: {error}")),
    }
}

/// What an opening says that can be tried again with more room.
pub(super) fn full(detail: &str) -> Error {
    Error::ReadOnly(format!("the disk is full ({detail})"))
}

/// Reads JSON that we wrote.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Storage(format!("a row is damaged: {error}")))
}

/// Writes JSON that we can always write.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, value).map_err(|error| Error::Storage(error.to_string()))?;
    Ok(bytes)
}

pub(super) fn storage(error: impl std::fmt::Display) -> Error {
    Error::Storage(error.to_string())
}
