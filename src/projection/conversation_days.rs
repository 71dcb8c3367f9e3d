//! `conversation_days`: the days on which conversations of an account began.
//!
//! Who reads the list of conversations finds here which days there are, and never looks at a day
//! without any.

use super::cells::{Cells, Damaged, id};
use super::rows::{Range, Rows, Way};
use super::table::{Kind, Table, column};
use super::{Changes, Met};
use crate::domain::event::Body;
use crate::domain::ids::AccountId;
use crate::domain::time::Timestamp;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A day stays when its last conversation goes: to take it away would need to know that of all
/// partitions of the log.
pub static TABLE: Table = Table {
    name: "conversation_days",
    number: 10,
    question: "on which days did conversations of an account begin, newest first?",
    read_by: &["projection/conversations"],
    fed_by: &["conversation.started"],
    partition: &[column("account", Kind::Account)],
    order: &[column("day", Kind::Small)],
    row: &[],
    newest_first: true,
    queue: false,
    forgets: None,
    kept: None,
    outside: false,
};

/// The day of a time: days since 1970-01-01, UTC.
pub fn day_of(at: Timestamp) -> i32 {
    let day = at.millis().div_euclid(DAY_MS);
    i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX })
}

/// A row for a conversation that begins.
pub fn project(met: &Met<'_>, changes: &mut Changes) {
    let Some(state) = met.conversation else { return };
    if let Body::ConversationStarted(_) = met.event.body {
        let key = id(state.account).and(day_of(state.created_at));
        changes.put(&TABLE, key, Cells::default(), met.seq);
    }
}

/// Up to `limit` days up to `newest`, the newest first.
pub async fn upto<R: Rows + ?Sized>(
    rows: &R,
    account: AccountId,
    newest: i32,
    limit: usize,
) -> Result<Vec<i32>, R::Error> {
    let after = newest.checked_add(1).map(|day| Cells::default().and(day));
    let range = Range { partition: id(account), after, way: Way::Down, limit };
    let found = rows.range(&TABLE, range).await?;
    let days = found.iter().map(|found| found.order.small(0).ok_or(Damaged(TABLE.name)));
    Ok(days.collect::<Result<_, _>>()?)
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
