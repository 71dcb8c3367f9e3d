//! `turns_due`: the inbound messages that a bot has yet to answer, by partition and position.
//!
//! Whoever owns a partition reads it to finish what a crash cut short.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::cells::{Cells, Damaged};
use super::rows::{Range, Rows, Way};
use super::table::{Kind, Table, column};
use super::{Changes, Met};
use crate::domain::ids::{AccountId, ConversationId, Id as _, MessageId};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;

/// Read by who owns a partition, for all accounts at once, so the partition comes first.
pub static TABLE: Table = Table {
    name: "turns_due",
    number: 5,
    question: "which messages of a partition does a bot have yet to answer?",
    read_by: &["process/sweeps/takeover"],
    fed_by: &[
        "message.inbound",
        "message.outbound",
        "conversation.escalated",
        "conversation.assigned",
        "conversation.resolved",
        "conversation.deleted",
        "reply.stopped",
        "reply.failed",
    ],
    partition: &[column("log_partition", Kind::Small)],
    order: &[column("seq", Kind::Number)],
    row: &[column("account", Kind::Account), column("turn", Kind::Text)],
    newest_first: false,
    queue: true,
    forgets: Some(Duration::from_secs(3_600)),
    kept: None,
    outside: false,
};

/// A turn that is owed: the inbound message at `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub seq: Seq,
    pub account: AccountId,
    pub conversation: ConversationId,
    pub message_id: MessageId,
    pub at: Timestamp,
}

fn partition(number: u32) -> Cells {
    Cells::default().and(i32::try_from(number).unwrap_or(i32::MAX))
}

/// The difference between the open turns before and after an event.
pub fn project(met: &Met<'_>, changes: &mut Changes) {
    let Some(state) = met.conversation else { return };
    let key = |seq: Seq| partition(met.partition).and(seq);
    for turn in state.turns.iter().filter(|turn| !met.turns_before.contains(turn)) {
        let (seq, account, conversation) = (turn.seq, state.account, state.id);
        let row = Row { seq, account, conversation, message_id: turn.message_id, at: turn.at };
        // Ids, numbers and times are always JSON.
        let json = serde_json::to_string(&row).unwrap_or_default();
        let row = Cells::default().and(account.uuid()).and(json);
        changes.put(&TABLE, key(seq), row, met.seq);
    }
    for turn in met.turns_before.iter().filter(|turn| !state.turns.contains(turn)) {
        changes.take(&TABLE, key(turn.seq), met.seq);
    }
}

/// Up to `limit` turns that are owed in a partition of the log after `after`, in order.
pub async fn owed<R: Rows + ?Sized>(
    rows: &R,
    partition: u32,
    after: Seq,
    limit: usize,
) -> Result<Vec<Row>, R::Error> {
    let after = Some(Cells::default().and(after));
    let range = Range { partition: self::partition(partition), after, way: Way::Up, limit };
    let found = rows.range(&TABLE, range).await?;
    let rows = found.iter().map(|found| {
        let row = found.row.text(1).and_then(|turn| serde_json::from_str(turn).ok());
        row.ok_or(Damaged(TABLE.name))
    });
    Ok(rows.collect::<Result<_, _>>()?)
}
