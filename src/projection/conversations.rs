//! `conversations`: the conversations of an account, by the time they began.
//!
//! A row stands from the beginning of a conversation until it is deleted. How the conversation is
//! by now stands in its state, which a list reads for the rows that it shows.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::cells::{Cells, Damaged, id};
use super::conversation_days::{self, day_of};
use super::rows::{Found, Range, Rows, Way};
use super::table::{Kind, Table, column};
use super::{Changes, Met};
use crate::domain::conversation::Conversation;
use crate::domain::event::Body;
use crate::domain::ids::{AccountId, ConversationId, Id as _};
use crate::domain::time::Timestamp;

/// Days read at once, when one after the other has less than what is wanted.
const DAYS: usize = 16;

/// A partition is a day, so that neither an account's tenth million row nor its busiest day makes
/// one that is too large.
pub static TABLE: Table = Table {
    name: "conversations",
    number: 9,
    question: "which conversations does an account have, newest first?",
    read_by: &["app/conversations/list"],
    fed_by: &["conversation.started", "conversation.deleted"],
    partition: &[column("account", Kind::Account), column("day", Kind::Small)],
    order: &[column("began", Kind::Number), column("conversation", Kind::Conversation)],
    row: &[column("seq", Kind::Number)],
    newest_first: true,
    queue: false,
    forgets: Some(Duration::from_secs(3_600)),
    kept: None,
    outside: false,
};

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

    /// Its key in the table.
    pub fn key(&self) -> Cells {
        let Self { account, conversation, at } = *self;
        partition(account, day_of(at)).and(at.millis()).and(conversation.uuid())
    }
}

fn partition(account: AccountId, day: i32) -> Cells {
    id(account).and(day)
}

/// A row for what begins; none any more for what is deleted.
pub fn project(met: &Met<'_>, changes: &mut Changes) {
    let Some(row) = met.conversation.map(Row::of) else { return };
    match met.event.body {
        Body::ConversationStarted(_) => {
            changes.put(&TABLE, row.key(), Cells::default().and(met.seq), met.seq);
        }
        Body::ConversationDeleted(_) => changes.take(&TABLE, row.key(), met.seq),
        _ => {}
    }
}

/// Up to `limit` conversations of an account that are not deleted, newest first: those that began
/// before `before`, where it says one. Of those of one moment the order is always the same, and
/// `before` has its place in it. Costs no more deep in the list than at its start. A row may be
/// found a moment before its conversation, and a moment after.
pub async fn list<R: Rows + ?Sized>(
    rows: &R,
    account: AccountId,
    before: Option<(Timestamp, ConversationId)>,
    limit: usize,
) -> Result<Vec<Row>, R::Error> {
    let after = before.map(|(at, id)| Cells::default().and(at.millis()).and(id.uuid()));
    let mut newest = Some(before.map_or(i32::MAX, |(at, _)| day_of(at)));
    let (mut found, mut at_once) = (Vec::new(), 1);
    while let Some(day) = newest
        && found.len() < limit
    {
        let days = conversation_days::upto(rows, account, day, at_once).await?;
        let wanted = limit - found.len();
        let each = days.iter().map(|day| {
            // Every other day is before it as a whole.
            let after = after.clone();
            let partition = partition(account, *day);
            rows.range(&TABLE, Range { partition, after, way: Way::Down, limit: wanted })
        });
        for rows in try_join_all(each).await? {
            let rows = rows.iter().map(|found| row(account, found));
            found.append(&mut rows.collect::<Result<_, _>>()?);
        }
        // Most are satisfied by one day; who has few conversations needs many days.
        let full = days.len() == at_once;
        newest = days.last().filter(|_| full).and_then(|day| day.checked_sub(1));
        at_once = DAYS.min(at_once * 2);
    }
    found.truncate(limit);
    Ok(found)
}

fn row(account: AccountId, Found { order, .. }: &Found) -> Result<Row, Damaged> {
    let read = || {
        let (at, conversation) = (Timestamp::from_millis(order.number(0)?), order.id(1)?);
        Some(Row { account, conversation, at })
    };
    read().ok_or(Damaged(TABLE.name))
}
