//! Projections: pure functions from an event and the states it met to changes of views.
//!
//! One file per view, called as the `.cql` under `projections/` that describes its table. Rows
//! are absolute: applying a change twice, or a newer one before an older, is harmless as long as
//! the newest wins, which is what both engines see to.

pub mod claims;
pub mod conversation_days;
pub mod conversations;
pub mod pages;
pub mod timeline;
pub mod totals;
pub mod turns_due;

use crate::domain::contact::Contact;
use crate::domain::conversation::{Conversation, Effect};
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

/// What one event changes, besides the states themselves.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// The event stands in its conversation's timeline.
    pub timeline: bool,
    pub page: Option<pages::Row>,
    pub turns: Vec<turns_due::Change>,
    pub claim: Option<claims::Row>,
    pub total: Option<totals::Change>,
    pub listed: Option<conversations::Change>,
}

/// Folds an event into its states and says what else changes.
///
/// The effect is the conversation's where the event has one, else the contact's. Administrative
/// events have no state here and are always applied.
pub fn project<S: States>(
    seq: Seq,
    event: &Event,
    states: &mut S,
) -> Result<(Effect, Changes), S::Error> {
    let mut effect = Effect::Applied;
    let mut changes = Changes::default();
    if let Some(id) = event.body.conversation() {
        let slot = states.conversation(event.account, id)?;
        let before = slot.as_ref().map_or_else(Vec::new, |state| state.turns.clone());
        effect = fold_conversation(slot, seq, event);
        if effect == Effect::Applied {
            let after = slot.as_ref();
            changes.timeline = timeline::keeps(event);
            changes.page = after.and_then(|state| pages::project(seq, event, state));
            changes.turns = turns_due::project(&before, after);
            changes.claim = claims::project(event);
            changes.total = totals::project(event);
            changes.listed = after.and_then(|state| conversations::project(event, state));
        }
    }
    if let Some(id) = event.body.contact() {
        let slot = states.contact(event.account, id)?;
        let of_contact = fold_contact(slot, seq, event);
        if event.body.conversation().is_none() {
            effect = of_contact;
        }
    }
    Ok((effect, changes))
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
