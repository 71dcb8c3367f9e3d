//! What a commit of a partition writes.

use std::collections::BTreeMap;

use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::AccountId;
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result};
use crate::projection::totals::Totals;
use crate::projection::{claims, conversation_days, conversations, pages, turns_due};

/// The rows that a stretch of one partition's log makes.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    pub partition: u32,
    pub conversations: Vec<ConversationRows>,
    pub contacts: Vec<Contact>,
    pub pages: Vec<pages::Row>,
    pub due: Vec<turns_due::Row>,
    pub done: Vec<Done>,
    pub listed: Vec<Listed>,
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

/// A turn that is owed no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done {
    /// Where the turn began, which is its key.
    pub turn: Seq,
    /// Where it ended.
    pub at: Seq,
}

/// A conversation that is listed, or no longer, from a place in the log on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub change: conversations::Change,
    pub at: Seq,
}

impl Commit {
    /// The days on which conversations of this commit began, once each, as of the last of them.
    pub(super) fn days(&self) -> BTreeMap<conversation_days::Row, Seq> {
        let days = self
            .listed
            .iter()
            .filter_map(|listed| Some((conversation_days::project(&listed.change)?, listed.at)));
        days.collect()
    }
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
