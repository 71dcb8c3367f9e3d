//! `turns_due`: the inbound messages that a bot has yet to answer, by partition and position.
//!
//! Whoever owns a partition reads it to finish what a crash cut short.

use serde::{Deserialize, Serialize};

use crate::domain::conversation::{Conversation, OpenTurn};
use crate::domain::ids::{AccountId, ConversationId, MessageId};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;

/// A turn that is owed, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Due(Row),
    Done(Seq),
}

/// A turn that is owed: the inbound message at `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub seq: Seq,
    pub account: AccountId,
    pub conversation: ConversationId,
    pub message_id: MessageId,
    pub at: Timestamp,
}

/// The difference between the open turns before and after an event.
pub fn project(before: &[OpenTurn], after: Option<&Conversation>) -> Vec<Change> {
    let Some(state) = after else { return Vec::new() };
    let added = state.turns.iter().filter(|turn| !before.contains(turn)).map(|turn| {
        Change::Due(Row {
            seq: turn.seq,
            account: state.account,
            conversation: state.id,
            message_id: turn.message_id,
            at: turn.at,
        })
    });
    let closed =
        before.iter().filter(|turn| !state.turns.contains(turn)).map(|turn| Change::Done(turn.seq));
    added.chain(closed).collect()
}
