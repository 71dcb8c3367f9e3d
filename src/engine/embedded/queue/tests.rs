//! Who comes when, and who has no place.

use futures_util::FutureExt as _;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::ids::Id as _;

/// An append of an account: its number there, its events, its bytes.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    account: u8,
    number: usize,
    events: usize,
    bytes: usize,
}

impl Weight for Item {
    fn events(&self) -> usize {
        self.events
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

fn account(number: u8) -> AccountId {
    AccountId::from_uuid(Uuid::from_u128(u128::from(number)))
}

fn one(account: u8, number: usize) -> Item {
    Item { account, number, events: 1, bytes: 100 }
}

/// Appends come, or the writer takes a batch.
#[derive(Debug, Clone)]
enum Step {
    Join { account: u8, events: usize, bytes: usize },
    Take { after_ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let join = (0..5_u8, 0..40_usize, prop_oneof![Just(100_usize), Just(300_000)])
        .prop_map(|(account, events, bytes)| Step::Join { account, events, bytes });
    let take = (0..700_u64).prop_map(|after_ms| Step::Take { after_ms });
    proptest::collection::vec(prop_oneof![20 => join, 1 => take], 1..600)
}

proptest! {
    #[test]
    fn each_comes_once_in_its_accounts_order_and_batches_are_bounded(steps in steps()) {
        let (mut lines, mut now) = (Lines::new(), Instant::now());
        let (mut joined, mut taken) = ([0_usize; 5], [0_usize; 5]);
        let last = std::iter::repeat_n(Step::Take { after_ms: 0 }, 600);
        for step in steps.into_iter().chain(last) {
            match step {
                Step::Join { account: of, events, bytes } => {
                    let number = joined[usize::from(of)];
                    lines.join(account(of), Item { account: of, number, events, bytes });
                    joined[usize::from(of)] += 1;
                }
                Step::Take { after_ms } => {
                    now += Duration::from_millis(after_ms);
                    let batch = lines.take(now);
                    let Some((_, before)) = batch.split_last() else { continue };
                    let events: usize = before.iter().map(Item::events).sum();
                    let bytes: usize = before.iter().map(Item::bytes).sum();
                    prop_assert!(events < BATCH_EVENTS && bytes < BATCH_BYTES);
                    for item in &batch {
                        let next = &mut taken[usize::from(item.account)];
                        prop_assert_eq!(item.number, *next, "of account {}", item.account);
                        *next += 1;
                    }
                }
            }
        }
        prop_assert_eq!(joined, taken, "nothing is left");
        prop_assert!(lines.is_empty(), "nothing is kept of who left");
    }

    #[test]
    fn who_waits_has_as_many_as_any_other(backlogs in proptest::collection::vec(0..3_000_usize, 2..40)) {
        let mut lines = Lines::new();
        for (of, count) in backlogs.iter().enumerate() {
            let of = u8::try_from(of).expect("few accounts");
            (0..*count).for_each(|number| lines.join(account(of), one(of, number)));
        }
        let mut left = backlogs.clone();
        let now = Instant::now();
        let several = backlogs.iter().filter(|count| **count > 0).count() > 1;
        loop {
            let mut had = vec![0; left.len()];
            for item in lines.take(now) {
                had[usize::from(item.account)] += 1;
                left[usize::from(item.account)] -= 1;
            }
            let most = had.iter().max().copied().unwrap_or_default();
            if most == 0 {
                break;
            }
            for (had, left) in had.iter().zip(&left) {
                prop_assert!(*left == 0 || had + 1 >= most, "{had} of a batch that gave {most}");
            }
            prop_assert!(!several || most <= PART_EVENTS, "a part is a part");
        }
        prop_assert!(left.iter().all(|left| *left == 0));
    }
}

#[test]
fn who_comes_late_is_in_the_next_batch_and_near_its_front() {
    let mut lines = Lines::new();
    (0..1_000).for_each(|number| lines.join(account(1), one(1, number)));
    let now = Instant::now();
    assert_eq!(lines.take(now).len(), 1_000, "who is alone has the whole batch");
    (0..1_000).for_each(|number| lines.join(account(1), one(1, number)));
    lines.join(account(2), one(2, 0));
    let batch = lines.take(now);
    assert_eq!(batch[1], one(2, 0));
    assert_eq!(batch.len(), PART_EVENTS + 1);
    // It may come again at any moment.
    assert_eq!(lines.take(now + CONTENDED / 2).len(), PART_EVENTS);
    assert_eq!(lines.take(now + CONTENDED).len(), 1_000 - 2 * PART_EVENTS);
}

#[tokio::test(start_paused = true)]
async fn an_account_holds_a_quarter_of_the_places_and_waits_for_more_no_longer_than_it_says() {
    let queue = Queue::new();
    let patience = Duration::from_secs(2);
    for number in 0..SHARE {
        let offered = queue.offer(account(1), one(1, number), patience).now_or_never();
        assert_eq!(offered, Some(Ok(())), "who finds a place does not wait");
    }
    assert_eq!(queue.offer_now(account(1), one(1, SHARE)), Err(Refused::Full));
    let begun = tokio::time::Instant::now();
    assert_eq!(queue.offer(account(1), one(1, SHARE), patience).await, Err(Refused::Full));
    assert!(begun.elapsed() >= patience);
    assert_eq!(queue.offer_now(account(2), one(2, 0)), Ok(()), "others have their places");
    let mut waits = Box::pin(queue.offer(account(1), one(1, SHARE), patience));
    assert_eq!(futures_util::poll!(&mut waits), std::task::Poll::Pending);
    let batch = queue.take().expect("a batch");
    assert_eq!(batch.len(), PART_EVENTS + 1);
    assert_eq!(waits.await, Ok(()), "a place is free once its append is taken");
    while !queue.inner().0.is_empty() {
        queue.take().expect("what is left");
    }
    assert!(queue.slots.is_empty(), "nothing is kept of who left");
    for of in 1..=4 {
        (0..SHARE)
            .for_each(|number| assert_eq!(queue.offer_now(account(of), one(of, number)), Ok(())));
    }
    assert_eq!(queue.offer_now(account(5), one(5, 0)), Err(Refused::Full), "so many in all");
}

#[tokio::test]
async fn what_is_closed_gives_what_it_has_and_what_is_abandoned_gives_nothing() {
    let patience = Duration::from_secs(2);
    let queue = Queue::new();
    assert_eq!(queue.offer_now(account(1), one(1, 0)), Ok(()));
    queue.close();
    assert_eq!(queue.offer(account(1), one(1, 1), patience).await, Err(Refused::Closed));
    assert_eq!(queue.take(), Some(vec![one(1, 0)]));
    assert_eq!(queue.take(), None);
    assert_eq!(queue.phase(), Phase::Closed);

    let queue = Queue::new();
    assert_eq!(queue.offer_now(account(1), one(1, 0)), Ok(()));
    queue.abandon();
    assert_eq!(queue.offer(account(1), one(1, 1), patience).await, Err(Refused::Closed));
    assert!(queue.inner().0.is_empty() && queue.slots.is_empty(), "who waits is let go");
    queue.close();
    assert_eq!(queue.phase(), Phase::Abandoned);
}

#[test]
fn a_taker_that_waits_is_woken() {
    let queue = Queue::new();
    std::thread::scope(|scope| {
        let taker = scope.spawn(|| (queue.take(), queue.take()));
        assert_eq!(queue.offer_now(account(1), one(1, 0)), Ok(()));
        // The first batch is taken before the end is told, or with it.
        queue.close();
        assert_eq!(taker.join().expect("no panic"), (Some(vec![one(1, 0)]), None));
    });
}
