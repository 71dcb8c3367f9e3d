//! `discarded`: which events of contacts the fold did not apply.
//!
//! Who follows what was applied reads the log and leaves these out. An event of a conversation is not among
//! them: it was applied where it stands in the conversation's timeline.

use super::cells::Cells;
use super::rows::Rows;
use super::table::{Kind, Table, column};
use super::{Changes, Met};
use crate::domain::conversation::Why;
use crate::domain::seq::Seq;

/// Places of one partition that are kept together: `seq >> BLOCK_BITS`.
const BLOCK_BITS: u32 = 20;

/// Rows are few: contacts are seldom told of what is known.
pub static TABLE: Table = Table {
    name: "discarded",
    number: 11,
    question: "was an event of a contact, at a place of a partition, discarded?",
    read_by: &["engine/cluster/feed", "engine/embedded/feed"],
    fed_by: &["contact.created", "contact.updated"],
    partition: &[column("log_partition", Kind::Small), column("block", Kind::Number)],
    order: &[column("seq", Kind::Number)],
    row: &[],
    newest_first: false,
    queue: false,
    forgets: None,
    kept: None,
    outside: false,
};

fn key(partition: u32, seq: Seq) -> Cells {
    let partition = i32::try_from(partition).unwrap_or(i32::MAX);
    Cells::default().and(partition).and(seq.get() >> BLOCK_BITS).and(seq)
}

/// A row for what was discarded. That it had been applied before is known of an event that is folded again; what
/// was said of it then stands.
pub fn project(met: &Met<'_>, changes: &mut Changes) {
    let is_of_contact = met.event.body.conversation().is_none();
    if is_of_contact && met.why.is_some_and(|why| why != Why::AlreadyApplied) {
        changes.put(&TABLE, key(met.partition, met.seq), Cells::default(), met.seq);
    }
}

/// Whether the event of a contact at a place was discarded.
pub async fn was<R: Rows + ?Sized>(rows: &R, partition: u32, seq: Seq) -> Result<bool, R::Error> {
    Ok(rows.get(&TABLE, key(partition, seq)).await?.is_some())
}
