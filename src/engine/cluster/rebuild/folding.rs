//! The fold of the whole log, event by event, telling judges what each event makes.
//!
//! By the projections themselves and not by what the projector makes of them: batches, caches and
//! replays are what is to be judged.

use std::num::NonZeroUsize;

use super::super::cql::{Kept, Stored, key_of};
use super::judge::Judge;
use super::scratch::{Scratch, Spill, storage};
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, Id as _};
use crate::engine::{Error, Recorded, Result};
use crate::projection::totals::Totals;
use crate::projection::{self, Folded, Key, Schema};

/// States of each kind in memory.
const NEAR: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// The states of all partitions.
pub(super) struct Folding {
    /// By aggregate, account and id.
    states: Spill<[u8; 33], Folded>,
    /// By account and partition.
    totals: Spill<[u8; 20], Totals>,
    schema: &'static Schema,
}

impl projection::States for Folding {
    type Error = Error;

    fn state(&mut self, key: Key) -> Result<&mut Option<Folded>> {
        self.states.state(whole(&key))
    }
}

impl Folding {
    pub(super) fn new(scratch: &Scratch, schema: &'static Schema) -> Result<Self> {
        Ok(Self {
            schema,
            states: Spill::with(
                scratch.keyspace("states")?,
                NEAR,
                |state| state.json().map(String::into_bytes),
                Box::new(move |key: &[u8; 33], json| {
                    let mut all = schema.aggregates.iter();
                    let aggregate = all.find(|aggregate| aggregate.number == key[0]);
                    let aggregate = aggregate.ok_or_else(|| storage("a state of nothing"))?;
                    (aggregate.read)(json).map_err(storage)
                }),
            ),
            totals: Spill::new(scratch.keyspace("totals")?, NEAR),
        })
    }

    /// Folds the next event of a partition, and tells what rows are from there on.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn event(
        &mut self,
        partition: u32,
        entry: &Recorded,
        judges: &mut [Judge],
    ) -> Result<()> {
        let Recorded { seq, event } = entry;
        let (_, changes) = self.schema.project(partition, *seq, event, self)?;
        let mut rows = Vec::with_capacity(4);
        for key in self.schema.keys(event) {
            let state = self.states.state(whole(&key))?.as_ref();
            let Some(state) = state.filter(|state| state.last_seq() == *seq) else { continue };
            if let Some(state) = state.get::<Conversation>() {
                rows.push((Kept::Conversations, Stored::of_conversation(state)?));
            } else if let Some(change) = self.schema.written(&key, state) {
                rows.push((Kept::States(change.table), Stored::of_state(&change)));
            }
        }
        if let Some(id) = event.body.conversation().filter(|_| changes.timeline) {
            rows.push((Kept::Timeline, Stored::of_event(id, entry)?));
        }
        if let Some(change) = changes.total {
            let totals = self.totals.state(of_partition(event.account, partition))?;
            let totals = totals.get_or_insert_default();
            totals.add(change);
            let row = Stored::of_total(partition, event.account, *totals, *seq);
            rows.push((Kept::Totals, row));
        }
        for judge in judges {
            judge.comes_to(partition, *seq);
            for (kept, row) in &rows {
                judge.stands(partition, *kept, row)?;
            }
            for change in &changes.rows {
                let kept = Kept::Rows(change.table);
                match Stored::of_change(change) {
                    Some(row) if change.table.place().is_none() => {
                        judge.includes(partition, kept, &row, *seq)?;
                    }
                    Some(row) => judge.stands(partition, kept, &row)?,
                    None => judge.goes(partition, kept, key_of(change), *seq)?,
                }
            }
        }
        Ok(())
    }
}

/// The number of the aggregate, then the key.
fn whole(key: &Key) -> [u8; 33] {
    let mut bytes = [key.aggregate; 33];
    bytes[1..].copy_from_slice(&key.bytes());
    bytes
}

fn of_partition(account: AccountId, partition: u32) -> [u8; 20] {
    let mut key = [0; 20];
    key[..16].copy_from_slice(&account.bytes());
    key[16..].copy_from_slice(&partition.to_be_bytes());
    key
}

#[cfg(test)]
mod tests;
