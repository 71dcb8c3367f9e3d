//! The machine's clock and what is minted from it; the only place that reads either.

use std::sync::atomic::{AtomicI64, Ordering};

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

/// The latest time that this process has seen: the clock may be set back, and what has expired stays so.
pub fn latest() -> Timestamp {
    static LATEST: AtomicI64 = AtomicI64::new(i64::MIN);
    latest_of(&LATEST, now())
}

fn latest_of(seen: &AtomicI64, now: Timestamp) -> Timestamp {
    let before = seen.fetch_max(now.millis(), Ordering::Relaxed);
    Timestamp::from_millis(before.max(now.millis()))
}

/// A new id: time-ordered, with 74 random bits.
pub fn mint<I: Id>() -> I {
    I::from_uuid(Uuid::now_v7())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_brings_no_time_back() {
        let (seen, at) = (AtomicI64::new(i64::MIN), Timestamp::from_millis);
        let times = [5, 9, 3, 9, 10].map(|now| latest_of(&seen, at(now)));
        assert_eq!(times, [5, 9, 9, 9, 10].map(at));
    }
}
