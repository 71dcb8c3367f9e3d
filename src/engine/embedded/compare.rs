//! Two stores of views, row by row.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use fjall::Snapshot;

use super::rebuild::given_up;
use super::store::Store;
use super::table::{Row, Table};
use crate::engine::Result;

/// Rows that are compared at a stretch.
const LOOK_EVERY: u64 = 1_024;

/// The first place at which the views are not what the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub view: String,
    /// The key, in hex.
    pub key: String,
    /// What the view holds and what it should hold, as text; none when there is no such row.
    pub found: Option<String>,
    pub expected: Option<String>,
}

/// Which views are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// As they are behind the checkpoint.
    States,
    /// As they are behind the last event that was seen.
    Rows,
    /// Where both are one.
    All,
}

/// A view to compare.
struct Side<'a> {
    name: &'static str,
    rows: Cow<'a, Table>,
    is_state: bool,
    /// Rows that are missing may have expired.
    expires: bool,
}

impl Which {
    fn has(self, side: &Side<'_>) -> bool {
        match self {
            Self::States => side.is_state,
            Self::Rows => !side.is_state,
            Self::All => true,
        }
    }
}

fn views(store: &Store) -> Vec<Side<'_>> {
    let states = store.schema.aggregates.iter().map(|aggregate| {
        let rows = Cow::Owned(store.of_aggregate(aggregate));
        Side { name: aggregate.name, rows, is_state: true, expires: false }
    });
    let special = [
        ("timeline", &store.timeline, false),
        ("claims", &store.claims, false),
        ("expiry", &store.expiry, false),
        ("totals", &store.totals, true),
    ];
    let special = special.into_iter().map(|(name, rows, is_state)| {
        let (rows, expires) = (Cow::Borrowed(rows), ["claims", "expiry"].contains(&name));
        Side { name, rows, is_state, expires }
    });
    let tables = store.schema.tables().map(|table| {
        let (name, rows) = (table.name, Cow::Owned(store.view(table)));
        Side { name, rows, is_state: false, expires: table.kept.is_some() }
    });
    states.chain(special).chain(tables).collect()
}

/// The first row that is not the same in `live`, as it was at a moment, and in `expected`; what has
/// expired is not missed. `goes_on` is asked now and then.
///
/// # Errors
/// The engine's; [`super::rebuild::given_up`] when it does not go on.
pub(super) fn first_difference(
    (live, moment): (&Store, &Snapshot),
    expected: &Store,
    which: Which,
    goes_on: &dyn Fn() -> bool,
) -> Result<Option<Difference>> {
    let now = expected.db.snapshot();
    let mut rows = 0_u64;
    let both = views(live).into_iter().zip(views(expected));
    for (live, expected) in both.filter(|(live, _)| which.has(live)) {
        let Side { name, expires, .. } = live;
        let (mut found, mut wanted) = (live.rows.all_at(moment), expected.rows.all_at(&now));
        let mut left = found.next().transpose()?;
        let mut right = wanted.next().transpose()?;
        loop {
            rows += 1;
            if rows.is_multiple_of(LOOK_EVERY) && !goes_on() {
                return Err(given_up());
            }
            match (&left, &right) {
                (None, None) => break,
                (Some(a), Some(b)) if a == b => {
                    left = found.next().transpose()?;
                    right = wanted.next().transpose()?;
                }
                (a, Some(b)) if expires && a.as_ref().is_none_or(|a| a.key() > b.key()) => {
                    right = wanted.next().transpose()?;
                }
                (a, b) => return Ok(Some(describe(name, a.as_ref(), b.as_ref()))),
            }
        }
    }
    Ok(None)
}

fn describe(view: &str, found: Option<&Row>, expected: Option<&Row>) -> Difference {
    let key = match (found, expected) {
        (Some(a), Some(b)) => a.key().min(b.key()),
        (Some(a), None) => a.key(),
        (_, Some(b)) => b.key(),
        (None, None) => &[],
    };
    let of_key = |row: Option<&Row>| {
        let row = row.filter(|row| row.key() == key);
        row.map(|row| String::from_utf8_lossy(&row.value).into_owned())
    };
    Difference {
        view: view.to_owned(),
        key: HEXLOWER.encode(key),
        found: of_key(found),
        expected: of_key(expected),
    }
}
