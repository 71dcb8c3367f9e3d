//! What the views answer.

use std::sync::Arc;
use std::time::Duration;

use scylla::response::PagingState;

use super::attempts::bind;
use super::rows::{partition as number, place, unsigned};
use super::statements::PAGE_ROWS;
use super::{Cql, parse};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, ContactId, ConversationId, Id};
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result};
use crate::projection::pages::BLOCK;
use crate::projection::{totals::Totals, turns_due};

/// Positions of a partition looked through at a time for turns that are due: an ended turn leaves a
/// tombstone there, and Cassandra gives up a read that meets 100,000 of them.
const DUE_WINDOW: u64 = 50_000;
/// Where a position has its generation.
const GENERATION_BITS: u32 = 40;
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// How far a partition is projected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checkpoint {
    pub seq: Seq,
    /// No turn up to here is due; [`Seq::START`] when that is not known.
    pub due_after: Seq,
}

impl Cql {
    /// Whether a quorum answers now, by asking.
    pub async fn ping(&self) -> bool {
        let statement = &self.statements.checkpoint;
        let ask = async {
            let bound = bind(statement, &(-1,))?;
            let session = self.link.session();
            let found = session.execute_bound_unpaged(&bound).await;
            found.map_err(|error| Error::Storage(error.to_string()))
        };
        let answered = matches!(tokio::time::timeout(PING_TIMEOUT, ask).await, Ok(Ok(_)));
        if !answered {
            self.link.mend();
        }
        answered
    }

    pub async fn conversation(
        &self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<Option<Conversation>> {
        let key = (account.uuid(), id.uuid());
        let row = self.fetch_one::<(Option<String>,)>(&self.statements.conversation, key).await?;
        row.and_then(|(state,)| state).map(|state| parse("timeline", &state)).transpose()
    }

    pub async fn contact(&self, account: AccountId, id: ContactId) -> Result<Option<Contact>> {
        let key = (account.uuid(), id.uuid());
        let row = self.fetch_one::<(String,)>(&self.statements.contact, key).await?;
        row.map(|(state,)| parse("contacts", &state)).transpose()
    }

    /// Up to `limit` events of a conversation after `after`, oldest first.
    pub async fn timeline(
        &self,
        account: AccountId,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        // Nothing stands beyond the last bigint.
        let Ok(after) = place(after) else { return Ok(Vec::new()) };
        if limit == 0 {
            return Ok(Vec::new());
        }
        let from = (account.uuid(), conversation.uuid(), after, limit);
        let rows = self.fetch::<(i64, String)>(&self.statements.timeline, from).await?;
        rows.iter().map(|(seq, event)| recorded(*seq, event)).collect()
    }

    /// The last `limit` events of a conversation before `before`, oldest first.
    pub async fn timeline_before(
        &self,
        account: AccountId,
        conversation: ConversationId,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        if limit == 0 {
            return Ok(Vec::new());
        }
        // No event stands at the last bigint or beyond it.
        let before = place(before).unwrap_or(i64::MAX);
        let to = (account.uuid(), conversation.uuid(), before, limit);
        let rows = self.fetch::<(i64, String)>(&self.statements.timeline_before, to).await?;
        rows.iter().rev().map(|(seq, event)| recorded(*seq, event)).collect()
    }

    /// The messages of a conversation from the `skip`-th on, oldest first, up to `limit`.
    pub async fn messages(
        &self,
        account: AccountId,
        conversation: ConversationId,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let (account, conversation) = (account.uuid(), conversation.uuid());
        let Ok(block) = i64::try_from(skip / BLOCK) else { return Ok(Vec::new()) };
        let block = (account, conversation, block);
        let Some((begin,)) = self.fetch_one::<(i64,)>(&self.statements.page, block).await? else {
            return Ok(Vec::new());
        };
        let mut skip = skip % BLOCK;
        // Most rows are messages, and what is fetched beyond the page is thrown away.
        let rows = limit.saturating_add(usize::try_from(skip).unwrap_or(0)).saturating_add(8);
        let mut statement = self.statements.messages.clone();
        statement.prepared.set_page_size(i32::try_from(rows).unwrap_or(PAGE_ROWS).min(PAGE_ROWS));
        let bound = bind(&statement, &(account, conversation, begin))?;
        let mut found = Vec::new();
        let mut next = (limit > 0).then(PagingState::start);
        while let Some(from) = next {
            let (page, rest) = self.page::<(i64, String, String)>(&statement, &bound, from).await?;
            for (seq, _, event) in page.iter().filter(|(_, kind, _)| is_message(kind)) {
                if skip > 0 {
                    skip -= 1;
                } else if found.len() < limit {
                    found.push(recorded(*seq, event)?);
                }
            }
            next = rest.filter(|_| found.len() < limit);
        }
        Ok(found)
    }

    /// Whether an event stands in a conversation's timeline.
    pub async fn stands(
        &self,
        account: AccountId,
        conversation: ConversationId,
        seq: Seq,
    ) -> Result<bool> {
        let key = (account.uuid(), conversation.uuid(), place(seq)?);
        Ok(self.fetch_one::<(i64,)>(&self.statements.stands, key).await?.is_some())
    }

    /// Up to `limit` turns that are owed in a partition after `after`, in order.
    pub async fn turns_due(
        &self,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<turns_due::Row>> {
        let checkpoint = self.checkpoint(partition).await?.unwrap_or_default();
        let mut found = Vec::new();
        for (from, to) in windows(after.max(checkpoint.due_after), checkpoint.seq) {
            let room = i32::try_from(limit - found.len()).unwrap_or(i32::MAX);
            if room == 0 {
                break;
            }
            let Ok(from) = place(from) else { break };
            let to = to.map_or(Ok(i64::MAX), place)?;
            let range = (number(partition)?, from, to, room);
            let rows = self.fetch::<(String,)>(&self.statements.turns_due, range).await?;
            for (turn,) in rows {
                found.push(parse("turns_due", &turn)?);
            }
        }
        Ok(found)
    }

    /// What an account has used, over all partitions.
    pub async fn totals(&self, account: AccountId) -> Result<Totals> {
        let rows = self.fetch(&self.statements.totals, (account.uuid(),)).await?;
        rows.into_iter().try_fold(Totals::default(), |sum, (inbound, outbound)| {
            let one = totals(inbound, outbound)?;
            Ok(Totals { inbound: sum.inbound + one.inbound, outbound: sum.outbound + one.outbound })
        })
    }

    /// What an account has used in one partition, and as of where in it.
    pub async fn total_of(
        &self,
        account: AccountId,
        partition: u32,
    ) -> Result<Option<(Totals, Seq)>> {
        let key = (account.uuid(), number(partition)?);
        let row = self.fetch_one::<(i64, i64, i64)>(&self.statements.total_of, key).await?;
        row.map(|(inbound, outbound, seq)| {
            Ok((totals(inbound, outbound)?, Seq::new(unsigned(seq)?)))
        })
        .transpose()
    }

    /// How far a partition is in a search index.
    pub async fn indexed(&self, index: &str, partition: u32) -> Result<Option<Seq>> {
        let key = (index, number(partition)?);
        let row = self.fetch_one::<(i64,)>(&self.statements.indexed, key).await?;
        row.map(|(seq,)| unsigned(seq).map(Seq::new)).transpose()
    }

    /// How far a partition is projected.
    pub async fn checkpoint(&self, partition: u32) -> Result<Option<Checkpoint>> {
        let key = (number(partition)?,);
        let row = self.fetch_one::<(i64, Option<i64>)>(&self.statements.checkpoint, key).await?;
        row.map(|(seq, due_after)| {
            let due_after = Seq::new(unsigned(due_after.unwrap_or(0))?);
            Ok(Checkpoint { seq: Seq::new(unsigned(seq)?), due_after })
        })
        .transpose()
    }
}

fn totals(inbound: i64, outbound: i64) -> Result<Totals> {
    Ok(Totals { inbound: unsigned(inbound)?, outbound: unsigned(outbound)? })
}

fn recorded(seq: i64, event: &str) -> Result<Recorded> {
    let event: Event = parse("timeline", event)?;
    Ok(Recorded { seq: Seq::new(unsigned(seq)?), event: Arc::new(event) })
}

/// Whether the type of a row says that its event is a message.
fn is_message(kind: &str) -> bool {
    matches!(kind, "message.inbound" | "message.outbound")
}

/// The stretches after `after` in which to look for what is due: short ones up to `end`, then all
/// that is beyond.
fn windows(after: Seq, end: Seq) -> impl Iterator<Item = (Seq, Option<Seq>)> {
    let generation = end.get() >> GENERATION_BITS << GENERATION_BITS;
    let mut next = Some(after);
    std::iter::from_fn(move || {
        let from = next?;
        let to = match from.get() {
            from if from >= end.get() => None,
            // What an older generation left behind is little, and its end is not known here.
            from if from < generation => Some(Seq::new(generation)),
            from => Some(Seq::new((from + DUE_WINDOW).min(end.get()))),
        };
        next = to;
        Some((from, to))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(after: u64, end: u64) -> Vec<(u64, Option<u64>)> {
        let windows = windows(Seq::new(after), Seq::new(end));
        windows.map(|(from, to)| (from.get(), to.map(Seq::get))).collect()
    }

    #[test]
    fn windows_are_short_up_to_the_checkpoint_and_open_behind_it() {
        let one = 1 << GENERATION_BITS;
        assert_eq!(all(0, 0), [(0, None)]);
        assert_eq!(all(one + 7, one + 7), [(one + 7, None)]);
        assert_eq!(all(one, one + 10), [(one, Some(one + 10)), (one + 10, None)]);
        assert_eq!(
            all(0, one + 60_000),
            [
                (0, Some(one)),
                (one, Some(one + 50_000)),
                (one + 50_000, Some(one + 60_000)),
                (one + 60_000, None),
            ]
        );
    }

    #[test]
    fn the_types_of_messages_are_those_of_the_projection() {
        for (kind, expected) in
            [("message.inbound", true), ("message.outbound", true), ("conversation.read", false)]
        {
            assert_eq!(is_message(kind), expected);
        }
    }
}
