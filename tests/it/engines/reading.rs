//! Reading the log and timelines, page by page.

use parlor::domain::seq::Seq;
use parlor::engine::{Recorded, Topic};
use parlor::projection::turns_due;

use super::place::{Bench, Place};
use super::samples::Thread;

/// Two conversations, their messages mixed.
async fn mixed<P: Place>(bench: &Bench<P>) -> [Thread; 2] {
    let threads = [Thread::begun(&*bench.engine).await, Thread::begun(&*bench.engine).await];
    for number in 0..150 {
        let thread = &threads[(number / 3) % 2];
        let (message, inbound) = thread.inbound("hello");
        let all = [inbound, thread.agent_says("hi"), thread.read(message)];
        bench.engine.append(all[..=number % 3].to_vec()).await.expect("appended");
    }
    threads
}

/// Checks `page(after, limit)` from every place and with several limits against all at once.
async fn paged<F>(all: &[Recorded], page: impl Fn(Seq, usize) -> F)
where
    F: Future<Output = Vec<Recorded>>,
{
    for limit in [1, 2, 7, 100, 10_000] {
        let mut found = Vec::new();
        let mut after = Seq::START;
        loop {
            let part = page(after, limit).await;
            assert!(part.len() <= limit);
            let Some(last) = part.last() else { break };
            after = last.seq;
            found.extend(part);
        }
        assert_eq!(found, all, "{limit} at a time");
    }
    for (index, entry) in all.iter().enumerate() {
        let rest = &all[index + 1..];
        assert_eq!(page(entry.seq, 3).await, rest[..rest.len().min(3)]);
    }
    assert_eq!(page(Seq::START, 0).await, []);
}

pub async fn the_log_is_paged_from_anywhere<P: Place>() {
    let bench = Bench::<P>::make().await;
    mixed(&bench).await;
    let engine = &bench.engine;
    let mut count = 0;
    for partition in 0..engine.partitions(Topic::Events) {
        let page = |after, limit| async move {
            engine.read(Topic::Events, partition, after, limit).await.expect("readable")
        };
        let all = page(Seq::START, 10_000).await;
        count += all.len();
        paged(&all, page).await;
    }
    assert_eq!(count, 4 + 300, "all events of all partitions");
}

pub async fn the_end_is_the_position_of_the_last_event<P: Place>() {
    let bench = Bench::<P>::make().await;
    let engine = &bench.engine;
    for topic in [Topic::Events, Topic::Accounts] {
        for partition in 0..engine.partitions(topic) {
            assert_eq!(engine.end(topic, partition).await.expect("readable"), Seq::START);
        }
    }
    mixed(&bench).await;
    engine.append(Thread::new().administration()).await.expect("appended");
    for topic in [Topic::Events, Topic::Accounts] {
        for partition in 0..engine.partitions(topic) {
            let all = engine.read(topic, partition, Seq::START, 10_000).await.expect("readable");
            let last = all.last().map_or(Seq::START, |last| last.seq);
            assert_eq!(engine.end(topic, partition).await.expect("readable"), last);
        }
    }
}

pub async fn what_is_beyond_the_end_or_nowhere_is_empty<P: Place>() {
    let bench = Bench::<P>::make().await;
    let [thread, _] = mixed(&bench).await;
    let engine = &bench.engine;
    for after in [Seq::new(1 << 60), Seq::new(u64::MAX - 1), Seq::new(u64::MAX)] {
        assert_eq!(engine.read(Topic::Events, 0, after, 10).await.expect("readable"), []);
        let page = engine.timeline(thread.account, thread.id, after, 10).await;
        assert_eq!(page.expect("readable"), []);
        assert_eq!(turns_due::owed(&**engine, 0, after, 10).await.expect("readable"), []);
    }
    let nowhere = engine.partitions(Topic::Events);
    assert_eq!(engine.read(Topic::Events, nowhere, Seq::START, 10).await.expect("readable"), []);
    assert_eq!(engine.end(Topic::Events, nowhere).await.expect("readable"), Seq::START);
    assert_eq!(turns_due::owed(&**engine, nowhere, Seq::START, 10).await.expect("readable"), []);
    let unknown = Thread::new();
    let page = engine.timeline(unknown.account, unknown.id, Seq::START, 10).await;
    assert_eq!(page.expect("readable"), []);
    let page = engine.messages(unknown.account, unknown.id, 0, 10).await.expect("readable");
    assert_eq!(page, []);
    let state = engine.conversation(unknown.account, unknown.id).await.expect("readable");
    assert_eq!(state, None);
    assert_eq!(engine.contact(unknown.account, unknown.contact).await.expect("readable"), None);
}

pub async fn a_timeline_is_paged_from_anywhere<P: Place>() {
    let bench = Bench::<P>::make().await;
    let threads = mixed(&bench).await;
    let engine = &bench.engine;
    for thread in &threads {
        let page = |after, limit| async move {
            engine.timeline(thread.account, thread.id, after, limit).await.expect("readable")
        };
        let all = page(Seq::START, 10_000).await;
        assert!(all.iter().all(|entry| entry.event.body.conversation() == Some(thread.id)));
        assert_eq!(all.len(), 1 + 150, "the start, and half of what was appended");
        paged(&all, page).await;
    }
}

pub async fn a_timeline_is_paged_backwards_from_anywhere<P: Place>() {
    let bench = Bench::<P>::make().await;
    let threads = mixed(&bench).await;
    let engine = &bench.engine;
    for thread in &threads {
        let page = |before, limit| async move {
            let found = engine.timeline_before(thread.account, thread.id, before, limit);
            found.await.expect("readable")
        };
        let all = engine.timeline(thread.account, thread.id, Seq::START, 10_000).await;
        let all = all.expect("readable");
        for end in [Seq::new(1 << 60), Seq::new(u64::MAX - 1), Seq::new(u64::MAX)] {
            assert_eq!(page(end, 10_000).await, all);
        }
        for limit in [1, 2, 7, 100] {
            let mut found = Vec::new();
            let mut before = Seq::new(u64::MAX);
            loop {
                let part = page(before, limit).await;
                assert!(part.len() <= limit);
                let Some(first) = part.first() else { break };
                before = first.seq;
                found.splice(0..0, part);
            }
            assert_eq!(found, all, "{limit} at a time");
        }
        for (index, entry) in all.iter().enumerate() {
            assert_eq!(page(entry.seq, 3).await, all[index.saturating_sub(3)..index]);
        }
        assert_eq!(page(Seq::START, 3).await, []);
        assert_eq!(page(Seq::new(u64::MAX), 0).await, []);
    }
    let unknown = Thread::new();
    let page = engine.timeline_before(unknown.account, unknown.id, Seq::new(u64::MAX), 3).await;
    assert_eq!(page.expect("readable"), []);
}
