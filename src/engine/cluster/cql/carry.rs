//! Carries the rows that are not the log's from one keyspace into another.

use scylla::response::PagingState;
use scylla::value::Row;

use super::Cql;
use super::attempts::bind;
use super::phrases::Use;
use super::tables::cell;
use crate::engine::Result;
use crate::projection::{Cells, Change, Damaged, Table};

impl Cql {
    /// Copies every row of the tables outside into another keyspace, where a greater place stays. Gives how
    /// many.
    ///
    /// # Errors
    /// As any read or write; doing it again is right.
    pub async fn carry_into(&self, target: &Self) -> Result<u64> {
        let mut carried = 0;
        for table in self.schema.outside.iter().copied() {
            let statement = self.statement(table, Use::Scan)?;
            let mut next = Some(PagingState::start());
            while let Some(from) = next {
                let (rows, rest) =
                    self.page::<Row>(statement, &bind(statement, &())?, from).await?;
                for row in rows {
                    target.change(&as_change(table, row)?).await?;
                    carried += 1;
                }
                next = rest;
            }
        }
        Ok(carried)
    }
}

/// The change that puts a row as it stands.
fn as_change(table: &'static Table, row: Row) -> Result<Change> {
    let columns = table.columns().zip(row.columns);
    let cells = columns.map(|(column, value)| cell(column.kind, value?));
    let cells: Option<Vec<_>> = cells.collect();
    let cells = cells.ok_or(Damaged(table.name))?;
    let at = table.place().and_then(|place| Cells::default().and(cells.get(place)?.clone()).seq(0));
    let (key, row) = cells.split_at(table.key().count().min(cells.len()));
    let of = |cells: &[_]| cells.iter().cloned().collect();
    Ok(Change { table, key: of(key), row: Some(of(row)), at: at.unwrap_or_default() })
}
