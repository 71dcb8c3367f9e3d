//! `followers`: how far each follower is with each partition of the log.

use super::Change;
use super::cells::{Cells, Damaged};
use super::rows::{Places, Rows};
use super::table::{Kind, Table, column};
use crate::domain::seq::Seq;

/// A row that a crash took costs time and not truth: what follows is taken again.
pub static TABLE: Table = Table {
    name: "followers",
    number: 12,
    question: "up to where has a follower taken what was applied in a partition?",
    read_by: &["engine/feed"],
    fed_by: &[],
    partition: &[column("follower", Kind::Text)],
    order: &[column("log_partition", Kind::Small)],
    row: &[column("seq", Kind::Number)],
    newest_first: false,
    queue: false,
    forgets: None,
    kept: None,
    outside: true,
};

fn key(follower: &str, partition: u32) -> Cells {
    let partition = i32::try_from(partition).unwrap_or(i32::MAX);
    Cells::default().and(follower.to_owned()).and(partition)
}

/// Up to where a follower has taken a partition; [`Seq::START`] where nothing is known.
pub async fn place<R: Rows + ?Sized>(
    rows: &R,
    follower: &str,
    partition: u32,
) -> Result<Seq, R::Error> {
    let row = rows.get(&TABLE, key(follower, partition)).await?;
    Ok(row.map(|row| row.seq(0).ok_or(Damaged(TABLE.name))).transpose()?.unwrap_or_default())
}

/// A follower has taken a partition up to there. An older place changes nothing.
pub async fn reached<P: Places + ?Sized>(
    places: &P,
    follower: &str,
    partition: u32,
    seq: Seq,
) -> Result<(), P::Error> {
    let row = Some(Cells::default().and(seq));
    places.keep(Change { table: &TABLE, key: key(follower, partition), row, at: seq }).await
}
