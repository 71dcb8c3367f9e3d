//! What a commit of a partition writes.

use crate::domain::conversation::Conversation;
use crate::domain::ids::AccountId;
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result};
use crate::projection::totals::Totals;
use crate::projection::{Change, claims};

/// The rows that a stretch of one partition's log makes.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    pub partition: u32,
    pub conversations: Vec<ConversationRows>,
    /// States that stand in tables of their own.
    pub states: Vec<Change>,
    /// Of each row the newest, in the order of tables and keys.
    pub rows: Vec<Change>,
    /// Claims whose messages are in the log.
    pub kept: Vec<claims::Row>,
    /// What accounts have used in this partition, as of a place in it.
    pub totals: Vec<(AccountId, Totals, Seq)>,
}

/// A conversation as it stands, with the events that brought it there; one atomic write.
#[derive(Debug, Clone)]
pub struct ConversationRows {
    pub state: Conversation,
    /// New rows of its timeline, oldest first.
    pub events: Vec<Recorded>,
}

/// A number as CQL has it: `bigint` has no unsigned twin.
pub(super) fn bigint(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| Error::Storage(format!("{value} is beyond a bigint")))
}

/// A number that we wrote.
pub(super) fn unsigned(value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| Error::Storage(format!("a row holds {value}, below zero")))
}

/// A place in the log as a timestamp, or as a column.
pub(super) fn place(seq: Seq) -> Result<i64> {
    bigint(seq.get())
}

/// A partition as CQL has it.
pub(super) fn partition(number: u32) -> Result<i32> {
    i32::try_from(number).map_err(|_| Error::Storage(format!("{number} is no partition")))
}
