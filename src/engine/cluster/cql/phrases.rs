//! The statements of a table, made from what it says of itself.

use scylla::cluster::metadata::ColumnType;
use scylla::serialize::SerializationError;
use scylla::serialize::value::SerializeValue;
use scylla::serialize::writers::{CellWriter, WrittenCellProof};

use super::statements::Kind;
use crate::projection::{Cell, Table};

/// What a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Use {
    Put,
    Take,
    Get,
    /// A partition from its least key on.
    Up,
    UpAfter,
    /// After a place, and up to another.
    Within,
    /// A partition from its greatest key on.
    Down,
    DownAfter,
    Scan,
}

impl Use {
    /// As metrics call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Take => "take",
            Self::Get => "get",
            Self::Up => "up",
            Self::UpAfter => "up_after",
            Self::Within => "within",
            Self::Down => "down",
            Self::DownAfter => "down_after",
            Self::Scan => "scan",
        }
    }
}

/// The statements of a table: what each is for, of which kind it is, and its text.
pub(super) fn phrases(table: &'static Table) -> Vec<(Use, Kind, String)> {
    let name = table.name;
    let key: Vec<_> = table.key().map(|column| format!("{} = ?", column.name)).collect();
    let all: Vec<_> = table.columns().map(|column| column.name).collect();
    let is_row = format!("WHERE {}", key.join(" AND "));
    let is_partition = format!("WHERE {}", key[..table.partition.len()].join(" AND "));
    let (key_columns, row_columns) = all.split_at(key.len());
    let found = all[table.partition.len()..].join(", ");
    // Of a table without any other columns.
    let row = if row_columns.is_empty() { key_columns } else { row_columns }.join(", ");
    let (columns, marks) = (all.join(", "), marks(all.len()));
    let left = if table.kept.is_some() { " AND TTL ?" } else { "" };
    let mut phrases = vec![
        (
            Use::Put,
            Kind::Write,
            format!("INSERT INTO ks.{name} ({columns}) VALUES ({marks}) USING TIMESTAMP ?{left}"),
        ),
        (Use::Take, Kind::Write, format!("DELETE FROM ks.{name} USING TIMESTAMP ? {is_row}")),
        (Use::Get, Kind::Read, format!("SELECT {row} FROM ks.{name} {is_row}")),
        (Use::Scan, Kind::Read, format!("SELECT {columns} FROM ks.{name}")),
    ];
    if !table.order.is_empty() {
        let range = |bounds: &[&str], way: &str| {
            let bounds: String = bounds.iter().map(|than| bound(table, than)).collect();
            let by = table.order.iter().map(|column| format!("{} {way}", column.name));
            let by = by.collect::<Vec<_>>().join(", ");
            format!("SELECT {found} FROM ks.{name} {is_partition}{bounds} ORDER BY {by} LIMIT ?")
        };
        phrases.extend([
            (Use::Up, Kind::Read, range(&[], "ASC")),
            (Use::UpAfter, Kind::Read, range(&[">"], "ASC")),
            (Use::Within, Kind::Read, range(&[">", "<="], "ASC")),
            (Use::Down, Kind::Read, range(&[], "DESC")),
            (Use::DownAfter, Kind::Read, range(&["<"], "DESC")),
        ]);
    }
    phrases
}

fn bound(table: &Table, than: &str) -> String {
    let names: Vec<_> = table.order.iter().map(|column| column.name).collect();
    match names.len() {
        1 => format!(" AND {} {than} ?", names.join("")),
        count => format!(" AND ({}) {than} ({})", names.join(", "), marks(count)),
    }
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// A value of a statement.
pub(super) enum Value<'a> {
    Of(&'a Cell),
    Number(i64),
    Small(i32),
}

impl SerializeValue for Value<'_> {
    fn serialize<'b>(
        &self,
        typ: &ColumnType<'_>,
        writer: CellWriter<'b>,
    ) -> Result<WrittenCellProof<'b>, SerializationError> {
        match self {
            Self::Of(Cell::Id(id)) => id.serialize(typ, writer),
            Self::Of(Cell::Text(text)) => text.serialize(typ, writer),
            Self::Of(Cell::Number(number)) | Self::Number(number) => number.serialize(typ, writer),
            Self::Of(Cell::Small(number)) | Self::Small(number) => number.serialize(typ, writer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::{conversation_days, conversations};

    #[test]
    fn statements_name_the_columns_in_their_order() {
        let text = |table, what| {
            let mut all = phrases(table).into_iter();
            all.find(|(found, ..)| *found == what).unwrap().2
        };
        let table = &conversations::TABLE;
        let (key, all) = ("account = ? AND day = ?", "account, day, began, conversation, seq");
        assert_eq!(
            text(table, Use::Put),
            format!(
                "INSERT INTO ks.conversations ({all}) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
            )
        );
        assert_eq!(
            text(table, Use::Take),
            format!(
                "DELETE FROM ks.conversations USING TIMESTAMP ? \
                 WHERE {key} AND began = ? AND conversation = ?"
            )
        );
        assert_eq!(
            text(table, Use::DownAfter),
            format!(
                "SELECT began, conversation, seq FROM ks.conversations WHERE {key} \
                 AND (began, conversation) < (?, ?) ORDER BY began DESC, conversation DESC LIMIT ?"
            )
        );
        assert_eq!(
            text(&conversation_days::TABLE, Use::Get),
            "SELECT account, day FROM ks.conversation_days WHERE account = ? AND day = ?"
        );
    }
}
