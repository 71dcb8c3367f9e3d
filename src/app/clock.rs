//! The machine's clock and what is minted from it; the only place that reads either.

use uuid::Uuid;

use crate::domain::ids::Id;
use crate::domain::time::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn now() -> Timestamp {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since_epoch.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// A new id: time-ordered, with 74 random bits.
pub fn mint<I: Id>() -> I {
    I::from_uuid(Uuid::now_v7())
}
