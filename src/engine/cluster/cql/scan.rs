//! Every row of a view, for verifying.

use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};

use async_stream::try_stream;
use futures_util::Stream;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::PagingState;
use scylla::value::Row;
use uuid::Uuid;

use super::attempts::bind;
use super::phrases::Use;
use super::rows::unsigned;
use super::statements::Statement;
use super::tables::cell;
use super::{Commit, ConversationRows, Cql, json};
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ConversationId, Id};
use crate::domain::seq::Seq;
use crate::engine::{Recorded, Result};
use crate::projection::table::Column;
use crate::projection::{Cell, Change, Schema, Table, totals::Totals};

/// Something kept that can be looked through: what is special, or a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The states in `timeline`.
    Conversations,
    Timeline,
    /// States in a table of their own.
    States(&'static Table),
    Totals,
    Rows(&'static Table),
}

impl Kept {
    /// Whether rows go by themselves.
    pub fn expires(&self) -> bool {
        matches!(self, Self::Rows(table) if table.kept.is_some())
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Conversations => "timeline.state",
            Self::Timeline => "timeline",
            Self::Totals => "totals",
            Self::States(table) | Self::Rows(table) => table.name,
        }
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Display for Kept {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// All that is kept of a schema.
pub fn kept(schema: &'static Schema) -> impl Iterator<Item = Kept> + Clone + use<> {
    let special = [Kept::Conversations, Kept::Timeline, Kept::Totals];
    let states = schema.state_tables().map(Kept::States);
    special.into_iter().chain(states).chain(schema.tables().map(Kept::Rows))
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
    /// All that can be looked through.
    pub fn kept(&self) -> impl Iterator<Item = Kept> + Clone + use<> {
        kept(self.schema)
    }

    /// Every row of it, in the order of the store: by partition, then by key.
    pub fn scan(&self, kept: Kept) -> impl Stream<Item = Result<Stored>> + Send + '_ {
        try_stream! {
            let mut next = Some(PagingState::start());
            while let Some(from) = next {
                let (rows, rest) = self.scan_page(kept, from).await?;
                for row in rows {
                    yield row;
                }
                next = rest;
            }
        }
    }

    async fn scan_page(&self, kept: Kept, from: PagingState) -> Result<Page> {
        let all = &self.statements;
        match kept {
            Kept::Conversations => {
                self.stored(&all.scan_conversations, from, |row: (Uuid, Uuid, Option<String>)| {
                    let (account, id, state) = row;
                    Ok(state.map(|state| fold(of_conversation(account, id), state)))
                })
                .await
            }
            Kept::Timeline => {
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
            Kept::Totals => {
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
            Kept::States(table) => {
                let statement = self.statement(table, Use::Scan)?;
                self.stored(statement, from, |row: Row| {
                    let found = as_found(table, row);
                    Ok(Some(fold(found.key, found.value)))
                })
                .await
            }
            Kept::Rows(table) => {
                let statement = self.statement(table, Use::Scan)?;
                self.stored(statement, from, |row: Row| Ok(Some(as_found(table, row)))).await
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

    /// A state in a table of its own.
    pub fn of_state(change: &Change) -> Self {
        let value = change
            .row
            .as_ref()
            .map_or_else(String::new, |row| told(change.table.row.iter(), row, ' '));
        Self { key: key_of(change), value, seq: change.at }
    }

    /// What an account has used in a partition, as of its last message there.
    pub fn of_total(partition: u32, account: AccountId, totals: Totals, seq: Seq) -> Self {
        total(account, partition, totals, seq)
    }

    /// What a change makes of its row; none where it takes it away.
    pub fn of_change(change: &Change) -> Option<Self> {
        let Change { table, key, row, .. } = change;
        Some(row_of(table, key, row.as_ref()?))
    }
}

impl Commit {
    /// The rows that a scan finds once this is written, where no later commit replaces them. Those that
    /// it takes away: [`Commit::removed`].
    ///
    /// # Errors
    /// None that a commit of ours can meet.
    pub fn stored(&self) -> Result<Vec<(Kept, Stored)>> {
        let mut rows = Vec::new();
        for ConversationRows { state, events } in &self.conversations {
            rows.push((Kept::Conversations, Stored::of_conversation(state)?));
            for entry in events {
                rows.push((Kept::Timeline, Stored::of_event(state.id, entry)?));
            }
        }
        let states = self.states.iter();
        rows.extend(states.map(|change| (Kept::States(change.table), Stored::of_state(change))));
        for (account, totals, seq) in &self.totals {
            rows.push((Kept::Totals, total(*account, self.partition, *totals, *seq)));
        }
        rows.extend(
            self.rows
                .iter()
                .filter_map(|change| Some((Kept::Rows(change.table), Stored::of_change(change)?))),
        );
        Ok(rows)
    }

    /// The keys of the rows that are gone once this is written.
    pub fn removed(&self) -> Vec<(Kept, String)> {
        let gone = self.rows.iter().filter(|change| change.row.is_none());
        gone.map(|change| (Kept::Rows(change.table), key_of(change))).collect()
    }
}

/// The key of a change's row, as a scan has it.
pub fn key_of(change: &Change) -> String {
    told(change.table.key(), &change.key, '/')
}

fn row_of(table: &'static Table, key: &[Cell], row: &[Cell]) -> Stored {
    let place = table.place().and_then(|place| key.iter().chain(row).nth(place));
    let seq = match place {
        Some(Cell::Number(number)) => Seq::new(u64::try_from(*number).unwrap_or_default()),
        _ => Seq::START,
    };
    Stored { key: told(table.key(), key, '/'), value: told(table.row.iter(), row, ' '), seq }
}

fn told<'a>(columns: impl Iterator<Item = &'a Column>, cells: &[Cell], between: char) -> String {
    let mut text = String::new();
    for (place, (column, cell)) in columns.zip(cells).enumerate() {
        text.extend((place > 0).then_some(between));
        column.kind.tell(cell, &mut text);
    }
    text
}

/// What a scan finds. What is not as the table says is told as if nothing stood there.
fn as_found(table: &'static Table, row: Row) -> Stored {
    let cells = table.columns().zip(row.columns).map(|(column, value)| {
        let found = value.and_then(|value| cell(column.kind, value));
        found.unwrap_or_else(|| column.kind.nothing())
    });
    let cells: Vec<_> = cells.collect();
    let (key, row) = cells.split_at(table.key().count().min(cells.len()));
    row_of(table, key, row)
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

fn total(account: AccountId, partition: impl Display, totals: Totals, seq: Seq) -> Stored {
    let Totals { inbound, outbound } = totals;
    let value = format!("{inbound} inbound, {outbound} outbound");
    Stored { key: format!("{account}/{partition}"), value, seq }
}

fn of_conversation(account: Uuid, id: Uuid) -> String {
    format!("{}/{}", AccountId::from_uuid(account), ConversationId::from_uuid(id))
}
