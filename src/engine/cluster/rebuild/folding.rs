//! The fold of the whole log, event by event, telling judges what each event makes.
//!
//! By the projections themselves and not by what the projector makes of them: batches, caches and
//! replays are what is to be judged.

use std::num::NonZeroUsize;

use super::super::cql::{Stored, Table, of_listed, of_turn};
use super::judge::Judge;
use super::scratch::{Scratch, Spill};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ContactId, ConversationId, Id};
use crate::engine::{Error, Recorded, Result};
use crate::projection::totals::Totals;
use crate::projection::{self, conversation_days, conversations, turns_due};

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
    pub(super) fn new(scratch: &Scratch) -> Result<Self> {
        Ok(Self {
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
        let (_, changes) = projection::project(*seq, event, self)?;
        let mut rows = Vec::with_capacity(4);
        if let Some(id) = event.body.conversation() {
            let state = self.conversations.state(key(event.account, id))?;
            if let Some(state) = state.as_ref().filter(|state| state.last_seq == *seq) {
                rows.push((Table::Conversations, Stored::of_conversation(state)?));
            }
            if changes.timeline {
                rows.push((Table::Timeline, Stored::of_event(id, entry)?));
            }
        }
        if let Some(id) = event.body.contact() {
            let state = self.contacts.state(key(event.account, id))?;
            if let Some(state) = state.as_ref().filter(|state| state.last_seq == *seq) {
                rows.push((Table::Contacts, Stored::of_contact(state)?));
            }
        }
        rows.extend(changes.page.map(|row| (Table::Pages, Stored::of_page(&row))));
        if let Some(change) = changes.total {
            let totals = self.totals.state(of_partition(event.account, partition))?;
            let totals = totals.get_or_insert_default();
            totals.add(change);
            let row = Stored::of_total(partition, event.account, *totals, *seq);
            rows.push((Table::Totals, row));
        }
        let day = changes.listed.as_ref().and_then(conversation_days::project);
        for judge in judges {
            judge.comes_to(partition, *seq);
            for (table, row) in &rows {
                judge.stands(partition, *table, row)?;
            }
            for change in &changes.turns {
                match change {
                    turns_due::Change::Due(row) => {
                        let row = Stored::of_turn(partition, row)?;
                        judge.opens(partition, Table::TurnsDue, &row)?;
                    }
                    turns_due::Change::Done(turn) => {
                        let key = of_turn(partition, *turn);
                        judge.closes(partition, Table::TurnsDue, key, *seq)?;
                    }
                }
            }
            match &changes.listed {
                Some(conversations::Change::Began(row)) => {
                    judge.opens(partition, Table::Listed, &Stored::of_listed(row, *seq))?;
                }
                Some(conversations::Change::Deleted(row)) => {
                    judge.closes(partition, Table::Listed, of_listed(row), *seq)?;
                }
                None => {}
            }
            if let Some(day) = &day {
                judge.includes(partition, Table::Days, &Stored::of_day(day), *seq)?;
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
