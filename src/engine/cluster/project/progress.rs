//! Whether the partitions of a node advance: one that does not while records wait stands still, for
//! whatever reason.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::domain::seq::Seq;

/// A partition that has stood still for so long is a reason not to be ready.
const STANDSTILL: Duration = Duration::from_secs(10);

/// A partition as it is seen now.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct PartitionProgress {
    pub(in super::super) partition: u32,
    /// Up to where its views are; none while its worker has yet to begin.
    pub(in super::super) at: Option<Seq>,
    /// Offsets that its views have yet to come to.
    pub(in super::super) waiting: i64,
}

/// Where each partition is, and since when records are seen to wait there.
#[derive(Default)]
pub(in super::super) struct Progress(HashMap<u32, (Option<Seq>, Option<Instant>)>);

/// A partition that stands still.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Standing {
    pub(in super::super) partition: u32,
    pub(in super::super) since: Duration,
    pub(in super::super) waiting: i64,
}

impl Progress {
    /// Looks at the partitions that the node has now; gives for how long each has stood still.
    pub(in super::super) fn look(
        &mut self,
        places: &[PartitionProgress],
        now: Instant,
    ) -> Vec<Standing> {
        self.0.retain(|partition, _| places.iter().any(|place| place.partition == *partition));
        let look = |place: &PartitionProgress| {
            let PartitionProgress { partition, at, waiting } = *place;
            let known = self.0.entry(partition).or_insert((at, None));
            if known.0 != at || waiting <= 0 {
                *known = (at, None);
            }
            // Not since the look before, which may be long ago: nothing waited then.
            let since = if waiting > 0 { *known.1.get_or_insert(now) } else { now };
            Standing { partition, since: now.saturating_duration_since(since), waiting }
        };
        places.iter().map(look).collect()
    }
}

impl Standing {
    /// Whether it has been for too long.
    pub(in super::super) fn is_too_long(&self) -> bool {
        self.since >= STANDSTILL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(next: impl Into<Option<i64>>, end: i64) -> PartitionProgress {
        let next = next.into();
        let at = next.map(|next| Seq::new(next.unsigned_abs()));
        PartitionProgress { partition: 3, at, waiting: end - next.unwrap_or(0) }
    }

    /// Looks every second; gives after which look it has stood still for too long.
    fn too_long(places: impl Fn(i64) -> PartitionProgress) -> Option<i64> {
        let (mut progress, began) = (Progress::default(), Instant::now());
        (0_i64..60).find(|second| {
            let now = began + Duration::from_secs(second.unsigned_abs());
            progress.look(&[places(*second)], now).iter().any(Standing::is_too_long)
        })
    }

    #[test]
    fn a_partition_that_does_not_advance_while_records_wait_stands_still() {
        assert_eq!(too_long(|_| place(5, 7)), Some(10));
        assert_eq!(too_long(|second| place(5, 7 + second)), Some(10), "more come, none goes");
        assert_eq!(too_long(|_| place(None, 7)), Some(10), "its worker does not begin");
    }

    #[test]
    fn one_that_advances_however_slowly_or_has_nothing_to_do_does_not() {
        assert_eq!(too_long(|second| place(second / 9, 1_000)), None);
        assert_eq!(too_long(|_| place(7, 7)), None);
        assert_eq!(too_long(|_| place(None, 0)), None);
        let now_and_then = |second| place(5, if second % 8 == 0 { 5 } else { 6 });
        assert_eq!(too_long(now_and_then), None);
    }

    #[test]
    fn what_has_just_come_has_not_waited_since_the_look_before() {
        let (mut progress, began) = (Progress::default(), Instant::now());
        progress.look(&[place(5, 5)], began);
        let standing = progress.look(&[place(5, 7)], began + 2 * STANDSTILL);
        assert_eq!(standing, [Standing { partition: 3, since: Duration::ZERO, waiting: 2 }]);
        let standing = progress.look(&[place(5, 7)], began + 3 * STANDSTILL);
        assert!(standing[0].is_too_long());
    }

    #[test]
    fn a_partition_that_comes_back_begins_anew() {
        let (mut progress, began) = (Progress::default(), Instant::now());
        progress.look(&[place(5, 7)], began);
        progress.look(&[], began + STANDSTILL / 2);
        let standing = progress.look(&[place(5, 7)], began + STANDSTILL);
        assert_eq!(standing, [Standing { partition: 3, since: Duration::ZERO, waiting: 2 }]);
    }
}
