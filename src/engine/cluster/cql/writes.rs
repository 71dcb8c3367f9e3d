//! Writing what a commit makes. All of it may be written twice, or late.

use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::statement::batch::{Batch, BatchType};
use uuid::Uuid;

use super::reads::{Checkpoint, Landmark};
use super::rows::{bigint, partition as number, place};
use super::{Commit, ConversationRows, Cql, json};
use crate::domain::ids::Id;
use crate::engine::Result;
use crate::projection::claims::KEPT;

/// Statements under way at a time, so that one commit does not flood the store.
const IN_FLIGHT: usize = 64;
/// A conversation's batch ends at so many rows or bytes.
const BATCH_ROWS: usize = 100;
const BATCH_BYTES: usize = 64 << 10;

impl Cql {
    /// Writes what may be seen before the events are: the rows of tables, and claims.
    ///
    /// # Errors
    /// Some of it may be written; writing all of it again is right.
    pub async fn write_before(&self, commit: &Commit) -> Result<()> {
        let mut all: Vec<BoxFuture<'_, Result<()>>> = Vec::new();
        for change in &commit.rows {
            all.push(Box::pin(self.change(change)));
        }
        let now = (self.clock)();
        // Those that are older have expired.
        for row in commit.kept.iter().filter(|row| now.since(row.at) < KEPT) {
            // Not a place in the log: the next message under this key may be in another partition.
            let at = row.at.millis().saturating_mul(1_000);
            let (account, message) = (row.account.uuid(), row.message_id.uuid());
            let values = (at, json(row)?, message, account, row.key.clone());
            all.push(Box::pin(self.run(&self.statements.store_kept, values)));
        }
        finish(all).await
    }

    /// Writes conversations, other states and totals.
    ///
    /// # Errors
    /// Some of it may be written; writing all of it again is right.
    pub async fn write(&self, commit: &Commit) -> Result<()> {
        let partition = number(commit.partition)?;
        let mut all: Vec<BoxFuture<'_, Result<()>>> = Vec::new();
        for rows in &commit.conversations {
            all.push(Box::pin(self.write_conversation(rows)));
        }
        for change in &commit.states {
            all.push(Box::pin(self.change(change)));
        }
        for (account, totals, seq) in &commit.totals {
            let (inbound, outbound) = (bigint(totals.inbound)?, bigint(totals.outbound)?);
            let seq = place(*seq)?;
            let values = (account.uuid(), partition, inbound, outbound, seq, seq);
            all.push(Box::pin(self.run(&self.statements.store_total, values)));
        }
        finish(all).await
    }

    /// Notes how far a partition is projected; an older note changes nothing.
    ///
    /// # Errors
    /// As any write.
    pub async fn store_checkpoint(&self, partition: u32, checkpoint: Checkpoint) -> Result<()> {
        let (seq, due_after) = (place(checkpoint.seq)?, place(checkpoint.due_after)?);
        let values = (number(partition)?, seq, due_after, seq);
        self.run(&self.statements.store_checkpoint, values).await
    }

    /// Notes where an event stood; an older note changes nothing.
    ///
    /// # Errors
    /// As any write.
    pub async fn store_landmark(&self, partition: u32, landmark: Landmark) -> Result<()> {
        let seq = place(landmark.seq)?;
        let values = (number(partition)?, seq, landmark.event.uuid(), seq);
        self.run(&self.statements.store_landmark, values).await
    }

    /// One atomic batch, or several in order when there are many rows; the state is in the last, so
    /// that it is never ahead of the events.
    async fn write_conversation(&self, rows: &ConversationRows) -> Result<()> {
        for lines in batches(lines(rows)?) {
            let mut batch = Batch::new(BatchType::Unlogged);
            batch.set_is_idempotent(true);
            for line in &lines {
                batch.append_statement(self.statement_of(line).clone());
            }
            self.run_batch("store_conversation", &batch, &lines).await?;
        }
        Ok(())
    }

    fn statement_of(&self, line: &Line) -> &scylla::statement::prepared::PreparedStatement {
        match line {
            Line::Event(_) => &self.statements.store_event.prepared,
            Line::State(_) => &self.statements.store_state.prepared,
        }
    }
}

async fn finish(all: Vec<BoxFuture<'_, Result<()>>>) -> Result<()> {
    stream::iter(all).buffer_unordered(IN_FLIGHT).try_collect().await
}

/// One statement's values in a conversation's batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    /// account, conversation, seq, type, event, timestamp
    Event((Uuid, Uuid, i64, &'static str, String, i64)),
    /// timestamp, state, account, conversation
    State((i64, String, Uuid, Uuid)),
}

impl Line {
    fn bytes(&self) -> usize {
        match self {
            Self::Event((.., event, _)) => event.len(),
            Self::State((_, state, ..)) => state.len(),
        }
    }
}

impl SerializeRow for Line {
    fn serialize(
        &self,
        context: &RowSerializationContext<'_>,
        writer: &mut RowWriter<'_>,
    ) -> std::result::Result<(), SerializationError> {
        match self {
            Self::Event(values) => values.serialize(context, writer),
            Self::State(values) => values.serialize(context, writer),
        }
    }

    fn is_empty(&self) -> bool {
        false
    }
}

fn lines(rows: &ConversationRows) -> Result<Vec<Line>> {
    let state = &rows.state;
    let (account, id) = (state.account.uuid(), state.id.uuid());
    let mut lines = Vec::with_capacity(rows.events.len() + 1);
    for entry in &rows.events {
        let (seq, name) = (place(entry.seq)?, entry.event.body.name());
        lines.push(Line::Event((account, id, seq, name, json(&*entry.event)?, seq)));
    }
    lines.push(Line::State((place(state.last_seq)?, json(state)?, account, id)));
    Ok(lines)
}

fn batches(lines: Vec<Line>) -> Vec<Vec<Line>> {
    let mut all: Vec<Vec<Line>> = Vec::new();
    let mut bytes = 0;
    for line in lines {
        bytes += line.bytes();
        match all.last_mut() {
            Some(batch) if batch.len() < BATCH_ROWS && bytes <= BATCH_BYTES => batch.push(line),
            _ => {
                bytes = line.bytes();
                all.push(vec![line]);
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(seq: i64, bytes: usize) -> Line {
        Line::Event((Uuid::nil(), Uuid::nil(), seq, "message.inbound", "x".repeat(bytes), seq))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn batches_are_small_and_hold_every_line_in_order(
            sizes in prop::collection::vec(0..40_000usize, 1..300),
        ) {
            let lines: Vec<_> = (0..).zip(&sizes).map(|(seq, bytes)| line(seq, *bytes)).collect();
            let all = batches(lines.clone());
            for batch in &all {
                let bytes: usize = batch.iter().map(Line::bytes).sum();
                prop_assert!(!batch.is_empty() && batch.len() <= BATCH_ROWS);
                prop_assert!(bytes <= BATCH_BYTES || batch.len() == 1);
            }
            prop_assert_eq!(all.concat(), lines);
        }
    }

    #[test]
    fn a_usual_commit_of_a_conversation_is_one_batch() {
        assert_eq!(batches((0..20).map(|seq| line(seq, 1_000)).collect()).len(), 1);
    }
}
