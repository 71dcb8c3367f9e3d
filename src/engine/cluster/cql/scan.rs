//! Every row of a view, for verifying.

use async_stream::try_stream;
use futures_util::Stream;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::PagingState;
use uuid::Uuid;

use super::attempts::bind;
use super::rows::{bigint, partition as number, place};
use super::statements::Statement;
use super::{Commit, ConversationRows, Cql, json};
use crate::domain::ids::{AccountId, ContactId, ConversationId, Id};
use crate::engine::Result;

/// A view that can be looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// The states in `timeline`.
    Conversations,
    Timeline,
    Contacts,
    Pages,
    TurnsDue,
    Totals,
}

/// A row as text: `ac_…/cv_…/1099511627777` and what stands there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    pub key: String,
    pub value: String,
}

impl Cql {
    /// Every row of a view, in the order of the store: by partition, then by key.
    pub fn scan(&self, table: Table) -> impl Stream<Item = Result<Stored>> + Send + '_ {
        try_stream! {
            let mut next = Some(PagingState::start());
            while let Some(from) = next {
                let (rows, rest) = self.scan_page(table, from).await?;
                for row in rows {
                    yield row;
                }
                next = rest;
            }
        }
    }

    async fn scan_page(&self, table: Table, from: PagingState) -> Result<Page> {
        let all = &self.statements;
        match table {
            Table::Conversations => {
                self.stored(&all.scan_conversations, from, |(account, id, state)| {
                    conversation(account, id, state)
                })
                .await
            }
            Table::Timeline => {
                self.stored(&all.scan_timeline, from, |(account, id, seq, kind, event)| {
                    timeline(account, id, seq, kind, event)
                })
                .await
            }
            Table::Contacts => {
                self.stored(&all.scan_contacts, from, |(account, id, state): (_, _, String)| {
                    Some(contact(account, id, state))
                })
                .await
            }
            Table::Pages => {
                self.stored(&all.scan_pages, from, |(account, id, block, seq)| {
                    Some(page(account, id, block, seq))
                })
                .await
            }
            Table::TurnsDue => {
                type Row = (i32, i64, Uuid, String);
                self.stored(&all.scan_turns_due, from, |(partition, seq, account, turn): Row| {
                    Some(due(partition, seq, account, turn))
                })
                .await
            }
            Table::Totals => {
                type Row = (Uuid, i32, i64, i64, i64);
                self.stored(&all.scan_totals, from, |(account, partition, inbound, out, _): Row| {
                    Some(total(account, partition, inbound, out))
                })
                .await
            }
        }
    }

    async fn stored<R>(
        &self,
        statement: &Statement,
        from: PagingState,
        row: impl Fn(R) -> Option<Stored>,
    ) -> Result<Page>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        let (rows, rest) = self.page(statement, &bind(statement, &())?, from).await?;
        Ok((rows.into_iter().filter_map(row).collect(), rest))
    }
}

type Page = (Vec<Stored>, Option<PagingState>);

impl Commit {
    /// The rows that a scan finds once this is written, where no later commit replaces them. Turns
    /// that are done take theirs away: [`Commit::removed`].
    ///
    /// # Errors
    /// None that a commit of ours can meet.
    pub fn stored(&self) -> Result<Vec<(Table, Stored)>> {
        let mut rows = Vec::new();
        for ConversationRows { state, events } in &self.conversations {
            let (account, id) = (state.account.uuid(), state.id.uuid());
            rows.extend(
                conversation(account, id, Some(json(state)?))
                    .map(|row| (Table::Conversations, row)),
            );
            for entry in events {
                let (seq, kind) = (place(entry.seq)?, entry.event.body.name().to_owned());
                let row = timeline(account, id, Some(seq), Some(kind), Some(json(&*entry.event)?));
                rows.extend(row.map(|row| (Table::Timeline, row)));
            }
        }
        for state in &self.contacts {
            let row = contact(state.account.uuid(), state.id.uuid(), json(state)?);
            rows.push((Table::Contacts, row));
        }
        for row in &self.pages {
            let (account, id) = (row.account.uuid(), row.conversation.uuid());
            rows.push((Table::Pages, page(account, id, bigint(row.block)?, place(row.seq)?)));
        }
        let partition = number(self.partition)?;
        for row in &self.due {
            let row = due(partition, place(row.seq)?, row.account.uuid(), json(row)?);
            rows.push((Table::TurnsDue, row));
        }
        for (account, totals, _) in &self.totals {
            let (inbound, outbound) = (bigint(totals.inbound)?, bigint(totals.outbound)?);
            rows.push((Table::Totals, total(account.uuid(), partition, inbound, outbound)));
        }
        Ok(rows)
    }

    /// The keys of [`Table::TurnsDue`] that are gone once this is written.
    pub fn removed(&self) -> Vec<String> {
        self.done.iter().map(|done| due_key(self.partition, done.turn.get())).collect()
    }
}

fn conversation(account: Uuid, id: Uuid, state: Option<String>) -> Option<Stored> {
    let key = of_conversation(account, id);
    state.map(|value| Stored { key, value })
}

/// None for a partition that has a state and no events.
fn timeline(
    account: Uuid,
    id: Uuid,
    seq: Option<i64>,
    kind: Option<String>,
    event: Option<String>,
) -> Option<Stored> {
    let (kind, event) = (kind.unwrap_or_default(), event.unwrap_or_default());
    let key = format!("{}/{}", of_conversation(account, id), seq?);
    Some(Stored { key, value: format!("{kind} {event}") })
}

fn contact(account: Uuid, id: Uuid, state: String) -> Stored {
    let (account, id) = (AccountId::from_uuid(account), ContactId::from_uuid(id));
    Stored { key: format!("{account}/{id}"), value: state }
}

fn page(account: Uuid, id: Uuid, block: i64, seq: i64) -> Stored {
    Stored { key: format!("{}/{block}", of_conversation(account, id)), value: seq.to_string() }
}

fn due(partition: i32, seq: i64, account: Uuid, turn: String) -> Stored {
    let account = AccountId::from_uuid(account);
    Stored { key: due_key(partition, seq), value: format!("{account} {turn}") }
}

fn total(account: Uuid, partition: i32, inbound: i64, outbound: i64) -> Stored {
    let key = format!("{}/{partition}", AccountId::from_uuid(account));
    Stored { key, value: format!("{inbound} inbound, {outbound} outbound") }
}

fn due_key(partition: impl std::fmt::Display, seq: impl std::fmt::Display) -> String {
    format!("{partition}/{seq}")
}

fn of_conversation(account: Uuid, id: Uuid) -> String {
    format!("{}/{}", AccountId::from_uuid(account), ConversationId::from_uuid(id))
}
