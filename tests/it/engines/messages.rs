//! Pages of messages by number, anywhere in a conversation of any length.

use futures_util::{StreamExt, stream};
use parlor::domain::event::Event;
use parlor::domain::seq::Seq;
use parlor::engine::{Engine, Recorded};

use super::place::{Bench, Place};
use super::samples::Thread;

/// With people, who answer when they like: appends messages until there are `count`, with other events between them.
async fn grow(engine: &dyn Engine, thread: &Thread, from: usize, count: usize) {
    let mut waiting: Vec<Event> = Vec::new();
    for number in from..count {
        match number % 2 {
            1 => waiting.push(thread.agent_says("hi")),
            _ => {
                waiting.push(thread.inbound("hello").1);
                // Other events stand between messages, now and then many of them.
                let others = if number % 50 == 0 { 60 } else { number % 4 / 2 };
                for _ in 0..others {
                    waiting.push(thread.read(thread.inbound("x").0));
                }
            }
        }
        if waiting.len() > 500 {
            engine.append(std::mem::take(&mut waiting)).await.expect("appended");
        }
    }
    engine.append(waiting).await.expect("appended");
}

async fn all_messages(engine: &dyn Engine, thread: &Thread) -> Vec<Recorded> {
    let all = engine.timeline(thread.account, thread.id, Seq::START, 1_000_000).await;
    let is_message = |entry: &Recorded| entry.event.body.name().starts_with("message.");
    all.expect("readable").into_iter().filter(is_message).collect()
}

async fn check(engine: &dyn Engine, thread: &Thread, all: &[Recorded], skip: u64, limit: usize) {
    let page = engine.messages(thread.account, thread.id, skip, limit).await.expect("readable");
    let skipped = usize::try_from(skip).unwrap_or(usize::MAX);
    let expected: Vec<_> = all.iter().skip(skipped).take(limit).cloned().collect();
    assert!(page == expected, "{} messages: skip {skip}, limit {limit}", all.len());
}

async fn check_all(
    engine: &dyn Engine,
    thread: &Thread,
    all: &[Recorded],
    skips: impl Iterator<Item = u64>,
    limits: &[usize],
) {
    let pages = skips.flat_map(|skip| limits.iter().map(move |limit| (skip, *limit)));
    let checks = pages.map(|(skip, limit)| check(engine, thread, all, skip, limit));
    stream::iter(checks).for_each_concurrent(8, |check| check).await;
}

pub async fn any_page_of_messages_is_the_slice_of_all<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &*bench.engine;
    let thread = Thread::begun(engine).await;
    let mut there = 0;
    for count in [0, 1, 2, 49, 50, 51, 99, 100, 101, 130] {
        grow(engine, &thread, there, count).await;
        there = count;
        let all = all_messages(engine, &thread).await;
        assert_eq!(all.len(), count);
        let skips = 0..=count as u64 + 1;
        check_all(engine, &thread, &all, skips, &[0, 1, 7, 50, 51]).await;
        check(engine, &thread, &all, u64::MAX, 10).await;
    }
}

pub async fn a_page_deep_in_ten_thousand_messages_is_the_slice_of_all<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &*bench.engine;
    let (thread, neighbour) = (Thread::begun(engine).await, Thread::begun(engine).await);
    grow(engine, &neighbour, 0, 70).await;
    grow(engine, &thread, 0, 10_000).await;
    let all = all_messages(engine, &thread).await;
    assert_eq!(all.len(), 10_000);
    let around = |place: u64| place.saturating_sub(2)..=place + 2;
    let skips = (0..10_000).step_by(987).flat_map(around).chain((0..=10_050).step_by(150));
    let skips = skips.chain(9_960..=10_001);
    check_all(engine, &thread, &all, skips, &[1, 51]).await;
    check(engine, &thread, &all, 0, 20_000).await;
    check(engine, &thread, &all, 4_999, 4_999).await;
}
