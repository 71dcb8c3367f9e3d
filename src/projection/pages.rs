//! `pages`: where each block of a conversation's messages begins in its timeline.
//!
//! A list page deep in a long conversation starts at the nearest block instead of counting from
//! the first message, so page 200 costs what page 1 costs.

use crate::domain::conversation::Conversation;
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, ConversationId};
use crate::domain::seq::Seq;

/// Messages per block; the default page size of every list that reads it.
pub const BLOCK: u64 = 50;

/// The first message of block `block` (counted from 0) stands at `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub account: AccountId,
    pub conversation: ConversationId,
    pub block: u64,
    pub seq: Seq,
}

/// A row for the first message of each block; `state` is the conversation after the event.
pub fn project(seq: Seq, event: &Event, state: &Conversation) -> Option<Row> {
    let index = state.message_count.checked_sub(1)?;
    (super::is_message(event) && index.is_multiple_of(BLOCK)).then_some(Row {
        account: event.account,
        conversation: state.id,
        block: index / BLOCK,
        seq,
    })
}
