//! Projections: pure functions from an event and the states it met to changes of tables.
//!
//! **A view** is one file here, called as the `.cql` under `projections/` that operators read. It has a
//! [`Table`], which says all that an engine must know of it; a function that makes its changes; and its
//! queries, free functions over the port [`Rows`]. It is one line in [`SCHEMA`]. Engines put, delete, read, scan,
//! rebuild and compare the tables of a schema, and know none of them.
//!
//! **A change** is absolute: this row, or none, as of the place of its event. Applying a change twice, or a
//! newer one before an older, is harmless as long as the newest place wins, which is what both engines
//! see to.
//!
//! **Special** is what must be atomic with something else, and each engine has code of its own for it:
//!
//! - the timeline of a conversation, with its state: events and state of one commit are seen together;
//! - [`claims`]: a key and what was made under it are durable together, and two cannot have one;
//! - [`totals`]: sums, which are told from those of a replay by the place they count up to;
//! - quotas, which are no function of the log (`engine::Quotas`).

pub mod cells;
pub mod claims;
pub mod conversation_days;
pub mod conversations;
pub mod pages;
pub mod rows;
pub mod table;
pub mod timeline;
pub mod totals;
pub mod turns_due;

pub use cells::{Cell, Cells, Damaged};
pub use rows::{Found, Range, Rows, Way};
pub use table::Table;

use crate::domain::contact::Contact;
use crate::domain::conversation::{Conversation, Effect, OpenTurn};
use crate::domain::event::{Body, Event};
use crate::domain::ids::{AccountId, ContactId, ConversationId};
use crate::domain::seq::Seq;

/// The states an event folds into. The engine fetches them before and stores them after.
pub trait States {
    type Error;

    fn conversation(
        &mut self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<&mut Option<Conversation>, Self::Error>;

    fn contact(
        &mut self,
        account: AccountId,
        id: ContactId,
    ) -> Result<&mut Option<Contact>, Self::Error>;
}

/// An event that the fold applied, and what it met.
#[derive(Debug, Clone, Copy)]
pub struct Met<'a> {
    /// The partition of the log, and the place there.
    pub partition: u32,
    pub seq: Seq,
    pub event: &'a Event,
    /// The turns that the event's conversation owed before.
    pub turns_before: &'a [OpenTurn],
    /// The event's conversation after it.
    pub conversation: Option<&'a Conversation>,
}

/// A table and the function that makes its changes.
#[derive(Debug, Clone, Copy)]
pub struct View {
    pub table: &'static Table,
    pub project: fn(&Met<'_>, &mut Changes),
}

/// All that engines keep beside what is special.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    pub views: &'static [View],
}

/// The views, one line each.
pub static SCHEMA: Schema = Schema {
    views: &[
        View { table: &pages::TABLE, project: pages::project },
        View { table: &turns_due::TABLE, project: turns_due::project },
        View { table: &conversations::TABLE, project: conversations::project },
        View { table: &conversation_days::TABLE, project: conversation_days::project },
    ],
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

    /// Folds the event at a place of a partition into its states and says what else changes.
    ///
    /// The effect is the conversation's where the event has one, else the contact's. Administrative
    /// events have no state here and are always applied.
    pub fn project<S: States>(
        &self,
        partition: u32,
        seq: Seq,
        event: &Event,
        states: &mut S,
    ) -> Result<(Effect, Changes), S::Error> {
        let mut effect = Effect::Applied;
        let mut changes = Changes::default();
        if let Some(id) = event.body.conversation() {
            let slot = states.conversation(event.account, id)?;
            let turns_before = slot.as_ref().map_or_else(Vec::new, |state| state.turns.clone());
            effect = fold_conversation(slot, seq, event);
            if effect == Effect::Applied {
                let conversation = slot.as_ref();
                let turns_before = &turns_before;
                let met = Met { partition, seq, event, turns_before, conversation };
                self.views.iter().for_each(|view| (view.project)(&met, &mut changes));
                changes.timeline = timeline::keeps(event);
                changes.claim = claims::project(event);
                changes.total = totals::project(event);
            }
        }
        if let Some(id) = event.body.contact() {
            let slot = states.contact(event.account, id)?;
            let of_contact = fold_contact(slot, seq, event);
            if event.body.conversation().is_none() {
                effect = of_contact;
                if effect == Effect::Applied {
                    let met = Met { partition, seq, event, turns_before: &[], conversation: None };
                    self.views.iter().for_each(|view| (view.project)(&met, &mut changes));
                }
            }
        }
        Ok((effect, changes))
    }
}

fn fold_conversation(slot: &mut Option<Conversation>, seq: Seq, event: &Event) -> Effect {
    use crate::domain::conversation::Why;
    match slot {
        Some(state) => state.apply(seq, event),
        None => match Conversation::started(seq, event) {
            Some(state) => {
                *slot = Some(state);
                Effect::Applied
            }
            None => Effect::Discarded(Why::Unknown),
        },
    }
}

fn fold_contact(slot: &mut Option<Contact>, seq: Seq, event: &Event) -> Effect {
    use crate::domain::conversation::Why;
    match slot {
        Some(state) => state.apply(seq, event),
        None => match Contact::created(seq, event) {
            Some(state) => {
                *slot = Some(state);
                Effect::Applied
            }
            None => Effect::Discarded(Why::Unknown),
        },
    }
}

/// Whether an event is a message, that is, counts in lists and totals.
pub fn is_message(event: &Event) -> bool {
    matches!(event.body, Body::MessageInbound(_) | Body::MessageOutbound(_))
}

#[cfg(test)]
mod tests;
