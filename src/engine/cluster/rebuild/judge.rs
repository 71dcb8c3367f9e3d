//! Whether the rows that were found in a keyspace are those that the log makes, though it was served
//! and written to while they were read.
//!
//! Rows say as of which event they stand. So they are read once, each at its own moment, and the log is
//! folded afterwards: when it comes to the event that a row stands at, the row must be what the fold
//! makes there. What the checkpoints told before the first row was read must be there at least; what
//! came later may be. Rows that go again (turns that end, conversations that are deleted) may be
//! missing only once they went; rows that say nothing of their event stand from the first on that makes
//! them.

use std::collections::BTreeMap;

use super::super::cql::{Stored, Table};
use super::found::Found;
use crate::domain::seq::Seq;
use crate::engine::Result;

/// The first row that is not as the log makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) table: Table,
    pub(super) key: String,
    /// None when the log makes no such row.
    pub(super) expected: Option<String>,
}

/// The judge of one keyspace. It is told what the log makes, event by event.
pub(super) struct Judge {
    found: Found,
    /// Up to where each partition was in the views before they were read.
    checkpoints: Vec<Seq>,
    /// Rows that stood then and were not found. Those that went while the rows were read may be
    /// missing.
    missed: BTreeMap<(Table, String), String>,
    difference: Option<Difference>,
    /// Events that need not be in the views yet.
    pub(super) beyond: u64,
}

impl Judge {
    pub(super) fn new(found: Found, checkpoints: Vec<Seq>) -> Self {
        Self { found, checkpoints, missed: BTreeMap::new(), difference: None, beyond: 0 }
    }

    /// Whether it has found a difference.
    pub(super) fn has_judged(&self) -> bool {
        self.difference.is_some()
    }

    /// An event of a partition comes next.
    pub(super) fn comes_to(&mut self, partition: u32, seq: Seq) {
        self.beyond += u64::from(!self.must_have(partition, seq));
    }

    /// From the event at `row.seq` of a partition on, a row is this.
    pub(super) fn stands(&mut self, partition: u32, table: Table, row: &Stored) -> Result<()> {
        if self.has_judged() {
            return Ok(());
        }
        let must = self.must_have(partition, row.seq);
        match self.found.get(table, &row.key)? {
            Some(found) if found.seq == row.seq => {
                if found.has(&row.value) {
                    self.found.agree(table, &row.key, found)?;
                } else {
                    self.differs(table, &row.key, Some(&row.value));
                }
            }
            Some(found) if found.seq < row.seq && must => {
                self.differs(table, &row.key, Some(&row.value));
            }
            None if must => self.differs(table, &row.key, Some(&row.value)),
            // The row stands further on, or was read before this event was in the views.
            Some(_) | None => {}
        }
        Ok(())
    }

    /// A row comes to be that may go again.
    pub(super) fn opens(&mut self, partition: u32, table: Table, row: &Stored) -> Result<()> {
        if self.has_judged() {
            return Ok(());
        }
        match self.found.get(table, &row.key)? {
            Some(found) if found.seq == row.seq && found.has(&row.value) => {
                self.found.agree(table, &row.key, found)?;
            }
            Some(_) => self.differs(table, &row.key, Some(&row.value)),
            None if self.must_have(partition, row.seq) => {
                self.missed.insert((table, row.key.clone()), row.value.clone());
            }
            None => {}
        }
        Ok(())
    }

    /// A row that came to be is gone from the event at `at` on.
    pub(super) fn closes(
        &mut self,
        partition: u32,
        table: Table,
        key: String,
        at: Seq,
    ) -> Result<()> {
        if self.has_judged() {
            return Ok(());
        }
        if self.must_have(partition, at) && self.found.get(table, &key)?.is_some() {
            self.differs(table, &key, None);
        }
        self.missed.remove(&(table, key));
        Ok(())
    }

    /// A row that the events of any partition may make, always the same: it is there from the one at
    /// `at` on, or from before.
    pub(super) fn includes(
        &mut self,
        partition: u32,
        table: Table,
        row: &Stored,
        at: Seq,
    ) -> Result<()> {
        if self.has_judged() {
            return Ok(());
        }
        match self.found.get(table, &row.key)? {
            Some(found) if found.seq == row.seq && found.has(&row.value) => {
                self.found.agree(table, &row.key, found)?;
            }
            None if !self.must_have(partition, at) => {}
            Some(_) | None => self.differs(table, &row.key, Some(&row.value)),
        }
        Ok(())
    }

    /// The log has ended: what it made of the rows. The first difference, if there is any.
    pub(super) fn conclude(mut self) -> Result<Option<Difference>> {
        if self.has_judged() {
            return Ok(self.difference);
        }
        if let Some(((table, key), value)) = self.missed.pop_first() {
            self.differs(table, &key, Some(&value));
        } else if let Some((table, key)) = self.found.first_too_many()? {
            self.differs(table, &key, None);
        }
        Ok(self.difference)
    }

    fn must_have(&self, partition: u32, seq: Seq) -> bool {
        let checkpoint = self.checkpoints.get(partition as usize);
        checkpoint.is_some_and(|checkpoint| seq <= *checkpoint)
    }

    fn differs(&mut self, table: Table, key: &str, expected: Option<&str>) {
        let (key, expected) = (key.to_owned(), expected.map(str::to_owned));
        self.difference = Some(Difference { table, key, expected });
    }
}
