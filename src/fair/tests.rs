//! Who has a slot, and who comes next.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use proptest::prelude::*;

use super::slots::{Refused, Slots};
use super::*;

/// Somebody comes, a slot is given back, or somebody gives up.
#[derive(Debug, Clone)]
enum Step {
    Come(u8),
    Leave(u8),
    GiveUp(u8, u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..5_u8).prop_map(Step::Come),
        3 => (0..5_u8).prop_map(Step::Leave),
        1 => (0..5_u8, any::<u8>()).prop_map(|(name, at)| Step::GiveUp(name, at)),
    ];
    proptest::collection::vec(step, 1..400)
}

/// What a room should hold, counted by the test itself.
#[derive(Default)]
struct Seen {
    held: [usize; 5],
    waits: [VecDeque<usize>; 5],
}

proptest! {
    #[test]
    fn nobody_has_more_than_its_share_and_nobody_waits_for_what_is_free(
        steps in steps(),
        (all, share) in (1..12_usize, 1..12_usize),
    ) {
        let mut room = Room::new(Limits::of(all, Some(share)));
        let mut seen = Seen::default();
        let leaving = (0..5_u8).cycle().take(2_000).map(Step::Leave);
        for (number, step) in steps.into_iter().chain(leaving).enumerate() {
            match step {
                Step::Come(name) => {
                    let of = usize::from(name);
                    let taken: usize = seen.held.iter().sum();
                    let waiting: usize = seen.waits.iter().map(VecDeque::len).sum();
                    let may = taken < all && seen.held[of] < share;
                    prop_assert_eq!(room.enter(name, Instant::now), may);
                    seen.held[of] += usize::from(may);
                    if !may {
                        let may = waiting < all && seen.waits[of].len() < share;
                        prop_assert_eq!(room.join(name, (name, number)), may);
                        if may {
                            seen.waits[of].push_back(number);
                        }
                    }
                }
                Step::Leave(name) if seen.held[usize::from(name)] > 0 => {
                    seen.held[usize::from(name)] -= 1;
                    room.leave(name);
                }
                Step::Leave(_) => {}
                Step::GiveUp(name, at) => {
                    let line = &mut seen.waits[usize::from(name)];
                    let at = usize::from(at) % (line.len() + 1);
                    let number = line.remove(at);
                    let gave_up = room.give_up(name, |(_, item)| Some(*item) == number);
                    prop_assert_eq!(gave_up, number.is_some());
                }
            }
            while let Some((name, number)) = room.admit() {
                let of = usize::from(name);
                prop_assert_eq!(seen.waits[of].pop_front(), Some(number), "in the line's order");
                seen.held[of] += 1;
                prop_assert!(seen.held[of] <= share, "a share is a share");
            }
            let taken: usize = seen.held.iter().sum();
            prop_assert!(taken <= all);
            for (held, line) in seen.held.iter().zip(&seen.waits) {
                prop_assert!(line.is_empty() || taken == all || *held >= share, "a slot is free");
            }
        }
        prop_assert!(room.is_empty(), "nothing is kept of who left");
    }

    #[test]
    fn names_that_wait_are_served_in_turn(backlogs in proptest::collection::vec(0..40_usize, 2..9)) {
        let mut lines = Lines::default();
        for (name, count) in backlogs.iter().enumerate() {
            (0..*count).for_each(|number| lines.join(name, number));
        }
        let mut left = backlogs.clone();
        let mut had = vec![0; left.len()];
        while let Some(name) = lines.turn() {
            prop_assert_eq!(lines.take(name), Some(had[name]));
            lines.back(name);
            (had[name], left[name]) = (had[name] + 1, left[name] - 1);
            let most = had.iter().max().copied().unwrap_or_default();
            for (had, left) in had.iter().zip(&left) {
                prop_assert!(*left == 0 || had + 1 >= most, "{} beside {}", had, most);
            }
        }
        prop_assert!(lines.is_empty() && left.iter().all(|left| *left == 0));
    }
}

#[test]
fn who_is_alone_may_have_more_until_another_comes() {
    let mut room = Room::new(Limits { alone: 4, ..Limits::of(4, Some(2)) });
    let now = Instant::now();
    for _ in 0..4 {
        assert!(room.enter(1, || now));
    }
    assert!(!room.enter(2, || now) && room.join(2, "other"));
    assert!(!room.enter(1, || now) && room.join(1, "own"));
    room.leave(1);
    assert_eq!(room.admit(), Some("other"));
    room.leave(1);
    assert_eq!(room.admit(), None, "it has its share while another is there");
    room.leave(1);
    assert_eq!(room.admit(), Some("own"));
    assert!(!room.enter(1, || now + IN_COMPANY / 2), "the other may come again at any moment");
    assert!(room.enter(1, || now + IN_COMPANY));
}

#[test]
fn two_that_have_their_share_may_have_more_and_leave_the_third_its_own() {
    let mut room = Room::<_, ()>::new(Limits { rival: 4, ..Limits::of(12, Some(2)) });
    let now = Instant::now;
    assert!(room.enter(1, now) && room.enter(1, now) && !room.enter(1, now), "a share is a share");
    assert!(room.enter(2, now) && !room.enter(1, now), "the other has less than its share");
    assert!(room.enter(2, now) && room.enter(2, now) && room.enter(1, now));
    assert!(room.enter(2, now) && !room.enter(2, now), "so much and no more");
    assert!(room.enter(3, now), "what a third needs is free");
    for _ in 0..3 {
        room.leave(2);
    }
    assert!(!room.enter(1, now), "the other is busy no longer");
    room.leave(1);
    room.leave(1);
    assert!(room.enter(1, now) && !room.enter(1, now));
}

const PATIENCE: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_or_behind_too_many_is_told_so() {
    let slots = Slots::new(Limits::of(4, Some(2)));
    let held = [1, 1, 2].map(|name| slots.take_now(name).expect("a slot"));
    assert_eq!(slots.take_now(1).err(), Some(Refused::Full), "it has its share");
    let begun = tokio::time::Instant::now();
    assert_eq!(slots.take(1, PATIENCE).await.err(), Some(Refused::Full));
    assert_eq!(begun.elapsed(), PATIENCE);

    let mut waits = [(); 2].map(|()| Box::pin(slots.take(1, PATIENCE)));
    for wait in &mut waits {
        assert!(wait.now_or_never().is_none());
    }
    assert_eq!(
        slots.take(1, PATIENCE).now_or_never().map(|it| it.err()),
        Some(Some(Refused::Full))
    );
    assert!(slots.take_now(3).is_ok(), "others are served all the same");
    let [first, other, _] = held;
    drop(first);
    let [one, two] = waits;
    let one = one.now_or_never().expect("told").expect("a slot");
    // A slot that is given to somebody who has gone meanwhile is not lost.
    drop(other);
    drop(two);
    drop(one);
    drop(slots.take_now(2).expect("a slot"));
    assert!(slots.take_now(1).is_ok() && slots.take_now(1).is_ok());
}

#[tokio::test]
async fn what_is_closed_gives_nothing_and_says_so() {
    let slots = Slots::new(Limits::of(1, None));
    let held = slots.take_now(1).expect("a slot");
    let mut waits = Box::pin(slots.take(2, PATIENCE));
    assert!((&mut waits).now_or_never().is_none());
    slots.close();
    assert_eq!(waits.await.err(), Some(Refused::Closed));
    assert_eq!(slots.take(2, PATIENCE).await.err(), Some(Refused::Closed));
    drop(held);
    assert!(slots.is_empty());
}
