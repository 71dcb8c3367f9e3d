//! What stands in the columns of a row: a few values, held in place.
//!
//! A key or a row has at most [`MOST`] cells, so that a list of changes is one piece of memory and only
//! texts have theirs.

use std::ops::Deref;

use uuid::Uuid;

use crate::domain::ids::Id;
use crate::domain::seq::Seq;

/// Cells of a key, or of a row.
pub const MOST: usize = 4;

/// A row that is not as its table says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a row of {0} is damaged")]
pub struct Damaged(pub &'static str);

/// What stands in one column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    Id(Uuid),
    Small(i32),
    Number(i64),
    Text(String),
}

/// A key, a part of one, or the rest of a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cells {
    cells: [Cell; MOST],
    count: u8,
}

impl Default for Cells {
    fn default() -> Self {
        Self { cells: [const { Cell::Small(0) }; MOST], count: 0 }
    }
}

impl Cells {
    /// One more; those beyond [`MOST`] are an error of the table's, which a test of all tables finds.
    #[must_use]
    pub fn and(mut self, cell: impl Into<Cell>) -> Self {
        debug_assert!(usize::from(self.count) < MOST, "a table has too many columns");
        if let Some(free) = self.cells.get_mut(usize::from(self.count)) {
            *free = cell.into();
            self.count += 1;
        }
        self
    }

    /// The number of a cell, where it is one.
    pub fn number(&self, place: usize) -> Option<i64> {
        match self.get(place)? {
            Cell::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The place in the log that a cell holds.
    pub fn seq(&self, place: usize) -> Option<Seq> {
        self.number(place).and_then(|number| u64::try_from(number).ok()).map(Seq::new)
    }

    pub fn small(&self, place: usize) -> Option<i32> {
        match self.get(place)? {
            Cell::Small(number) => Some(*number),
            _ => None,
        }
    }

    pub fn id<I: Id>(&self, place: usize) -> Option<I> {
        match self.get(place)? {
            Cell::Id(id) => Some(I::from_uuid(*id)),
            _ => None,
        }
    }

    pub fn text(&self, place: usize) -> Option<&str> {
        match self.get(place)? {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Deref for Cells {
    type Target = [Cell];

    fn deref(&self) -> &[Cell] {
        self.cells.get(..usize::from(self.count)).unwrap_or_default()
    }
}

impl FromIterator<Cell> for Cells {
    fn from_iter<T: IntoIterator<Item = Cell>>(cells: T) -> Self {
        cells.into_iter().fold(Self::default(), Self::and)
    }
}

/// An id.
pub fn id(id: impl Id) -> Cells {
    Cells::default().and(Cell::Id(id.uuid()))
}

impl From<i32> for Cell {
    fn from(number: i32) -> Self {
        Self::Small(number)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// Stores have no greater numbers; no place in a log comes near it.
impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Seq> for Cell {
    fn from(seq: Seq) -> Self {
        seq.get().into()
    }
}

impl From<Uuid> for Cell {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}
