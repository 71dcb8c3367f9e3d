//! What was applied lately, in memory: followers that keep up read it from here, and not from Kafka again.
//!
//! Each partition has a stretch without gaps that ends where its views stand. It may be shortened or dropped
//! at any time: what it does not have is read from the log. So memory stays bounded however slow a follower is.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dashmap::DashMap;

use crate::domain::event::Body;
use crate::domain::seq::Seq;
use crate::engine::Recorded;
use crate::engine::feed::Applied;

/// What all partitions hold together at most.
const ROOM_BYTES: usize = 32 << 20;
/// What one reading gives at most, but for one large event.
const PAGE_BYTES: usize = 2 << 20;
/// What an event takes besides its text.
const EVENT_BYTES: usize = 512;

/// The stretches of this node's partitions.
pub(in super::super) struct Recent {
    /// Somebody follows: before that nothing is kept.
    wanted: AtomicBool,
    /// Bytes that may still be taken.
    room: AtomicUsize,
    stretches: DashMap<u32, Stretch>,
}

/// What was applied after `from`, up to `upto`.
#[derive(Debug, Default)]
struct Stretch {
    from: Seq,
    upto: Seq,
    events: VecDeque<Recorded>,
}

impl Default for Recent {
    fn default() -> Self {
        Self::with_room(ROOM_BYTES)
    }
}

impl Recent {
    fn with_room(bytes: usize) -> Self {
        Self {
            wanted: AtomicBool::new(false),
            room: AtomicUsize::new(bytes),
            stretches: DashMap::new(),
        }
    }

    /// Somebody follows from now on.
    pub(in super::super) fn want(&self) {
        self.wanted.store(true, Ordering::Relaxed);
    }

    /// What was applied after `after`, up to `upto`, of a partition; none where it is not known exactly.
    pub(in super::super) fn push(
        &self,
        partition: u32,
        after: Seq,
        applied: Option<&[Recorded]>,
        upto: Seq,
    ) {
        if !self.wanted.load(Ordering::Relaxed) {
            return;
        }
        let mut stretch = self.stretches.entry(partition).or_default();
        let Some(applied) = applied else { return self.restart(&mut stretch, upto) };
        if stretch.upto != after {
            self.restart(&mut stretch, after);
        }
        let bytes = applied.iter().map(size).sum();
        while !self.take(bytes) {
            match stretch.events.pop_front() {
                Some(oldest) => {
                    self.give_back(&oldest);
                    stretch.from = oldest.seq;
                }
                None => return self.restart(&mut stretch, upto),
            }
        }
        stretch.events.extend(applied.iter().cloned());
        stretch.upto = upto;
    }

    /// A partition is this node's no longer.
    pub(in super::super) fn leave(&self, partition: u32) {
        if let Some((_, stretch)) = self.stretches.remove(&partition) {
            stretch.events.iter().for_each(|event| self.give_back(event));
        }
    }

    /// What follows on `after`; none where that must be read from the log.
    pub(in super::super) fn after(
        &self,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Option<Applied> {
        let stretch = self.stretches.get(&partition)?;
        if after < stretch.from || after > stretch.upto {
            return None;
        }
        let begin = stretch.events.partition_point(|event| event.seq <= after);
        let (mut events, mut bytes) = (Vec::new(), 0);
        for event in stretch.events.range(begin..) {
            if events.len() == limit || bytes >= PAGE_BYTES {
                let upto = events.last().map_or(after, |last: &Recorded| last.seq);
                return Some(Applied { events, upto });
            }
            bytes += size(event);
            events.push(event.clone());
        }
        Some(Applied { events, upto: stretch.upto })
    }

    fn restart(&self, stretch: &mut Stretch, at: Seq) {
        stretch.events.drain(..).for_each(|event| self.give_back(&event));
        stretch.events.shrink_to_fit();
        (stretch.from, stretch.upto) = (at, at);
    }

    fn take(&self, bytes: usize) -> bool {
        let less = |left: usize| left.checked_sub(bytes);
        self.room.try_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    fn give_back(&self, event: &Recorded) {
        self.room.fetch_add(size(event), Ordering::Relaxed);
    }
}

fn size(recorded: &Recorded) -> usize {
    let text = match &recorded.event.body {
        Body::MessageInbound(data) => data.text.as_str(),
        Body::MessageOutbound(data) => data.text.as_str(),
        _ => "",
    };
    EVENT_BYTES + text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::cluster::search::tests::inbound;

    /// What becomes of a partition.
    #[derive(Debug, Clone)]
    enum Step {
        /// So many events are folded; every `nth` was applied. Whether it is told of, and exactly.
        Fold {
            events: u64,
            nth: u64,
            told: bool,
            exactly: bool,
        },
        /// A follower reads so many events.
        Read {
            limit: usize,
        },
        Leave,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (1..12u64, 1..4u64, prop::bool::weighted(0.8), prop::bool::weighted(0.9))
                .prop_map(|(events, nth, told, exactly)| Step::Fold { events, nth, told, exactly }),
            6 => (1..8usize).prop_map(|limit| Step::Read { limit }),
            1 => Just(Step::Leave),
        ]
    }

    const ROOM: usize = 10 * (EVENT_BYTES + 1);

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1_000, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_is_what_was_applied_without_a_gap_and_memory_is_bounded(
            steps in prop::collection::vec(step(), 1..80),
        ) {
            let recent = Recent::with_room(ROOM);
            recent.want();
            let (mut applied, mut end, mut taken) = (Vec::new(), 0, Seq::START);
            for step in steps {
                match step {
                    Step::Fold { events, nth, told, exactly } => {
                        let before = Seq::new(end);
                        let new: Vec<_> = (end + 1..=end + events)
                            .filter(|seq| seq.is_multiple_of(nth))
                            .map(|seq| inbound(seq, 1, "x"))
                            .collect();
                        end += events;
                        applied.extend(new.iter().map(|event| event.seq));
                        if told {
                            let known = exactly.then_some(&new[..]);
                            recent.push(7, before, known, Seq::new(end));
                        }
                    }
                    Step::Read { limit } => match recent.after(7, taken, limit) {
                        Some(found) => {
                            let seqs: Vec<_> = found.events.iter().map(|event| event.seq).collect();
                            let between = |seq: &Seq| *seq > taken && *seq <= found.upto;
                            let expected: Vec<_> = applied.iter().copied().filter(between).collect();
                            prop_assert_eq!(&seqs, &expected);
                            prop_assert!(seqs.len() <= limit && found.upto >= taken);
                            taken = found.upto;
                        }
                        // The log has it.
                        None => taken = Seq::new(end),
                    },
                    Step::Leave => recent.leave(7),
                }
                let held = recent.stretches.get(&7).map_or(0, |stretch| stretch.events.iter().map(size).sum());
                prop_assert_eq!(held + recent.room.load(Ordering::Relaxed), ROOM);
            }
        }
    }

    #[test]
    fn who_keeps_up_never_reads_the_log() {
        let recent = Recent::with_room(ROOM);
        recent.push(7, Seq::START, Some(&[inbound(1, 1, "x")]), Seq::new(1));
        assert_eq!(recent.after(7, Seq::START, 5), None, "nobody followed");
        recent.want();
        for seq in 2..100 {
            let before = Seq::new(seq - 1);
            recent.push(7, before, Some(&[inbound(seq, 1, "x")]), Seq::new(seq));
            let found = recent.after(7, before, 5).expect("it is there");
            assert_eq!((found.events.len(), found.upto), (1, Seq::new(seq)));
        }
    }
}
