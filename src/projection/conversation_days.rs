//! `conversation_days`: the days on which conversations of an account began.
//!
//! Who keeps the conversations of each day together finds here which days there are, and never looks
//! at a day without any. One engine needs it.

use super::conversations::{Change, Row as Conversation};
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A day on which a conversation began. It stays when the conversation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub account: AccountId,
    pub day: i32,
}

/// The day of a time: days since 1970-01-01, UTC.
pub fn day_of(at: Timestamp) -> i32 {
    let day = at.millis().div_euclid(DAY_MS);
    i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })
}

/// A row for a conversation that begins.
pub fn project(change: &Change) -> Option<Row> {
    match change {
        Change::Began(Conversation { account, at, .. }) => {
            Some(Row { account: *account, day: day_of(*at) })
        }
        Change::Deleted(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let day = |text: &str| day_of(Timestamp::parse(text).unwrap());
        assert_eq!(day("1970-01-01T00:00:00.000Z"), 0);
        assert_eq!(day("1969-12-31T23:59:59.999Z"), -1);
        assert_eq!(day("2026-06-16T23:59:59.999Z") + 1, day("2026-06-17T00:00:00.000Z"));
        assert_eq!(day_of(Timestamp::from_millis(i64::MAX)), i32::MAX);
        assert_eq!(day_of(Timestamp::from_millis(i64::MIN)), i32::MIN);
    }
}
