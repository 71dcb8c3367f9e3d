//! The rows that follow from the world outside and not from the log.
//!
//! They are a database of their own beside the views, so that views are made anew and exchanged without them.
//! It is made when the first of them is needed. Nothing waits until they are synced.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::store::storage;
use super::table::Table as View;
use super::{cells, expiry, rows};
use crate::domain::time::Timestamp;
use crate::engine::{Error, Result};
use crate::projection::{Change, Table};

/// The folder, and the keyspace in it.
const FOLDER: &str = "places";
/// There is little, and it is read seldom.
const CACHE_BYTES: u64 = 4 << 20;
const MEMTABLE_BYTES: u64 = 4 << 20;
const JOURNAL_BYTES: u64 = 64 << 20;

/// The database, once it is needed.
pub(super) struct Places {
    folder: PathBuf,
    /// Held while a row is compared and put.
    state: Mutex<State>,
}

enum State {
    Unneeded,
    Open(Open),
    Closed,
}

struct Open {
    db: Database,
    rows: Keyspace,
}

impl Places {
    /// Those of a data directory, which this process has.
    pub(super) fn of(dir: &Path) -> Self {
        Self { folder: dir.join(FOLDER), state: Mutex::new(State::Unneeded) }
    }

    /// Where a table stands.
    pub(super) fn view(&self, table: &Table) -> Result<View> {
        let mut state = self.lock();
        Ok(View::new(&self.opened(&mut state)?.rows, table.number))
    }

    /// Puts a row or takes it away, unless a greater place has it.
    pub(super) fn keep(&self, change: &Change) -> Result<()> {
        let mut state = self.lock();
        let Open { db, rows } = self.opened(&mut state)?;
        let table = change.table;
        let view = View::new(rows, table.number);
        let place = table.row.iter().position(|column| column.name == "seq");
        let stands = rows::get(&view, table, &change.key)?;
        let stands = stands.zip(place).and_then(|(row, place)| row.seq(place));
        if stands.is_some_and(|stands| stands > change.at) {
            return Ok(());
        }
        let key = cells::key(table.number, &*change.key);
        let mut batch = db.batch();
        match &change.row {
            Some(row) => {
                expiry::note_row(&mut batch, rows, table, (&change.key, row));
                batch.insert(rows, key, cells::row(row));
            }
            None => batch.remove(rows, key),
        }
        batch.commit().map_err(storage)
    }

    /// Forgets rows of these tables that have expired before `now`; says how many.
    pub(super) fn expire(&self, tables: &[&'static Table], now: Timestamp) -> Result<u64> {
        if tables.iter().all(|table| table.kept.is_none()) {
            return Ok(0);
        }
        let mut state = self.lock();
        let Open { db, rows } = self.opened(&mut state)?;
        expiry::sweep(db, rows, now, |first, key, row| {
            Ok(expiry::of_table(tables.iter().copied(), first, key, row))
        })
    }

    /// Syncs what there is and gives it back; nothing is read or written afterwards.
    pub(super) fn close(&self) -> Result<()> {
        match std::mem::replace(&mut *self.lock(), State::Closed) {
            State::Open(open) => open.db.persist(PersistMode::SyncAll).map_err(storage),
            State::Unneeded | State::Closed => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened<'a>(&self, state: &'a mut State) -> Result<&'a Open> {
        if let State::Unneeded = state {
            *state = State::Open(self.make()?);
        }
        match state {
            State::Open(open) => Ok(open),
            State::Unneeded | State::Closed => Err(Error::ReadOnly("closed".into())),
        }
    }

    fn make(&self) -> Result<Open> {
        let db = Database::builder(&self.folder)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .open()
            .map_err(|error| {
                let folder = self.folder.display();
                storage(format!(
                    "{folder} does not open ({error}): without it followers begin anew"
                ))
            })?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let rows = db.keyspace(FOLDER, options).map_err(storage)?;
        Ok(Open { db, rows })
    }
}
