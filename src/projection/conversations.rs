//! `conversations`: the conversations of an account, by the time they began.
//!
//! A row stands from the beginning of a conversation until it is deleted. How the conversation is
//! by now stands in its state, which a list reads for the rows that it shows.

use crate::domain::conversation::Conversation;
use crate::domain::event::{Body, Event};
use crate::domain::ids::{AccountId, ConversationId};
use crate::domain::time::Timestamp;

/// A conversation and when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub account: AccountId,
    pub conversation: ConversationId,
    pub at: Timestamp,
}

impl Row {
    /// The row of a conversation that is not deleted.
    pub fn of(state: &Conversation) -> Self {
        Self { account: state.account, conversation: state.id, at: state.created_at }
    }
}

/// A conversation is listed, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Began(Row),
    Deleted(Row),
}

/// A change for what begins or deletes a conversation; `state` is the conversation after the event.
pub fn project(event: &Event, state: &Conversation) -> Option<Change> {
    match event.body {
        Body::ConversationStarted(_) => Some(Change::Began(Row::of(state))),
        Body::ConversationDeleted(_) => Some(Change::Deleted(Row::of(state))),
        _ => None,
    }
}
