//! Rate limits that all nodes share: GCRA, one number per bucket, compared and set.
//!
//! The number is the time until which what was granted is paid for, as if calls came at an even
//! pace. A bucket whose time has passed is full again, so a row that is forgotten is one that is full.

use std::num::NonZeroU32;
use std::time::Duration;

use scylla::response::query_result::QueryResult;

use super::Cql;
use super::attempts::{count_retry, found_instead, pauses};
use crate::engine::{Error, Result};

const MINUTE_US: u32 = 60_000_000;
/// Tries, and the longest pause between them: whoever was quicker has made progress, so the next try
/// need not wait for long.
const TRIES: usize = 40;
const MOST_MS: u64 = 20;

/// What a bucket gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// At most what was asked for; fewer when fewer are left.
    pub granted: u32,
    pub remaining: u32,
    /// How long until one more is there; zero when all that was asked for was granted.
    pub retry_after: Duration,
}

impl Cql {
    /// Takes up to `cells` from a bucket that fills at `per_minute` and holds a minute's worth.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when too many nodes want it at once; else as any write. What an unknown
    /// outcome took is not given back, so that no more than the limit is ever granted.
    pub async fn take_quota(
        &self,
        bucket: &str,
        cells: u32,
        per_minute: NonZeroU32,
        now_ms: i64,
    ) -> Result<Quota> {
        let now = now_ms.saturating_mul(1_000);
        let row = self.fetch_one::<(Option<i64>,)>(&self.statements.quota, (bucket,)).await?;
        let mut until = row.and_then(|(until,)| until);
        let mut failure = Error::Overloaded;
        let mut pauses = pauses(TRIES, MOST_MS);
        loop {
            let (quota, next) = take(until, cells, per_minute, now);
            if quota.granted == 0 {
                return Ok(quota);
            }
            let values = (next, bucket, until);
            match self.transact(&self.statements.take_quota, values).await.and_then(holder) {
                Ok(None) => return Ok(quota),
                Ok(Some(other)) => until = other,
                Err(error @ Error::Storage(_)) => return Err(error),
                Err(error) => failure = error,
            }
            let Some(pause) = pauses.next() else { return Err(failure) };
            count_retry();
            tokio::time::sleep(pause).await;
        }
    }
}

/// What the bucket stands at when a transaction was not applied; none when it was.
fn holder(found: QueryResult) -> Result<Option<Option<i64>>> {
    found_instead(found, "until")
}

/// What a bucket that is paid for until `until` gives at `now`, and until when it is paid for then;
/// both in microseconds.
fn take(until: Option<i64>, cells: u32, per_minute: NonZeroU32, now: i64) -> (Quota, i64) {
    let interval = i64::from(MINUTE_US.div_ceil(per_minute.get()));
    let whole = interval * i64::from(per_minute.get());
    let paid = until.unwrap_or(now).max(now);
    let room = (whole - paid.saturating_sub(now)).max(0);
    let available = u32::try_from(room / interval).unwrap_or(u32::MAX);
    let granted = cells.min(available);
    let next = paid.saturating_add(interval * i64::from(granted));
    let missing = interval.saturating_sub(whole - next.saturating_sub(now)).max(0);
    let retry_after = if granted == cells { 0 } else { u64::try_from(missing).unwrap_or(0) };
    let quota = Quota {
        granted,
        remaining: available - granted,
        retry_after: Duration::from_micros(retry_after),
    };
    (quota, next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(per_minute: u32) -> NonZeroU32 {
        NonZeroU32::new(per_minute).expect("not zero")
    }

    #[test]
    fn a_minutes_worth_may_come_at_once_and_then_an_even_pace() {
        let (quota, until) = take(None, 70, limit(60), 1_000);
        assert_eq!((quota.granted, quota.remaining), (60, 0));
        assert_eq!(quota.retry_after, Duration::from_secs(1));
        let (quota, until) = take(Some(until), 5, limit(60), 2_001_000);
        assert_eq!((quota.granted, quota.remaining), (2, 0));
        let (quota, until) = take(Some(until), 1, limit(60), 2_501_000);
        assert_eq!((quota.granted, quota.retry_after), (0, Duration::from_millis(500)));
        let (quota, _) = take(Some(until), 1, limit(60), 62_001_000);
        assert_eq!((quota.granted, quota.remaining), (1, 59));
        assert_eq!(quota.retry_after, Duration::ZERO);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_stretch_of_time_gets_more_than_a_minutes_worth_and_the_rate(
            per_minute in 1..100_000u32,
            calls in prop::collection::vec((0..5_000_000i64, 0..20_000u32), 1..60),
        ) {
            let (mut now, mut until, mut granted) = (0, None, Vec::new());
            for (later, cells) in calls {
                now += later;
                let (quota, next) = take(until, cells, limit(per_minute), now);
                prop_assert!(quota.granted <= cells);
                if quota.granted > 0 {
                    until = Some(next);
                }
                granted.push((now, i64::from(quota.granted)));
            }
            for (first, &(from, _)) in granted.iter().enumerate() {
                let mut sum = 0;
                for &(to, cells) in &granted[first..] {
                    sum += cells;
                    let rate = (to - from) * i64::from(per_minute) / 60_000_000;
                    prop_assert!(sum <= i64::from(per_minute) + rate + 1);
                }
            }
        }

        #[test]
        fn what_is_said_to_be_left_is_there_and_what_is_waited_for_comes(
            per_minute in 1..100_000u32,
            before in 0..200_000u32,
            cells in 0..200_000u32,
        ) {
            let (_, until) = take(None, before, limit(per_minute), 0);
            let (quota, next) = take(Some(until), cells, limit(per_minute), 0);
            let (rest, _) = take(Some(next), u32::MAX, limit(per_minute), 0);
            prop_assert_eq!(rest.granted, quota.remaining);
            if quota.granted < cells {
                let later = i64::try_from(quota.retry_after.as_micros()).expect("short");
                prop_assert!(later > 0);
                prop_assert_eq!(take(Some(next), 1, limit(per_minute), later).0.granted, 1);
                prop_assert_eq!(take(Some(next), 1, limit(per_minute), later - 1).0.granted, 0);
            }
        }
    }
}
