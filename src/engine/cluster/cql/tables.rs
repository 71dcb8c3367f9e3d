//! The tables of the schema: changed and read by what each says of itself.

use async_trait::async_trait;
use scylla::value::{CqlValue, Row};

use super::Cql;
use super::phrases::{Use, Value};
use super::queue::windows;
use super::rows::place;
use super::statements::Statement;
use crate::domain::seq::Seq;
use crate::engine::{Error, Result};
use crate::projection::table::{Column, Kind};
use crate::projection::{Cell, Cells, Change, Damaged, Found, Places, Range, Rows, Table, Way};

/// The longest time to live that stores take, in seconds: 20 years.
const LONGEST: i32 = 630_720_000;

/// How long a row is kept.
enum Left {
    All,
    Seconds(i32),
    /// It has expired.
    Nothing,
}

impl Cql {
    /// The tables that are kept here.
    pub fn tables(&self) -> impl Iterator<Item = &'static Table> + Clone + use<> {
        self.schema.tables()
    }

    pub(super) fn statement(&self, table: &'static Table, what: Use) -> Result<&Statement> {
        let found = self.statements.tables.get(&(table.number, what));
        found.ok_or_else(|| Error::Storage(format!("{} is not kept for {what:?}", table.name)))
    }

    /// Writes a change; an older one changes nothing.
    ///
    /// # Errors
    /// As any write.
    pub(super) async fn change(&self, change: &Change) -> Result<()> {
        let at = std::iter::once(Value::Number(place(change.at)?));
        let key = change.key.iter().map(Value::Of);
        let left = match self.left(change) {
            Left::Nothing => return Ok(()),
            Left::Seconds(seconds) => Some(Value::Small(seconds)),
            Left::All => None,
        };
        let (what, values): (_, Vec<_>) = match &change.row {
            Some(row) => {
                let row = row.iter().map(Value::Of);
                (Use::Put, key.chain(row).chain(at).chain(left).collect())
            }
            None => (Use::Take, at.chain(key).collect()),
        };
        self.run(self.statement(change.table, what)?, values).await
    }

    /// How long a row that is put is to be kept.
    fn left(&self, change: &Change) -> Left {
        let row = change.row.as_ref();
        let Some(expires) = row.and_then(|row| change.table.expires(&change.key, row)) else {
            return Left::All;
        };
        let left = expires.since((self.clock)()).as_secs();
        match i32::try_from(left).unwrap_or(i32::MAX).min(LONGEST) {
            0 => Left::Nothing,
            seconds => Left::Seconds(seconds),
        }
    }

    /// A stretch of a partition, up to `upto` where that is said.
    async fn stretch(
        &self,
        table: &'static Table,
        range: &Range,
        upto: Option<&Cells>,
    ) -> Result<Vec<Found>> {
        let what = match (range.way, &range.after, upto) {
            (Way::Up, None, _) => Use::Up,
            (Way::Up, Some(_), None) => Use::UpAfter,
            (Way::Up, Some(_), Some(_)) => Use::Within,
            (Way::Down, None, _) => Use::Down,
            (Way::Down, Some(_), _) => Use::DownAfter,
        };
        let limit = Value::Small(i32::try_from(range.limit).unwrap_or(i32::MAX));
        let places = range.after.iter().chain(upto).flat_map(|place| place.iter());
        let values = range.partition.iter().chain(places).map(Value::Of).chain([limit]);
        let values: Vec<_> = values.collect();
        let rows = self.fetch::<Row>(self.statement(table, what)?, values).await?;
        let found = |row: Row| {
            let mut columns = row.columns.into_iter();
            let order = cells(table.order, &mut columns)?;
            Some(Found { order, row: cells(table.row, &mut columns)? })
        };
        let found = rows.into_iter().map(|row| found(row).ok_or(Damaged(table.name)));
        Ok(found.collect::<std::result::Result<_, _>>()?)
    }

    /// Rows of a queue: those that were taken away must not be met in great numbers.
    async fn queued(&self, table: &'static Table, range: Range) -> Result<Vec<Found>> {
        let partition = range.partition.small(0).and_then(|number| u32::try_from(number).ok());
        let partition = partition.ok_or(Damaged(table.name))?;
        let checkpoint = self.checkpoint(partition).await?.unwrap_or_default();
        let after = range.after.as_ref().and_then(|after| after.seq(0)).unwrap_or(Seq::START);
        let cell = |seq: Seq| Cells::default().and(seq);
        let mut found = Vec::new();
        for (from, to) in windows(after.max(checkpoint.due_after), checkpoint.seq) {
            let limit = range.limit - found.len();
            if limit == 0 {
                break;
            }
            let window = Range { after: Some(cell(from)), limit, ..range.clone() };
            found.extend(self.stretch(table, &window, to.map(cell).as_ref()).await?);
        }
        Ok(found)
    }
}

#[async_trait]
impl Rows for Cql {
    type Error = Error;

    async fn get(&self, table: &'static Table, key: Cells) -> Result<Option<Cells>> {
        let values: Vec<_> = key.iter().map(Value::Of).collect();
        let row = self.fetch_one::<Row>(self.statement(table, Use::Get)?, values).await?;
        let row = row.map(|row| cells(table.row, &mut row.columns.into_iter()));
        Ok(row.map(|row| row.ok_or(Damaged(table.name))).transpose()?)
    }

    async fn range(&self, table: &'static Table, range: Range) -> Result<Vec<Found>> {
        match range.way {
            _ if range.limit == 0 => Ok(Vec::new()),
            Way::Up if table.queue => self.queued(table, range).await,
            Way::Up | Way::Down => self.stretch(table, &range, None).await,
        }
    }
}

#[async_trait]
impl Places for Cql {
    async fn keep(&self, change: Change) -> Result<()> {
        self.change(&change).await
    }
}

/// The cells of these columns; none where one is missing or of another kind.
fn cells(columns: &[Column], values: &mut impl Iterator<Item = Option<CqlValue>>) -> Option<Cells> {
    columns.iter().map(|column| cell(column.kind, values.next()??)).collect()
}

/// What stands in a column of this kind.
pub(super) fn cell(kind: Kind, value: CqlValue) -> Option<Cell> {
    match (kind, value) {
        (Kind::Account | Kind::Conversation | Kind::Contact, CqlValue::Uuid(id)) => {
            Some(Cell::Id(id))
        }
        (Kind::Small, CqlValue::Int(number)) => Some(Cell::Small(number)),
        (Kind::Number, CqlValue::BigInt(number)) => Some(Cell::Number(number)),
        (Kind::Text, CqlValue::Text(text)) => Some(Cell::Text(text)),
        _ => None,
    }
}
