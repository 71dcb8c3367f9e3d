//! What the views answer.

use std::sync::Arc;
use std::time::Duration;

use scylla::response::PagingState;
use uuid::Uuid;

use super::attempts::bind;
use super::rows::{partition as number, place, unsigned};
use super::statements::PAGE_ROWS;
use super::{Cql, parse};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, ContactId, ConversationId, EventId, Id};
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result};
use crate::projection::pages::{self, BLOCK};
use crate::projection::totals::Totals;
use crate::projection::{Damaged, Folded, Key, Rows as _, cells};

const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// How far a partition is projected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checkpoint {
    pub seq: Seq,
    /// No turn up to here is due; [`Seq::START`] when that is not known.
    pub due_after: Seq,
}

/// An event that stood in a partition's log, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Landmark {
    pub seq: Seq,
    pub event: EventId,
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
        let state = self.state(Key::contact(account, id)).await?;
        Ok(state.and_then(|state| state.get().cloned()))
    }

    /// The state of a key, whatever its aggregate.
    pub(in super::super) async fn state(&self, key: Key) -> Result<Option<Folded>> {
        let Some(aggregate) = self.schema.aggregate(&key) else { return Ok(None) };
        let Some(table) = aggregate.table else {
            let id = ConversationId::from_uuid(key.id);
            return Ok(self.conversation(key.account, id).await?.map(Folded::of));
        };
        let Some(row) = self.get(table, cells::id(key.account).and(key.id)).await? else {
            return Ok(None);
        };
        let state = row.text(0).and_then(|json| (aggregate.read)(json.as_bytes()).ok());
        Ok(Some(state.ok_or(Damaged(table.name))?))
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
        let begin = pages::begin(self, account, conversation, skip / BLOCK).await?;
        let Some(begin) = begin.map(place).transpose()? else { return Ok(Vec::new()) };
        let (account, conversation) = (account.uuid(), conversation.uuid());
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

    /// An event that stood in a partition's log when its views were written.
    pub async fn landmark(&self, partition: u32) -> Result<Option<Landmark>> {
        let key = (number(partition)?,);
        let row = self.fetch_one::<(i64, Uuid)>(&self.statements.landmark, key).await?;
        row.map(|(seq, event)| {
            Ok(Landmark { seq: Seq::new(unsigned(seq)?), event: EventId::from_uuid(event) })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_messages_are_those_of_the_projection() {
        for (kind, expected) in
            [("message.inbound", true), ("message.outbound", true), ("conversation.read", false)]
        {
            assert_eq!(is_message(kind), expected);
        }
    }
}
