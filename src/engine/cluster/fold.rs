//! A partition's events folded in order, in memory: what a commit writes, and what became of each.
//!
//! Pure: the states a batch needs are asked for by [`Cache::needs`] and put in before folding.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZeroUsize;

use lru::LruCache;

use super::cql::{Commit, ConversationRows};
use crate::domain::contact::Contact;
use crate::domain::conversation::{Conversation, Effect, Why};
use crate::domain::ids::{AccountId, ContactId, ConversationId};
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result};
use crate::projection::totals::Totals;
use crate::projection::{self, Cells, Change, Schema};

type ConversationKey = (AccountId, ConversationId);
type ContactKey = (AccountId, ContactId);

/// The states of one partition that are in memory; those of its owner alone.
pub(super) struct Cache {
    conversations: LruCache<ConversationKey, Option<Conversation>>,
    contacts: LruCache<ContactKey, Option<Contact>>,
    /// With the position of the last message they count.
    totals: LruCache<AccountId, (Totals, Seq)>,
    schema: &'static Schema,
}

/// A row of a queue: where it stands, and the table's number.
pub(super) type Open = (Seq, u8);

/// Which row of a queue a change speaks of, if it is of one.
pub(super) fn opened(change: &Change) -> Option<Open> {
    let place = change.key.seq(change.table.partition.len()).filter(|_| change.table.queue);
    place.map(|place| (place, change.table.number))
}

/// What must be put into the cache before a batch is folded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) conversations: Vec<ConversationKey>,
    pub(super) contacts: Vec<ContactKey>,
    pub(super) totals: Vec<AccountId>,
}

/// A batch after folding.
pub(super) struct Folded {
    pub(super) commit: Commit,
    /// One for each event.
    pub(super) effects: Vec<Effect>,
}

impl projection::States for Cache {
    type Error = Error;

    fn conversation(
        &mut self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<&mut Option<Conversation>> {
        self.conversations.get_mut(&(account, id)).ok_or_else(not_loaded)
    }

    fn contact(&mut self, account: AccountId, id: ContactId) -> Result<&mut Option<Contact>> {
        self.contacts.get_mut(&(account, id)).ok_or_else(not_loaded)
    }
}

fn not_loaded() -> Error {
    Error::Storage("a state was not loaded before it was folded".into())
}

impl Cache {
    /// With room for so many states of each kind: at least twice what a batch can touch.
    pub(super) fn holding(states: NonZeroUsize, schema: &'static Schema) -> Self {
        Self {
            schema,
            conversations: LruCache::new(states),
            contacts: LruCache::new(states),
            totals: LruCache::new(states),
        }
    }

    /// What of a batch is not in memory yet; what is, stays there while the batch is folded.
    pub(super) fn needs(&mut self, batch: &[Recorded]) -> Needs {
        let mut needs = Needs::default();
        let (mut conversations, mut contacts) = (HashSet::new(), HashSet::new());
        let mut accounts = HashSet::new();
        for Recorded { event, .. } in batch {
            if let Some(id) = event.body.conversation() {
                let key = (event.account, id);
                if conversations.insert(key) && self.conversations.get(&key).is_none() {
                    needs.conversations.push(key);
                }
            }
            if let Some(id) = event.body.contact() {
                let key = (event.account, id);
                if contacts.insert(key) && self.contacts.get(&key).is_none() {
                    needs.contacts.push(key);
                }
            }
            if projection::is_message(event)
                && accounts.insert(event.account)
                && self.totals.get(&event.account).is_none()
            {
                needs.totals.push(event.account);
            }
        }
        needs
    }

    pub(super) fn put_conversation(&mut self, key: ConversationKey, state: Option<Conversation>) {
        self.conversations.put(key, state);
    }

    pub(super) fn put_contact(&mut self, key: ContactKey, state: Option<Contact>) {
        self.contacts.put(key, state);
    }

    pub(super) fn put_totals(&mut self, account: AccountId, totals: Option<(Totals, Seq)>) {
        self.totals.put(account, totals.unwrap_or_default());
    }

    /// The events of a batch that the states already contain: a former owner has projected them
    /// without storing its checkpoint. Whether it applied them, only their timelines know.
    pub(super) fn replayed(&mut self, batch: &[Recorded]) -> Vec<usize> {
        let ahead = |entry: &Recorded| {
            let id = entry.event.body.conversation()?;
            let state = self.conversations.get(&(entry.event.account, id))?.as_ref()?;
            Some(entry.seq <= state.last_seq)
        };
        let mut ahead = ahead;
        (0..batch.len()).filter(|place| ahead(&batch[*place]) == Some(true)).collect()
    }

    /// Folds a batch whose needs are met. `stood` has the places of replayed events that a former
    /// owner applied; `shown` the rows of queues that the store has.
    ///
    /// # Errors
    /// When a state was not put in.
    pub(super) fn fold(
        &mut self,
        partition: u32,
        batch: &[Recorded],
        stood: &HashSet<usize>,
        shown: &BTreeSet<Open>,
    ) -> Result<Folded> {
        let mut effects = Vec::with_capacity(batch.len());
        let mut events: BTreeMap<ConversationKey, Vec<Recorded>> = BTreeMap::new();
        let (mut contacts, mut accounts) = (HashSet::new(), HashSet::new());
        let mut rows: BTreeMap<(u8, Cells), Change> = BTreeMap::new();
        let mut commit = Commit { partition, ..Commit::default() };
        for (place, entry) in batch.iter().enumerate() {
            let Recorded { seq, event } = entry;
            let (effect, changes) = self.schema.project(partition, *seq, event, self)?;
            if let Some(id) = event.body.conversation()
                && effect != Effect::Discarded(Why::AlreadyApplied)
                && effect != Effect::Discarded(Why::Unknown)
            {
                let rows = events.entry((event.account, id)).or_default();
                if changes.timeline {
                    rows.push(entry.clone());
                }
            }
            if let Some(id) = event.body.contact() {
                contacts.insert((event.account, id));
            }
            for change in changes.rows {
                let key = (change.table.number, change.key.clone());
                // Put and taken away in one commit: nobody has seen it, unless a former owner died between
                // the two.
                let brief = opened(&change).filter(|_| change.row.is_none());
                if let Some(open) = brief
                    && rows.remove(&key).is_some()
                    && !shown.contains(&open)
                {
                    continue;
                }
                rows.insert(key, change);
            }
            commit.kept.extend(changes.claim);
            let counted = changes.total.or_else(|| {
                stood.contains(&place).then(|| projection::totals::project(event)).flatten()
            });
            if let Some(change) = counted {
                let (totals, upto) = self.totals.get_mut(&change.account).ok_or_else(not_loaded)?;
                if *seq > *upto {
                    totals.add(change);
                    *upto = *seq;
                    accounts.insert(change.account);
                }
            }
            // A contact has no timeline that would know: what was said of it is taken to stand.
            let of_contact = event.body.conversation().is_none()
                && effect == Effect::Discarded(Why::AlreadyApplied);
            let stood = of_contact || stood.contains(&place);
            effects.push(if stood { Effect::Applied } else { effect });
        }
        commit.rows = rows.into_values().collect();
        for (key, events) in events {
            if let Some(Some(state)) = self.conversations.peek(&key) {
                commit.conversations.push(ConversationRows { state: state.clone(), events });
            }
        }
        let contacts = contacts.iter().filter_map(|key| self.contacts.peek(key)?.clone());
        commit.contacts = contacts.collect();
        let totals = accounts.iter().filter_map(|account| {
            self.totals.peek(account).map(|(totals, seq)| (*account, *totals, *seq))
        });
        commit.totals = totals.collect();
        Ok(Folded { commit, effects })
    }
}

#[cfg(test)]
mod tests;
