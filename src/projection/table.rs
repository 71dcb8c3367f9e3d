//! What a table is: its name, its columns, and what reads and feeds it.
//!
//! A table is told once, as a value, and both engines put, delete, read, scan and compare it from that.
//! The `.cql` file of the same name under `projections/` is what operators read; it is held against
//! [`Table::create`] and [`Table::header`] by a test.

use std::fmt::Write as _;
use std::time::Duration;

use uuid::Uuid;

use super::cells::{Cell, Cells};
use crate::domain::ids::{AccountId, ContactId, ConversationId, Id as _};
use crate::domain::time::Timestamp;

/// A table. Permanent: columns may be added, and nothing else of one that was released changes.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub name: &'static str,
    /// The first byte of its keys where all tables share one keyspace.
    pub number: u8,
    /// What it answers, as a sentence.
    pub question: &'static str,
    /// Files under `src/` that read it, without `.rs`.
    pub read_by: &'static [&'static str],
    /// Types of events that change it.
    pub fed_by: &'static [&'static str],
    /// Rows that are alike here are kept together. The account comes first, but where all accounts'
    /// rows of a partition of the log are read at once.
    pub partition: &'static [Column],
    /// How rows of one partition are told apart, and in which order they stand.
    pub order: &'static [Column],
    /// The rest. A column `seq`, here or in the order, has the place of the event that made the row; without
    /// one, a row is always the same and never taken away.
    pub row: &'static [Column],
    /// The end of the order is read first.
    pub newest_first: bool,
    /// Rows are put and taken away in the order of the log, so that most of them are gone: the
    /// partition is one of the log, and the order is `seq`.
    pub queue: bool,
    /// For how long the store knows that a row was taken away, where that is not the usual time.
    pub forgets: Option<Duration>,
    /// How long a row is kept: so long from the time in its column `at` (milliseconds) on. None for as long as
    /// nothing takes it away.
    pub kept: Option<Duration>,
    /// Rows follow from the world outside and not from the log ([`super::Places`]). Nothing makes them anew, so
    /// nothing that makes views anew touches them.
    pub outside: bool,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    pub kind: Kind,
}

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Account,
    Conversation,
    Contact,
    /// An `int`.
    Small,
    /// A `bigint`.
    Number,
    Text,
}

/// A column of a table's description.
pub const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

impl Kind {
    /// What CQL calls it.
    pub const fn cql(self) -> &'static str {
        match self {
            Self::Account | Self::Conversation | Self::Contact => "uuid",
            Self::Small => "int",
            Self::Number => "bigint",
            Self::Text => "text",
        }
    }

    /// What is taken to stand where a store has nothing.
    pub const fn nothing(self) -> Cell {
        match self {
            Self::Account | Self::Conversation | Self::Contact => Cell::Id(Uuid::nil()),
            Self::Small => Cell::Small(0),
            Self::Number => Cell::Number(0),
            Self::Text => Cell::Text(String::new()),
        }
    }

    /// How a cell of this kind is told to an operator.
    pub fn tell(self, cell: &Cell, text: &mut String) {
        let told = match (self, cell) {
            (Self::Account, Cell::Id(id)) => write!(text, "{}", AccountId::from_uuid(*id)),
            (Self::Conversation, Cell::Id(id)) => {
                write!(text, "{}", ConversationId::from_uuid(*id))
            }
            (Self::Contact, Cell::Id(id)) => write!(text, "{}", ContactId::from_uuid(*id)),
            (_, Cell::Id(id)) => write!(text, "{id}"),
            (_, Cell::Small(number)) => write!(text, "{number}"),
            (_, Cell::Number(number)) => write!(text, "{number}"),
            (_, Cell::Text(written)) => write!(text, "{written}"),
        };
        debug_assert!(told.is_ok(), "a text takes all");
    }
}

impl Table {
    /// The columns that name a row.
    pub fn key(&self) -> impl Iterator<Item = &Column> + Clone {
        self.partition.iter().chain(self.order)
    }

    /// All columns: those of the key first.
    pub fn columns(&self) -> impl Iterator<Item = &Column> + Clone {
        self.key().chain(self.row)
    }

    /// Where among all columns the place of a row's event stands; none where rows do not say it.
    pub fn place(&self) -> Option<usize> {
        self.columns().position(|column| column.name == "seq")
    }

    /// When a row expires; none where it does not.
    pub fn expires(&self, key: &Cells, row: &Cells) -> Option<Timestamp> {
        let kept = self.kept?;
        let at = self.columns().position(|column| column.name == "at")?;
        match key.iter().chain(row.iter()).nth(at)? {
            Cell::Number(at) => Some(Timestamp::from_millis(*at).plus(kept)),
            _ => None,
        }
    }

    /// The first lines of its file: what it is for, and what reads and feeds it.
    pub fn header(&self) -> String {
        let Self { name, question, .. } = self;
        let readers = self.read_by.join(" · ");
        let events = if self.outside { "no event".to_owned() } else { self.fed_by.join(" ") };
        let kept =
            self.kept.map(|kept| format!("-- kept:     {} s from `at` on\n", kept.as_secs()));
        let kept = kept.unwrap_or_default();
        format!("-- {name}: {question}\n-- read by:  {readers}\n-- fed by:   {events}\n{kept}")
    }

    /// The statement that makes it in a CQL store.
    pub fn create(&self) -> String {
        let mut text = format!("CREATE TABLE {} (\n", self.name);
        for Column { name, kind } in self.columns() {
            text.push_str(&format!("    {name} {},\n", kind.cql()));
        }
        let names =
            |columns: &[Column]| columns.iter().map(|column| column.name).collect::<Vec<_>>();
        text.push_str(&format!("    PRIMARY KEY (({})", names(self.partition).join(", ")));
        for name in names(self.order) {
            text.push_str(&format!(", {name}"));
        }
        text.push_str(")\n)");
        let mut options = Vec::new();
        if !self.order.is_empty() {
            let way = if self.newest_first { "DESC" } else { "ASC" };
            let each = names(self.order).into_iter().map(|name| format!("{name} {way}"));
            let each = each.collect::<Vec<_>>().join(", ");
            options.push(format!("CLUSTERING ORDER BY ({each})"));
        }
        options.extend(self.forgets.map(|time| format!("gc_grace_seconds = {}", time.as_secs())));
        if !options.is_empty() {
            text.push_str(&format!(" WITH {}", options.join(" AND ")));
        }
        text.push_str(";\n");
        text
    }
}
