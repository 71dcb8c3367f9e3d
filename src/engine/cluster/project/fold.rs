//! A partition's events folded in order, in memory: what a commit writes, and what became of each.
//!
//! Pure: the states a batch needs are asked for by [`Cache::needs`] and put in before folding.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::num::NonZeroUsize;

use lru::LruCache;

use super::super::cql::{Commit, ConversationRows};
use crate::domain::conversation::{Conversation, Effect, Why};
use crate::domain::ids::AccountId;
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result};
use crate::projection::aggregate::CONVERSATION;
use crate::projection::totals::Totals;
use crate::projection::{self, Cells, Change, Folded, Key, Schema};

/// The states of one partition that are in memory; those of its owner alone.
pub(in super::super) struct Cache {
    states: LruCache<Key, Option<Folded>>,
    /// With the position of the last message they count.
    totals: LruCache<AccountId, (Totals, Seq)>,
    schema: &'static Schema,
}

/// A row of a queue: where it stands, and the table's number.
pub(in super::super) type Open = (Seq, u8);

/// Which row of a queue a change speaks of, if it is of one.
pub(in super::super) fn opened(change: &Change) -> Option<Open> {
    let place = change.key.seq(change.table.partition.len()).filter(|_| change.table.queue);
    place.map(|place| (place, change.table.number))
}

/// What must be put into the cache before a batch is folded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Needs {
    pub(in super::super) states: Vec<Key>,
    pub(in super::super) totals: Vec<AccountId>,
}

/// A batch after folding.
pub(in super::super) struct Batch {
    pub(in super::super) commit: Commit,
    /// One for each event.
    pub(in super::super) effects: Vec<Effect>,
    /// No event of it is only taken to stand.
    pub(in super::super) certain: bool,
}

impl projection::States for Cache {
    type Error = Error;

    fn state(&mut self, key: Key) -> Result<&mut Option<Folded>> {
        self.states.get_mut(&key).ok_or_else(not_loaded)
    }
}

fn not_loaded() -> Error {
    Error::Storage("a state was not loaded before it was folded".into())
}

impl Cache {
    /// With room for so many states of each kind: at least twice what a batch can touch.
    pub(in super::super) fn holding(states: NonZeroUsize, schema: &'static Schema) -> Self {
        let kinds = NonZeroUsize::new(schema.aggregates.len());
        Self {
            schema,
            states: LruCache::new(kinds.map_or(states, |kinds| states.saturating_mul(kinds))),
            totals: LruCache::new(states),
        }
    }

    /// What of a batch is not in memory yet; what is, stays there while the batch is folded.
    pub(in super::super) fn needs(&mut self, batch: &[Recorded]) -> Needs {
        let mut needs = Needs::default();
        let (mut keys, mut accounts) = (HashSet::new(), HashSet::new());
        for Recorded { event, .. } in batch {
            for key in self.schema.keys(event) {
                if keys.insert(key) && self.states.get(&key).is_none() {
                    needs.states.push(key);
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

    pub(in super::super) fn put_state(&mut self, key: Key, state: Option<Folded>) {
        self.states.put(key, state);
    }

    pub(in super::super) fn put_totals(
        &mut self,
        account: AccountId,
        totals: Option<(Totals, Seq)>,
    ) {
        self.totals.put(account, totals.unwrap_or_default());
    }

    /// The events of a batch that the states already contain: a former owner has projected them
    /// without storing its checkpoint. Whether it applied them, only their timelines know.
    pub(in super::super) fn replayed(&mut self, batch: &[Recorded]) -> Vec<usize> {
        let ahead = |entry: &Recorded| {
            let id = entry.event.body.conversation()?;
            let key = Key::conversation(entry.event.account, id);
            Some(entry.seq <= self.states.get(&key)?.as_ref()?.last_seq())
        };
        let mut ahead = ahead;
        (0..batch.len()).filter(|place| ahead(&batch[*place]) == Some(true)).collect()
    }

    /// Folds a batch whose needs are met. `stood` has the places of replayed events that a former
    /// owner applied; `shown` the rows of queues that the store has.
    ///
    /// # Errors
    /// When a state was not put in.
    pub(in super::super) fn fold(
        &mut self,
        partition: u32,
        batch: &[Recorded],
        stood: &HashSet<usize>,
        shown: &BTreeSet<Open>,
    ) -> Result<Batch> {
        let mut effects = Vec::with_capacity(batch.len());
        let mut certain = true;
        let mut events: BTreeMap<Key, Vec<Recorded>> = BTreeMap::new();
        let (mut others, mut accounts) = (HashSet::new(), HashSet::new());
        let mut rows: BTreeMap<(u8, Cells), Change> = BTreeMap::new();
        let mut commit = Commit { partition, ..Commit::default() };
        for (place, entry) in batch.iter().enumerate() {
            let Recorded { seq, event } = entry;
            let (effect, changes) = self.schema.project(partition, *seq, event, self)?;
            if let Some(id) = event.body.conversation()
                && effect != Effect::Discarded(Why::AlreadyApplied)
                && effect != Effect::Discarded(Why::Unknown)
            {
                let rows = events.entry(Key::conversation(event.account, id)).or_default();
                if changes.timeline {
                    rows.push(entry.clone());
                }
            }
            let conversation = CONVERSATION.number;
            others.extend(self.schema.keys(event).filter(|key| key.aggregate != conversation));
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
            certain &= !of_contact;
            let stood = of_contact || stood.contains(&place);
            effects.push(if stood { Effect::Applied } else { effect });
        }
        commit.rows = rows.into_values().collect();
        for (key, events) in events {
            if let Some(Some(state)) = self.states.peek(&key)
                && let Some(state) = state.get::<Conversation>()
            {
                commit.conversations.push(ConversationRows { state: state.clone(), events });
            }
        }
        let state = |key: &Key| self.schema.written(key, self.states.peek(key)?.as_ref()?);
        commit.states = others.iter().filter_map(state).collect();
        let totals = accounts.iter().filter_map(|account| {
            self.totals.peek(account).map(|(totals, seq)| (*account, *totals, *seq))
        });
        commit.totals = totals.collect();
        Ok(Batch { commit, effects, certain })
    }
}

#[cfg(test)]
mod tests;
