//! Projections: pure functions from an event and the states it met to changes of tables.
//!
//! **A view** is one file here, called as the `.cql` under `projections/` that operators read. It has a
//! [`Table`], which says all that an engine must know of it; a function that makes its changes; and its
//! queries, free functions over the port [`Rows`]. It is one line in [`SCHEMA`]. Engines put, delete, read, scan,
//! rebuild and compare the tables of a schema, and know none of them.
//!
//! **An aggregate** is what events of one thing fold into: a conversation, a contact. It is one line in
//! [`SCHEMA`] as well, and engines load, fold and keep its states without knowing it ([`aggregate`]).
//!
//! **A change** is absolute: this row, or none, as of the place of its event. Applying a change twice, or a
//! newer one before an older, is harmless as long as the newest place wins, which is what both engines
//! see to.
//!
//! **Outside** are rows that follow from the world and not from the log: how far a follower is, a delivery, a
//! session. Their tables are in [`SCHEMA`] as well ([`Schema::outside`]); they are read as any other and written
//! through [`Places`]. Nothing that makes views anew touches them.
//!
//! **Special** is what must be atomic with something else, and each engine has code of its own for it:
//!
//! - the timeline of a conversation, with its state: events and state of one commit are seen together;
//! - [`claims`]: a key and what was made under it are durable together, and two cannot have one;
//! - [`totals`]: sums, which are told from those of a replay by the place they count up to;
//! - quotas, which are no function of the log (`engine::Quotas`).

pub mod aggregate;
pub mod cells;
pub mod claims;
pub mod contacts;
pub mod conversation_days;
pub mod conversations;
pub mod discarded;
pub mod followers;
pub mod pages;
pub mod rows;
pub mod table;
pub mod timeline;
pub mod totals;
pub mod turns_due;

pub use aggregate::{Aggregate, Folded, Key, State, States};
pub use cells::{Cell, Cells, Damaged};
pub use rows::{Found, Places, Range, Rows, Way};
pub use table::Table;

use crate::domain::conversation::{Conversation, Effect, OpenTurn, Why};
use crate::domain::event::{Body, Event};
use crate::domain::seq::Seq;

/// An event that was folded, and what it met.
#[derive(Debug, Clone, Copy)]
pub struct Met<'a> {
    /// The partition of the log, and the place there.
    pub partition: u32,
    pub seq: Seq,
    pub event: &'a Event,
    /// Why the fold discarded it; none where it was applied.
    pub why: Option<Why>,
    /// The turns that the event's conversation owed before.
    pub turns_before: &'a [OpenTurn],
    /// The event's conversation after it.
    pub conversation: Option<&'a Conversation>,
}

/// A table and the function that makes its changes.
#[derive(Debug, Clone, Copy)]
pub struct View {
    pub table: &'static Table,
    /// Which events it is told of.
    pub of: Of,
    pub project: fn(&Met<'_>, &mut Changes),
}

/// What the fold made of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Applied,
    Discarded,
}

/// All that engines keep beside what is special.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    pub views: &'static [View],
    /// In the order in which they are asked what becomes of an event.
    pub aggregates: &'static [Aggregate],
    /// Tables whose rows follow from the world outside.
    pub outside: &'static [&'static Table],
}

/// The aggregates and the views, one line each.
pub static SCHEMA: Schema = Schema {
    aggregates: &[aggregate::CONVERSATION, contacts::AGGREGATE],
    views: &[
        View { table: &pages::TABLE, of: Of::Applied, project: pages::project },
        View { table: &turns_due::TABLE, of: Of::Applied, project: turns_due::project },
        View { table: &conversations::TABLE, of: Of::Applied, project: conversations::project },
        View {
            table: &conversation_days::TABLE,
            of: Of::Applied,
            project: conversation_days::project,
        },
        View { table: &discarded::TABLE, of: Of::Discarded, project: discarded::project },
    ],
    outside: &[&followers::TABLE],
};

/// A row of a table from a place in the log on, or none any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub table: &'static Table,
    /// The cells of its partition and order.
    pub key: Cells,
    pub row: Option<Cells>,
    pub at: Seq,
}

/// What one event changes, besides the states themselves.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// The event stands in its conversation's timeline.
    pub timeline: bool,
    pub rows: Vec<Change>,
    pub claim: Option<claims::Row>,
    pub total: Option<totals::Change>,
}

impl Changes {
    /// A row stands from `at` on.
    pub fn put(&mut self, table: &'static Table, key: Cells, row: Cells, at: Seq) {
        self.rows.push(Change { table, key, row: Some(row), at });
    }

    /// A row is gone from `at` on.
    pub fn take(&mut self, table: &'static Table, key: Cells, at: Seq) {
        self.rows.push(Change { table, key, row: None, at });
    }
}

impl Schema {
    /// The tables of all views.
    pub fn tables(&self) -> impl Iterator<Item = &'static Table> + Clone + use<> {
        self.views.iter().map(|view| view.table)
    }

    /// The tables of all views, those of states, and those outside.
    pub fn all_tables(&self) -> impl Iterator<Item = &'static Table> + Clone + use<> {
        self.tables().chain(self.state_tables()).chain(self.outside.iter().copied())
    }

    /// The tables that have states: of all aggregates but the conversation.
    pub fn state_tables(&self) -> impl Iterator<Item = &'static Table> + Clone + use<> {
        self.aggregates.iter().filter_map(|aggregate| aggregate.table)
    }

    /// The aggregate of a key.
    pub fn aggregate(&self, key: &Key) -> Option<&'static Aggregate> {
        self.aggregates.iter().find(|aggregate| aggregate.number == key.aggregate)
    }

    /// A state as a row of its aggregate's table; none of a conversation, which has none.
    pub fn written(&self, key: &Key, state: &Folded) -> Option<Change> {
        let table = self.aggregate(key)?.table?;
        // A state of ours is always JSON.
        let row = Cells::default().and(state.json().ok()?);
        let key = cells::id(key.account).and(key.id);
        Some(Change { table, key, row: Some(row), at: state.last_seq() })
    }

    /// The states that an event folds into.
    pub fn keys<'a>(&self, event: &'a Event) -> impl Iterator<Item = Key> + use<'a> {
        let account = event.account;
        self.aggregates.iter().filter_map(move |aggregate| {
            let id = (aggregate.of)(&event.body)?;
            Some(Key { aggregate: aggregate.number, account, id })
        })
    }

    /// Folds the event at a place of a partition into its states and says what else changes.
    ///
    /// The effect is that of the first aggregate that the event names: the conversation's where it has
    /// one. Administrative events have no state here and are always applied.
    pub fn project<S: States>(
        &self,
        partition: u32,
        seq: Seq,
        event: &Event,
        states: &mut S,
    ) -> Result<(Effect, Changes), S::Error> {
        let mut effect = None;
        let mut changes = Changes::default();
        for aggregate in self.aggregates {
            let Some(id) = (aggregate.of)(&event.body) else { continue };
            let key = Key { aggregate: aggregate.number, account: event.account, id };
            let slot = states.state(key)?;
            if effect.is_some() {
                fold(aggregate, slot, seq, event);
                continue;
            }
            let turns =
                |slot: &Option<Folded>| Some(slot.as_ref()?.get::<Conversation>()?.turns.clone());
            let turns_before = &turns(slot).unwrap_or_default();
            let became = fold(aggregate, slot, seq, event);
            effect = Some(became);
            let conversation = slot.as_ref().and_then(Folded::get);
            let (of, why) = match became {
                Effect::Applied => (Of::Applied, None),
                Effect::Discarded(why) => (Of::Discarded, Some(why)),
            };
            let met = Met { partition, seq, event, why, turns_before, conversation };
            let views = self.views.iter().filter(|view| view.of == of);
            views.for_each(|view| (view.project)(&met, &mut changes));
            if became == Effect::Applied {
                changes.timeline = timeline::keeps(event);
                changes.claim = claims::project(event);
                changes.total = totals::project(event);
            }
        }
        Ok((effect.unwrap_or(Effect::Applied), changes))
    }
}

fn fold(aggregate: &Aggregate, slot: &mut Option<Folded>, seq: Seq, event: &Event) -> Effect {
    if let Some(state) = slot {
        return state.apply(seq, event);
    }
    match (aggregate.begin)(seq, event) {
        Some(state) => {
            *slot = Some(state);
            Effect::Applied
        }
        None => Effect::Discarded(Why::Unknown),
    }
}

/// Whether an event is a message, that is, counts in lists and totals.
pub fn is_message(event: &Event) -> bool {
    matches!(event.body, Body::MessageInbound(_) | Body::MessageOutbound(_))
}

#[cfg(test)]
mod tests;
