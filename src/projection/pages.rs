//! `pages`: where each block of a conversation's messages begins in its timeline.
//!
//! A list page deep in a long conversation starts at the nearest block instead of counting from
//! the first message, so page 200 costs what page 1 costs.

use super::cells::{Cells, Damaged, id};
use super::rows::Rows;
use super::table::{Kind, Table, column};
use super::{Changes, Met};
use crate::domain::ids::{AccountId, ConversationId, Id as _};
use crate::domain::seq::Seq;

/// Messages per block; the default page size of every list that reads it.
pub const BLOCK: u64 = 50;

/// A row is a position and nothing else.
pub static TABLE: Table = Table {
    name: "pages",
    number: 4,
    question: "where in its timeline does each block of 50 messages of a conversation begin?",
    read_by: &["engine/embedded/views", "engine/cluster/cql/reads"],
    fed_by: &["message.inbound", "message.outbound"],
    partition: &[column("account", Kind::Account), column("conversation", Kind::Conversation)],
    order: &[column("block", Kind::Number)],
    row: &[column("seq", Kind::Number)],
    newest_first: false,
    queue: false,
    forgets: None,
    kept: None,
    outside: false,
};

fn key(account: AccountId, conversation: ConversationId, block: u64) -> Cells {
    id(account).and(conversation.uuid()).and(block)
}

/// A row for the first message of each block.
pub fn project(met: &Met<'_>, changes: &mut Changes) {
    let Some(state) = met.conversation.filter(|_| super::is_message(met.event)) else { return };
    let Some(index) = state.message_count.checked_sub(1) else { return };
    if index.is_multiple_of(BLOCK) {
        let key = key(state.account, state.id, index / BLOCK);
        changes.put(&TABLE, key, Cells::default().and(met.seq), met.seq);
    }
}

/// Where the first message of a block (counted from 0) stands; none where there is no such block.
pub async fn begin<R: Rows + ?Sized>(
    rows: &R,
    account: AccountId,
    conversation: ConversationId,
    block: u64,
) -> Result<Option<Seq>, R::Error> {
    let row = rows.get(&TABLE, key(account, conversation, block)).await?;
    Ok(row.map(|row| row.seq(0).ok_or(Damaged(TABLE.name))).transpose()?)
}
