//! Two stores of views, row by row.

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

impl Which {
    fn has(self, view: &str) -> bool {
        let is_state = matches!(view, "conversations" | "contacts" | "totals");
        match self {
            Self::States => is_state,
            Self::Rows => !is_state,
            Self::All => true,
        }
    }
}

fn views(store: &Store) -> [(&'static str, &Table); 9] {
    [
        ("conversations", &store.conversations),
        ("contacts", &store.contacts),
        ("timeline", &store.timeline),
        ("pages", &store.pages),
        ("turns_due", &store.turns_due),
        ("claims", &store.claims),
        ("claims_by_time", &store.claims_by_time),
        ("totals", &store.totals),
        ("conversations_by_time", &store.conversations_by_time),
    ]
}

/// The first row that is not the same in `live`, as it was at a moment, and in `expected`; claims that have
/// expired are not missed. `goes_on` is asked now and then.
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
    for ((name, found), (_, wanted)) in both.filter(|((name, _), _)| which.has(name)) {
        let expires = name.starts_with("claims");
        let (mut found, mut wanted) = (found.all_at(moment), wanted.all_at(&now));
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
