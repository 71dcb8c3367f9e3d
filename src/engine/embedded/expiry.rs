//! What expires, by its time: rows of tables that keep theirs for a while, and claims.
//!
//! Each has an entry `milliseconds · first byte · key` beside it. A row that was put again later has an entry
//! more, and goes with its last one.

use fjall::{Database, Keyspace, OwnedWriteBatch};

use super::cells;
use super::keys;
use super::store::storage;
use super::table::Table as View;
use crate::domain::time::Timestamp;
use crate::engine::{Error, Result};
use crate::projection::{Cells, Table};

/// Entries gone through in one call, so that a call stays short.
const AT_ONCE: usize = 10_000;

/// Puts a row's entry into a batch; `key` begins with the first byte of its table.
pub(super) fn note(batch: &mut OwnedWriteBatch, rows: &Keyspace, expires: Timestamp, key: &[u8]) {
    View::new(rows, keys::EXPIRY).put(batch, entry(expires, key), []);
}

/// Puts the entry of a table's row into a batch, where the table keeps its rows for a while.
pub(super) fn note_row(
    batch: &mut OwnedWriteBatch,
    rows: &Keyspace,
    table: &Table,
    (key, row): (&Cells, &Cells),
) {
    if let Some(expires) = table.expires(key, row) {
        note(batch, rows, expires, &cells::key(table.number, &**key));
    }
}

/// Forgets what has expired before `now`; says how many entries that were. `expires` tells when a row does, by
/// its first byte, its key and what it holds.
pub(super) fn sweep(
    db: &Database,
    rows: &Keyspace,
    now: Timestamp,
    expires: impl Fn(u8, &[u8], &[u8]) -> Result<Option<Timestamp>>,
) -> Result<u64> {
    let malformed = || Error::Storage("an entry of what expires is malformed".into());
    let entries = View::new(rows, keys::EXPIRY);
    let mut batch = db.batch();
    let mut gone = 0;
    for found in entries.range(..entry(now, &[])).take(AT_ONCE) {
        let found = found?;
        let (at, whole) = found.key().split_at_checked(8).ok_or_else(malformed)?;
        let (first, key) = whole.split_first().ok_or_else(malformed)?;
        let view = View::new(rows, *first);
        if let Some(row) = view.get(key)?
            && expires(*first, key, &row)?.is_some_and(|time| entry(time, &[]) == at)
        {
            view.remove(&mut batch, key);
        }
        entries.remove(&mut batch, found.key());
        gone += 1;
    }
    batch.commit().map_err(storage)?;
    Ok(gone)
}

/// When a row of one of these tables expires.
pub(super) fn of_table<'a>(
    mut tables: impl Iterator<Item = &'a Table>,
    first: u8,
    key: &[u8],
    row: &[u8],
) -> Option<Timestamp> {
    let table = tables.find(|table| table.number == first)?;
    let key = cells::read_key(table.key().map(|column| column.kind), key)?;
    let row = cells::read_row(table.row.iter().map(|column| column.kind), row)?;
    table.expires(&key, &row)
}

fn entry(at: Timestamp, key: &[u8]) -> Vec<u8> {
    let millis = u64::try_from(at.millis()).unwrap_or(0);
    [&millis.to_be_bytes()[..], key].concat()
}
