//! The fold of the whole log, event by event, telling judges what each event makes.
//!
//! By the projections themselves and not by what the projector makes of them: batches, caches and
//! replays are what is to be judged.

use std::num::NonZeroUsize;

use super::super::cql::{Kept, Stored, key_of};
use super::judge::Judge;
use super::scratch::{Scratch, Spill};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ContactId, ConversationId, Id};
use crate::engine::{Error, Recorded, Result};
use crate::projection::totals::Totals;
use crate::projection::{self, Schema};

/// States of each kind in memory.
const NEAR: NonZeroUsize = NonZeroUsize::new(65_536).expect("not zero");

/// Account, and conversation or contact.
type Key = [u8; 32];

/// The states of all partitions.
pub(super) struct Folding {
    conversations: Spill<Key, Conversation>,
    contacts: Spill<Key, Contact>,
    /// By account and partition.
    totals: Spill<[u8; 20], Totals>,
    schema: &'static Schema,
}

impl projection::States for Folding {
    type Error = Error;

    fn conversation(
        &mut self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<&mut Option<Conversation>> {
        self.conversations.state(key(account, id))
    }

    fn contact(&mut self, account: AccountId, id: ContactId) -> Result<&mut Option<Contact>> {
        self.contacts.state(key(account, id))
    }
}

impl Folding {
    pub(super) fn new(scratch: &Scratch, schema: &'static Schema) -> Result<Self> {
        Ok(Self {
            schema,
            conversations: Spill::new(scratch.keyspace("conversations")?, NEAR),
            contacts: Spill::new(scratch.keyspace("contacts")?, NEAR),
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
        if let Some(id) = event.body.conversation() {
            let state = self.conversations.state(key(event.account, id))?;
            if let Some(state) = state.as_ref().filter(|state| state.last_seq == *seq) {
                rows.push((Kept::Conversations, Stored::of_conversation(state)?));
            }
            if changes.timeline {
                rows.push((Kept::Timeline, Stored::of_event(id, entry)?));
            }
        }
        if let Some(id) = event.body.contact() {
            let state = self.contacts.state(key(event.account, id))?;
            if let Some(state) = state.as_ref().filter(|state| state.last_seq == *seq) {
                rows.push((Kept::Contacts, Stored::of_contact(state)?));
            }
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

fn key(account: AccountId, id: impl Id) -> Key {
    let mut key = Key::default();
    key[..16].copy_from_slice(&account.bytes());
    key[16..].copy_from_slice(&id.bytes());
    key
}

fn of_partition(account: AccountId, partition: u32) -> [u8; 20] {
    let mut key = [0; 20];
    key[..16].copy_from_slice(&account.bytes());
    key[16..].copy_from_slice(&partition.to_be_bytes());
    key
}

#[cfg(test)]
mod tests;
