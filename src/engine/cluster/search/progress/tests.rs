//! Whatever is pushed, read, lost and made anew in whatever order: no message is passed over.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::engine::cluster::search::document::tests::inbound;

const ROOM: usize = 8 * (MESSAGE_BYTES + 1);
/// Messages of a page.
const PAGE: usize = 5;

fn message(seq: u64) -> Recorded {
    inbound(seq, 1, "x")
}

/// What happens to a partition.
#[derive(Debug, Clone)]
enum Step {
    /// The projector commits so many events, of which every `nth` is a message, and tells of it.
    Commit { events: u64, nth: u64 },
    /// The views have it, and the backlog shows it, before the indexer is told.
    CommitUntold { events: u64 },
    /// The indexer does what comes next, and it succeeds or does not.
    Work { succeeds: bool },
    /// The index is lost; one with this part of the checkpoint's way takes its place.
    Lose { kept: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..12u64, 1..4u64).prop_map(|(events, nth)| Step::Commit { events, nth }),
        1 => (1..4u64).prop_map(|events| Step::CommitUntold { events }),
        6 => prop::bool::weighted(0.7).prop_map(|succeeds| Step::Work { succeeds }),
        1 => any::<u8>().prop_map(|kept| Step::Lose { kept }),
    ]
}

/// The views, the index, and the progress between them.
struct World {
    progress: Progress,
    room: Arc<Room>,
    /// Messages in the views, and where the views stand.
    views: BTreeSet<u64>,
    end: u64,
    untold: Vec<u64>,
    index: BTreeSet<u64>,
}

impl World {
    fn new(applied: u64) -> Self {
        let room = Arc::new(Room::new(ROOM));
        let views = (1..=applied).collect();
        let mut progress =
            Progress::new(Seq::new(applied), room.clone(), Timestamp::from_millis(0));
        progress.begin(Seq::START);
        Self { progress, room, views, end: applied, untold: Vec::new(), index: BTreeSet::new() }
    }

    fn commit(&mut self, events: u64, nth: u64) {
        for _ in 0..events {
            self.end += 1;
            if self.end.is_multiple_of(nth) {
                self.views.insert(self.end);
                self.untold.push(self.end);
            }
        }
    }

    fn tell(&mut self) {
        let told = std::mem::take(&mut self.untold);
        self.progress.push(told.into_iter().map(message).collect(), Seq::new(self.end));
    }

    /// Gives false when there was nothing to do.
    fn work(&mut self, succeeds: bool) -> bool {
        match self.progress.next() {
            Work::Nothing => return false,
            Work::Batch { messages, up_to } if succeeds => {
                self.index.extend(messages.iter().map(|message| message.seq.get()));
                let last = messages.last().map(|message| message.event.at);
                self.progress.advance(up_to, last, false);
            }
            Work::Page { after } if succeeds => {
                let left = self.views.range(after.get() + 1..);
                let page: Vec<_> = left.copied().take(PAGE).collect();
                let whole = page.len() == PAGE;
                let read_up_to = if whole { *page.last().expect("not empty") } else { self.end };
                let at = |seq: &u64| message(*seq).event.at;
                self.progress.found(page.first().map(at));
                let last = page.last().map(at);
                self.index.extend(page);
                self.progress.advance(Seq::new(read_up_to), last, !whole);
            }
            Work::Batch { .. } | Work::Page { .. } => {}
        }
        true
    }

    fn lose(&mut self, kept: u8) {
        let checkpoint = self.progress.indexed().get() * u64::from(kept) / 255;
        self.index.retain(|seq| *seq <= checkpoint);
        self.progress.begin(Seq::new(checkpoint));
    }

    fn check(&self) {
        let checkpoint = self.progress.indexed().get();
        let missing = self.views.range(..=checkpoint).find(|seq| !self.index.contains(seq));
        assert_eq!(missing, None, "everything up to the checkpoint is in the index");
        let held: usize = self.progress.queue.iter().map(size).sum();
        assert_eq!(held + self.room.0.load(Ordering::Relaxed), ROOM, "the room is kept");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_is_passed_over_and_the_queue_is_bounded(
        applied in 0..20u64,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new(applied);
        for step in steps {
            match step {
                Step::Commit { events, nth } => {
                    world.commit(events, nth);
                    world.tell();
                }
                Step::CommitUntold { events } => world.commit(events, 1),
                Step::Work { succeeds } => drop(world.work(succeeds)),
                Step::Lose { kept } => world.lose(kept),
            }
            world.check();
        }
        world.tell();
        let mut rounds = 0;
        while world.work(true) {
            world.check();
            rounds += 1;
            prop_assert!(rounds < 10_000, "it comes to an end");
        }
        prop_assert_eq!(&world.index, &world.views);
        prop_assert_eq!(world.progress.oldest(), None);
    }
}

#[test]
fn what_does_not_fit_is_read_from_the_backlog_and_queued_again_when_its_end_is_near() {
    let mut world = World::new(0);
    world.commit(8, 1);
    world.tell();
    assert_eq!(world.progress.queue.len(), 8, "it is up with the views, and queues");
    while world.work(true) {}
    world.commit(50, 1);
    world.tell();
    assert!(world.progress.queue.is_empty(), "there was no room");
    assert_eq!(world.progress.next(), Work::Page { after: Seq::new(8) });
    while world.work(true) {}
    world.check();
    assert_eq!(world.progress.indexed(), Seq::new(58));
}

#[test]
fn the_oldest_message_that_is_missing_is_known() {
    let mut world = World::new(0);
    while world.work(true) {}
    assert_eq!(world.progress.oldest(), None);
    world.commit(2, 1);
    world.tell();
    let first = Some(Timestamp::from_millis(1));
    assert_eq!(world.progress.oldest(), first);
    world.work(false);
    world.commit(20, 1);
    world.tell();
    assert_eq!(world.progress.oldest(), first, "while OpenSearch is away it grows older");
    world.work(true);
    assert_eq!(world.progress.oldest(), Some(Timestamp::from_millis(5)), "a page is in");
}

#[test]
fn queues_of_all_partitions_share_one_room() {
    let room = Arc::new(Room::new(ROOM));
    let following = |room: &Arc<Room>| {
        let mut progress = Progress::new(Seq::START, room.clone(), Timestamp::from_millis(0));
        progress.advance(Seq::START, None, true);
        progress
    };
    let (mut one, mut other) = (following(&room), following(&room));
    one.push((1..=6).map(message).collect(), Seq::new(6));
    other.push((1..=6).map(message).collect(), Seq::new(6));
    assert_eq!((one.queue.len(), other.queue.len()), (6, 0));
    drop(one);
    other.advance(Seq::new(6), None, true);
    other.push((7..=12).map(message).collect(), Seq::new(12));
    assert_eq!(other.queue.len(), 6, "who goes gives its room back");
}
