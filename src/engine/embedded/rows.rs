//! The tables of the schema in the store: changed, read, and looked through, by what each says of itself.

use std::ops::Bound;

use async_trait::async_trait;
use fjall::OwnedWriteBatch;

use super::log::Embedded;
use super::store::Store;
use super::table::{Row, Table as View};
use super::{cells, expiry};
use crate::engine::{Error, Result};
use crate::projection::{Cells, Change, Damaged, Found, Places, Range, Rows, Table, Way};

impl Store {
    /// Puts a change into a batch. The log is folded in order, so the newest comes last.
    pub(super) fn change(&self, batch: &mut OwnedWriteBatch, change: &Change) {
        let key = cells::key(change.table.number, &*change.key);
        match &change.row {
            Some(row) => {
                expiry::note_row(batch, self.rows(), change.table, (&change.key, row));
                batch.insert(self.rows(), key, cells::row(row));
            }
            None => batch.remove(self.rows(), key),
        }
    }
}

/// A row of a table, which stands in `view`.
pub(super) fn get(view: &View, table: &'static Table, key: &Cells) -> Result<Option<Cells>> {
    let found = view.get(&cells::key(table.number, &**key)[1..])?;
    let row = |bytes: &[u8]| cells::read_row(table.row.iter().map(|column| column.kind), bytes);
    Ok(found.map(|bytes| row(&bytes).ok_or(Damaged(table.name))).transpose()?)
}

/// Rows of a table, which stands in `view`.
pub(super) fn range(view: &View, table: &'static Table, range: &Range) -> Result<Vec<Found>> {
    let whole = cells::key(table.number, &*range.partition);
    let below = whole.len() - 1;
    let place = range.after.as_ref().map(|after| {
        let cells = range.partition.iter().chain(after.iter());
        Bound::Excluded(cells::key(table.number, cells)[1..].to_vec())
    });
    let first = || Bound::Included(whole[1..].to_vec());
    let last = || behind(&whole[1..]).map_or(Bound::Unbounded, Bound::Excluded);
    let found = |row: Result<Row>| found(table, below, &row?);
    match range.way {
        Way::Up => {
            let rows = view.range((place.unwrap_or_else(first), last()));
            rows.take(range.limit).map(found).collect()
        }
        Way::Down => {
            let rows = view.range((first(), place.unwrap_or_else(last))).rev();
            rows.take(range.limit).map(found).collect()
        }
    }
}

/// The least key behind all that begin so.
fn behind(begin: &[u8]) -> Option<Vec<u8>> {
    let kept = begin.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut end = begin[..=kept].to_vec();
    end[kept] += 1;
    Some(end)
}

/// A row whose partition takes so many bytes of its key.
fn found(table: &'static Table, below: usize, row: &Row) -> Result<Found> {
    let read = || {
        let kinds = |columns: &'static [crate::projection::table::Column]| {
            columns.iter().map(|column| column.kind)
        };
        let order = cells::read_key(kinds(table.order), row.key().get(below..)?)?;
        Some(Found { order, row: cells::read_row(kinds(table.row), &row.value)? })
    };
    Ok(read().ok_or(Damaged(table.name))?)
}

#[async_trait]
impl Rows for Embedded {
    type Error = Error;

    async fn get(&self, table: &'static Table, key: Cells) -> Result<Option<Cells>> {
        get(&self.view(table)?, table, &key)
    }

    async fn range(&self, table: &'static Table, range: Range) -> Result<Vec<Found>> {
        self::range(&self.view(table)?, table, &range)
    }
}

#[async_trait]
impl Places for Embedded {
    async fn keep(&self, change: Change) -> Result<()> {
        self.places().keep(&change)
    }
}

impl Embedded {
    /// Where a table stands.
    fn view(&self, table: &'static Table) -> Result<View> {
        if table.outside { self.places().view(table) } else { Ok(self.store()?.view(table)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_behind_a_beginning_is_behind_all_that_begin_so() {
        assert_eq!(behind(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(behind(&[1, 255]), Some(vec![2]));
        assert_eq!(behind(&[255, 255]), None);
    }
}
