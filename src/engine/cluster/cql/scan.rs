//! Every row of a view, for verifying.

use std::fmt::{self, Display, Formatter};

use async_stream::try_stream;
use futures_util::Stream;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::PagingState;
use uuid::Uuid;

use super::attempts::bind;
use super::rows::unsigned;
use super::statements::Statement;
use super::{Commit, ConversationRows, Cql, Listed, json};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ContactId, ConversationId, Id};
use crate::domain::seq::Seq;
use crate::engine::{Recorded, Result};
use crate::projection::conversation_days::{self, day_of};
use crate::projection::conversations::{self, Change};
use crate::projection::{pages, totals::Totals, turns_due};

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
    /// The list of conversations.
    Listed,
    Days,
}

impl Table {
    pub const ALL: [Self; 8] = [
        Self::Conversations,
        Self::Timeline,
        Self::Contacts,
        Self::Pages,
        Self::TurnsDue,
        Self::Totals,
        Self::Listed,
        Self::Days,
    ];
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Conversations => "timeline.state",
            Self::Timeline => "timeline",
            Self::Contacts => "contacts",
            Self::Pages => "pages",
            Self::TurnsDue => "turns_due",
            Self::Totals => "totals",
            Self::Listed => "conversations",
            Self::Days => "conversation_days",
        })
    }
}

/// A row as text: `ac_…/cv_…/1099511627777` and what stands there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    pub key: String,
    pub value: String,
    /// The event that the row is the outcome of; [`Seq::START`] for a row that does not say.
    pub seq: Seq,
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
                self.stored(&all.scan_conversations, from, |row: (Uuid, Uuid, Option<String>)| {
                    let (account, id, state) = row;
                    Ok(state.map(|state| fold(of_conversation(account, id), state)))
                })
                .await
            }
            Table::Timeline => {
                type Row = (Uuid, Uuid, Option<i64>, Option<String>, Option<String>);
                self.stored(&all.scan_timeline, from, |row: Row| {
                    let (account, id, seq, kind, event) = row;
                    // A partition may have a state and no events.
                    let Some(seq) = seq else { return Ok(None) };
                    let seq = Seq::new(unsigned(seq)?);
                    let (kind, event) = (kind.unwrap_or_default(), event.unwrap_or_default());
                    Ok(Some(happened(of_conversation(account, id), seq, &kind, &event)))
                })
                .await
            }
            Table::Contacts => {
                self.stored(&all.scan_contacts, from, |row: (Uuid, Uuid, Option<String>)| {
                    let (account, id, state) = row;
                    Ok(Some(fold(of_contact(account, id), state.unwrap_or_default())))
                })
                .await
            }
            Table::Pages => {
                self.stored(&all.scan_pages, from, |row: (Uuid, Uuid, i64, Option<i64>)| {
                    let (account, id, block, seq) = row;
                    let seq = Seq::new(unsigned(seq.unwrap_or_default())?);
                    Ok(Some(page(of_conversation(account, id), unsigned(block)?, seq)))
                })
                .await
            }
            Table::TurnsDue => {
                type Row = (i32, i64, Option<Uuid>, Option<String>);
                self.stored(&all.scan_turns_due, from, |row: Row| {
                    let (partition, seq, account, turn) = row;
                    let seq = Seq::new(unsigned(seq)?);
                    let account = AccountId::from_uuid(account.unwrap_or_default());
                    let value = format!("{account} {}", turn.unwrap_or_default());
                    Ok(Some(Stored { key: of_turn(partition, seq), value, seq }))
                })
                .await
            }
            Table::Totals => {
                type Row = (Uuid, i32, Option<i64>, Option<i64>, Option<i64>);
                self.stored(&all.scan_totals, from, |row: Row| {
                    let (account, partition, inbound, outbound, seq) = row;
                    let number = |column: Option<i64>| unsigned(column.unwrap_or_default());
                    let (inbound, outbound) = (number(inbound)?, number(outbound)?);
                    let (account, seq) = (AccountId::from_uuid(account), Seq::new(number(seq)?));
                    Ok(Some(total(account, partition, Totals { inbound, outbound }, seq)))
                })
                .await
            }
            Table::Listed => {
                type Row = (Uuid, i32, i64, Uuid, Option<i64>);
                self.stored(&all.scan_listed, from, |row: Row| {
                    let (account, day, began, id, seq) = row;
                    let seq = Seq::new(unsigned(seq.unwrap_or_default())?);
                    Ok(Some(listed((AccountId::from_uuid(account), day, began, id), seq)))
                })
                .await
            }
            Table::Days => {
                self.stored(&all.scan_days, from, |(account, day): (Uuid, i32)| {
                    Ok(Some(day_row(AccountId::from_uuid(account), day)))
                })
                .await
            }
        }
    }

    async fn stored<R>(
        &self,
        statement: &Statement,
        from: PagingState,
        row: impl Fn(R) -> Result<Option<Stored>>,
    ) -> Result<Page>
    where
        R: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>,
    {
        let (rows, rest) = self.page(statement, &bind(statement, &())?, from).await?;
        let rows: Result<_> =
            rows.into_iter().filter_map(|columns| row(columns).transpose()).collect();
        Ok((rows?, rest))
    }
}

type Page = (Vec<Stored>, Option<PagingState>);

/// The rows that the log makes, as a scan finds them.
impl Stored {
    pub fn of_conversation(state: &Conversation) -> Result<Self> {
        let key = of_conversation(state.account.uuid(), state.id.uuid());
        Ok(Self { key, value: json(state)?, seq: state.last_seq })
    }

    /// A row of a conversation's timeline.
    pub fn of_event(conversation: ConversationId, entry: &Recorded) -> Result<Self> {
        let event = &*entry.event;
        let of = of_conversation(event.account.uuid(), conversation.uuid());
        Ok(happened(of, entry.seq, event.body.name(), &json(event)?))
    }

    pub fn of_contact(state: &Contact) -> Result<Self> {
        let key = of_contact(state.account.uuid(), state.id.uuid());
        Ok(Self { key, value: json(state)?, seq: state.last_seq })
    }

    pub fn of_page(row: &pages::Row) -> Self {
        page(of_conversation(row.account.uuid(), row.conversation.uuid()), row.block, row.seq)
    }

    pub fn of_turn(partition: u32, row: &turns_due::Row) -> Result<Self> {
        let value = format!("{} {}", row.account, json(row)?);
        Ok(Self { key: of_turn(partition, row.seq), value, seq: row.seq })
    }

    /// What an account has used in a partition, as of its last message there.
    pub fn of_total(partition: u32, account: AccountId, totals: Totals, seq: Seq) -> Self {
        total(account, partition, totals, seq)
    }

    /// A conversation that is listed since the event at `seq`.
    pub fn of_listed(row: &conversations::Row, seq: Seq) -> Self {
        listed(began(row), seq)
    }

    pub fn of_day(row: &conversation_days::Row) -> Self {
        day_row(row.account, row.day)
    }
}

impl Commit {
    /// The rows that a scan finds once this is written, where no later commit replaces them. Turns
    /// that are done and conversations that are deleted take theirs away: [`Commit::removed`].
    ///
    /// # Errors
    /// None that a commit of ours can meet.
    pub fn stored(&self) -> Result<Vec<(Table, Stored)>> {
        let mut rows = Vec::new();
        for ConversationRows { state, events } in &self.conversations {
            rows.push((Table::Conversations, Stored::of_conversation(state)?));
            for entry in events {
                rows.push((Table::Timeline, Stored::of_event(state.id, entry)?));
            }
        }
        for state in &self.contacts {
            rows.push((Table::Contacts, Stored::of_contact(state)?));
        }
        rows.extend(self.pages.iter().map(|row| (Table::Pages, Stored::of_page(row))));
        for row in &self.due {
            rows.push((Table::TurnsDue, Stored::of_turn(self.partition, row)?));
        }
        for (account, totals, seq) in &self.totals {
            rows.push((Table::Totals, total(*account, self.partition, *totals, *seq)));
        }
        for Listed { change, at } in &self.listed {
            if let Change::Began(row) = change {
                rows.push((Table::Listed, Stored::of_listed(row, *at)));
            }
        }
        rows.extend(self.days().keys().map(|row| (Table::Days, Stored::of_day(row))));
        Ok(rows)
    }

    /// The keys of the rows that are gone once this is written.
    pub fn removed(&self) -> Vec<(Table, String)> {
        let done = self.done.iter();
        let done = done.map(|done| (Table::TurnsDue, of_turn(self.partition, done.turn)));
        let deleted = self.listed.iter().filter_map(|listed| match &listed.change {
            Change::Deleted(row) => Some((Table::Listed, of_listed(row))),
            Change::Began(_) => None,
        });
        done.chain(deleted).collect()
    }
}

/// A state, which says itself as of where it is.
fn fold(key: String, state: String) -> Stored {
    #[derive(serde::Deserialize)]
    struct AsOf {
        last_seq: Seq,
    }
    let seq = serde_json::from_str(&state).map_or(Seq::START, |AsOf { last_seq }| last_seq);
    Stored { key, value: state, seq }
}

fn happened(of: String, seq: Seq, kind: &str, event: &str) -> Stored {
    Stored { key: format!("{of}/{seq}"), value: format!("{kind} {event}"), seq }
}

fn page(of: String, block: u64, seq: Seq) -> Stored {
    Stored { key: format!("{of}/{block}"), value: seq.to_string(), seq }
}

fn total(account: AccountId, partition: impl Display, totals: Totals, seq: Seq) -> Stored {
    let Totals { inbound, outbound } = totals;
    let value = format!("{inbound} inbound, {outbound} outbound");
    Stored { key: format!("{account}/{partition}"), value, seq }
}

/// Account, day, time and conversation.
type Began = (AccountId, i32, i64, Uuid);

fn began(row: &conversations::Row) -> Began {
    (row.account, day_of(row.at), row.at.millis(), row.conversation.uuid())
}

fn key_of_listed((account, day, began, id): Began) -> String {
    format!("{account}/{day}/{began}/{}", ConversationId::from_uuid(id))
}

fn listed(key: Began, seq: Seq) -> Stored {
    Stored { key: key_of_listed(key), value: format!("since {seq}"), seq }
}

fn day_row(account: AccountId, day: i32) -> Stored {
    Stored { key: format!("{account}/{day}"), value: "some".into(), seq: Seq::START }
}

/// The key of a conversation in the list.
pub fn of_listed(row: &conversations::Row) -> String {
    key_of_listed(began(row))
}

fn of_conversation(account: Uuid, id: Uuid) -> String {
    format!("{}/{}", AccountId::from_uuid(account), ConversationId::from_uuid(id))
}

fn of_contact(account: Uuid, id: Uuid) -> String {
    format!("{}/{}", AccountId::from_uuid(account), ContactId::from_uuid(id))
}

/// The key of a turn that is due: its partition, and where its message stands.
pub fn of_turn(partition: impl Display, seq: Seq) -> String {
    format!("{partition}/{seq}")
}
