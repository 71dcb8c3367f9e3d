//! The layout of the views' rows. A change here needs a new number in `store::LAYOUT`: views of another one
//! are made anew.
//!
//! All numbers are big-endian, so that keys sort as their values do. Every view has a first byte of its
//! own; its key begins with the account.

use crate::domain::ids::{AccountId, ConversationId, Id};
use crate::domain::seq::Seq;
use crate::engine::Topic;

/// The first byte of the keys of what is special; those of tables and states are in
/// `projection` ([`crate::projection::Table::number`], [`crate::projection::Aggregate::number`]).
pub(super) const META: u8 = 0;
pub(super) const TIMELINE: u8 = 3;
pub(super) const CLAIMS: u8 = 6;
pub(super) const EXPIRY: u8 = 7;
pub(super) const TOTALS: u8 = 8;

/// What a row of the timeline holds where the event is a message; else nothing.
pub(super) const MESSAGE: [u8; 1] = *b"m";

/// Of which layout the rows are.
pub(super) const LAYOUT: &str = "layout";

/// Up to where all views have seen the events.
pub(super) const CHECKPOINT: &str = "checkpoint";

/// How far a log has been seen.
pub(super) fn seen(topic: Topic) -> &'static str {
    match topic {
        Topic::Events => "seen/events",
        Topic::Accounts => "seen/accounts",
    }
}

/// Reads back the last eight bytes of a key that ends in a position.
pub(super) fn read_position(key: &[u8]) -> Option<Seq> {
    let tail = key.get(key.len().checked_sub(8)?..)?;
    Some(Seq::new(u64::from_be_bytes(tail.try_into().ok()?)))
}

/// `account · conversation`.
pub(super) fn conversation(account: AccountId, id: ConversationId) -> [u8; 32] {
    pair(account, id.bytes())
}

/// `account · conversation · seq`.
pub(super) fn in_conversation(account: AccountId, id: ConversationId, number: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(&conversation(account, id));
    key[32..].copy_from_slice(&number.to_be_bytes());
    key
}

/// `account · SHA-256 in hex`.
pub(super) fn claim(account: AccountId, key: &str) -> Vec<u8> {
    [&account.bytes()[..], key.as_bytes()].concat()
}

fn pair(account: AccountId, id: [u8; 16]) -> [u8; 32] {
    let mut key = [0; 32];
    key[..16].copy_from_slice(&account.bytes());
    key[16..].copy_from_slice(&id);
    key
}
