//! The port through which tables are read. Each view's queries are free functions over it.

use async_trait::async_trait;

use super::Change;
use super::cells::{Cells, Damaged};
use super::table::Table;

/// In which way rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the least key to the greatest.
    Up,
    Down,
}

/// Some rows of one partition of a table.
#[derive(Debug, Clone)]
pub struct Range {
    pub partition: Cells,
    /// Where it begins: all cells of the order; its own row is left out. None for the first row of that way.
    pub after: Option<Cells>,
    pub way: Way,
    pub limit: usize,
}

/// A row of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its cells of the order.
    pub order: Cells,
    pub row: Cells,
}

/// The rows of an engine's tables.
#[async_trait]
pub trait Rows: Send + Sync {
    type Error: From<Damaged> + Send;

    /// One row, by all cells of its key.
    async fn get(&self, table: &'static Table, key: Cells) -> Result<Option<Cells>, Self::Error>;

    /// Up to `limit` rows of a partition. Costs no more deep in it than at its start.
    async fn range(&self, table: &'static Table, range: Range) -> Result<Vec<Found>, Self::Error>;
}

/// The rows that follow from the world outside and not from the log: how far a follower is, a delivery, a
/// session. A crash may take the last of them; views that are made anew leave them as they are.
#[async_trait]
pub trait Places: Rows {
    /// Puts a row of a table that is `outside`, or takes it away; of one row the greatest place wins, whenever
    /// it comes.
    async fn keep(&self, change: Change) -> Result<(), Self::Error>;
}
