//! Whether the rows that were found in a keyspace are those that the log makes, though it was served
//! and written to while they were read.
//!
//! Rows say as of which event they stand. So they are read once, each at its own moment, and the log is
//! folded afterwards: when it comes to the event that a row stands at, the row must be what the fold
//! makes there. What the checkpoints told before the first row was read must be there at least; what
//! came later may be. Rows that go again may be missing only once they went; rows that say nothing of
//! their event stand from the first on that makes them.

use std::collections::BTreeMap;

use super::super::cql::{Kept, Stored};
use super::found::Found;
use crate::domain::seq::Seq;
use crate::engine::Result;

/// The first row that is not as the log makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) kept: Kept,
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
    missed: BTreeMap<(Kept, String), String>,
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
    pub(super) fn stands(&mut self, partition: u32, kept: Kept, row: &Stored) -> Result<()> {
        if self.has_judged() {
            return Ok(());
        }
        let must = self.must_have(partition, row.seq);
        match self.found.get(kept, &row.key)? {
            Some(found) if found.seq == row.seq && found.has(&row.value) => {
                self.found.agree(kept, &row.key, found)?;
            }
            Some(found) if found.seq == row.seq || found.seq < row.seq && must => {
                self.differs(kept, &row.key, Some(&row.value));
            }
            // It may have expired.
            None if kept.expires() => {}
            None if must => {
                self.missed.insert((kept, row.key.clone()), row.value.clone());
            }
            // The row stands further on, or was read before this event was in the views.
            Some(_) | None => {}
        }
        Ok(())
    }

    /// A row is gone from the event at `at` on.
    pub(super) fn goes(&mut self, partition: u32, kept: Kept, key: String, at: Seq) -> Result<()> {
        if self.has_judged() {
            return Ok(());
        }
        let found = self.found.get(kept, &key)?.filter(|found| found.seq < at);
        if found.is_some() && self.must_have(partition, at) {
            self.differs(kept, &key, None);
        }
        self.missed.remove(&(kept, key));
        Ok(())
    }

    /// A row that the events of any partition may make, always the same: it is there from the one at
    /// `at` on, or from before.
    pub(super) fn includes(
        &mut self,
        partition: u32,
        kept: Kept,
        row: &Stored,
        at: Seq,
    ) -> Result<()> {
        if self.has_judged() {
            return Ok(());
        }
        match self.found.get(kept, &row.key)? {
            Some(found) if found.seq == row.seq && found.has(&row.value) => {
                self.found.agree(kept, &row.key, found)?;
            }
            None if !self.must_have(partition, at) => {}
            Some(_) | None => self.differs(kept, &row.key, Some(&row.value)),
        }
        Ok(())
    }

    /// The log has ended: what it made of the rows. The first difference, if there is any.
    pub(super) fn conclude(mut self) -> Result<Option<Difference>> {
        if self.has_judged() {
            return Ok(self.difference);
        }
        if let Some(((kept, key), value)) = self.missed.pop_first() {
            self.differs(kept, &key, Some(&value));
        } else if let Some((kept, key)) = self.found.first_too_many()? {
            self.differs(kept, &key, None);
        }
        Ok(self.difference)
    }

    fn must_have(&self, partition: u32, seq: Seq) -> bool {
        let checkpoint = self.checkpoints.get(partition as usize);
        checkpoint.is_some_and(|checkpoint| seq <= *checkpoint)
    }

    fn differs(&mut self, kept: Kept, key: &str, expected: Option<&str>) {
        let (key, expected) = (key.to_owned(), expected.map(str::to_owned));
        self.difference = Some(Difference { kept, key, expected });
    }
}
