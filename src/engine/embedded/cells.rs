//! Cells as bytes: keys sort as their cells do, and rows are read back by their tables' columns.

use uuid::Uuid;

use crate::projection::table::Kind;
use crate::projection::{Cell, Cells};

/// The cells of a key, or the first of them, below a table's first byte.
pub(super) fn key<'a>(first: u8, cells: impl IntoIterator<Item = &'a Cell>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.push(first);
    cells.into_iter().for_each(|cell| write_key(cell, &mut bytes));
    bytes
}

/// The sign is turned round, so that negative numbers come first. A text ends in a zero byte; one in it
/// is followed by a byte that is greater than what comes after an end.
fn write_key(cell: &Cell, bytes: &mut Vec<u8>) {
    match cell {
        Cell::Id(id) => bytes.extend_from_slice(id.as_bytes()),
        Cell::Small(number) => bytes.extend_from_slice(&(number ^ i32::MIN).to_be_bytes()),
        Cell::Number(number) => bytes.extend_from_slice(&(number ^ i64::MIN).to_be_bytes()),
        Cell::Text(text) => {
            for byte in text.bytes() {
                bytes.push(byte);
                bytes.extend((byte == 0).then_some(u8::MAX));
            }
            bytes.extend_from_slice(&[0, 0]);
        }
    }
}

/// The cells of a key; none when it is not one of these columns.
pub(super) fn read_key(kinds: impl Iterator<Item = Kind>, mut bytes: &[u8]) -> Option<Cells> {
    let mut cells = Cells::default();
    for kind in kinds {
        let cell = match kind {
            Kind::Small => Cell::Small(i32::from_be_bytes(take(&mut bytes)?) ^ i32::MIN),
            Kind::Number => Cell::Number(i64::from_be_bytes(take(&mut bytes)?) ^ i64::MIN),
            Kind::Account | Kind::Conversation | Kind::Contact => {
                Cell::Id(Uuid::from_bytes(take(&mut bytes)?))
            }
            Kind::Text => Cell::Text(String::from_utf8(take_text(&mut bytes)?).ok()?),
        };
        cells = cells.and(cell);
    }
    bytes.is_empty().then_some(cells)
}

fn take_text(bytes: &mut &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    loop {
        match take::<1>(bytes)? {
            [0] if take::<1>(bytes)? == [0] => return Some(text),
            [byte] => text.push(byte),
        }
    }
}

/// The cells of a row.
pub(super) fn row(cells: &[Cell]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(cells.iter().map(room).sum());
    for cell in cells {
        match cell {
            Cell::Id(id) => bytes.extend_from_slice(id.as_bytes()),
            Cell::Small(number) => bytes.extend_from_slice(&number.to_be_bytes()),
            Cell::Number(number) => bytes.extend_from_slice(&number.to_be_bytes()),
            Cell::Text(text) => {
                bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
                bytes.extend_from_slice(text.as_bytes());
            }
        }
    }
    bytes
}

fn room(cell: &Cell) -> usize {
    16 + if let Cell::Text(text) = cell { text.len() } else { 0 }
}

/// The cells of a row; none when it is not one of these columns.
pub(super) fn read_row(kinds: impl Iterator<Item = Kind>, mut bytes: &[u8]) -> Option<Cells> {
    let mut cells = Cells::default();
    for kind in kinds {
        let cell = match kind {
            Kind::Small => Cell::Small(i32::from_be_bytes(take(&mut bytes)?)),
            Kind::Number => Cell::Number(i64::from_be_bytes(take(&mut bytes)?)),
            Kind::Account | Kind::Conversation | Kind::Contact => {
                Cell::Id(Uuid::from_bytes(take(&mut bytes)?))
            }
            Kind::Text => {
                let length = usize::try_from(u64::from_be_bytes(take(&mut bytes)?)).ok()?;
                let (text, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Cell::Text(String::from_utf8(text.to_vec()).ok()?)
            }
        };
        cells = cells.and(cell);
    }
    // Columns that a newer release has added stand behind.
    Some(cells)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [Kind; 4] = [Kind::Account, Kind::Text, Kind::Small, Kind::Number];

    fn cells() -> impl Strategy<Value = Cells> {
        let text = prop::collection::vec(prop::sample::select(vec!['\0', 'a', '\u{1}', 'é']), 0..4);
        let id = prop::sample::select(vec![0u128, 7, u128::MAX]);
        (id, text, -2..2i32, any::<i64>()).prop_map(|(id, text, small, number)| {
            let text: String = text.into_iter().collect();
            Cells::default().and(Uuid::from_u128(id)).and(text).and(small).and(number)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn keys_sort_as_their_cells_and_are_read_back(one in cells(), other in cells()) {
            let (a, b) = (key(1, &*one), key(1, &*other));
            prop_assert_eq!(a.cmp(&b), one.cmp(&other));
            prop_assert_eq!(read_key(KINDS.into_iter(), &a[1..]), Some(one));
            let longer = [&a[1..], &[7]].concat();
            prop_assert_eq!(read_key(KINDS.into_iter(), &longer), None, "with a byte too many");
        }

        #[test]
        fn rows_are_read_back_and_short_ones_are_not(one in cells()) {
            let bytes = row(&one);
            prop_assert_eq!(read_row(KINDS.into_iter(), &bytes), Some(one));
            prop_assert_eq!(read_row(KINDS.into_iter(), &bytes[..bytes.len() - 1]), None);
        }
    }
}
