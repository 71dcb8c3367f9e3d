//! Observers: told in the order of the log, of what can be read already.
//!
//! An engine with a relay tells of each conversation in its order, and of those that are watched.

use futures_util::future::join_all;
use parlor::domain::seq::Seq;
use parlor::engine::{Recorded, Topic};

use super::place::{Bench, Place};
use super::samples::Thread;

async fn busy<P: Place>(bench: &Bench<P>) -> Vec<Thread> {
    let tasks = (0..16).map(|_| {
        let engine = bench.engine.clone();
        tokio::spawn(async move {
            let thread = Thread::begun(&*engine).await;
            for _ in 0..20 {
                let (message, inbound) = thread.inbound("hello");
                let reply = thread.reply(message, "hi");
                // The second reply is discarded.
                let all = vec![inbound, reply.clone(), reply];
                engine.append(all).await.expect("appended");
            }
            thread
        })
    });
    join_all(tasks).await.into_iter().map(|task| task.expect("no task fails")).collect()
}

pub async fn observers_are_told_in_the_order_of_the_log<P: Place>() {
    let bench = Bench::<P>::make().await;
    let threads = busy(&bench).await;
    let told = bench.seen.told();
    for partition in 0..bench.engine.partitions(Topic::Events) {
        let log = bench.engine.read(Topic::Events, partition, Seq::START, 100_000).await;
        let log = log.expect("readable");
        // A reply and its repetition are the same event at two positions; the first was applied.
        let mut applied = Vec::new();
        for entry in &log {
            if applied.last().is_none_or(|last: &Recorded| last.event != entry.event) {
                applied.push(entry.clone());
            }
        }
        for thread in threads.iter().filter(|thread| bench.partition(thread) == partition) {
            let of_thread = |entry: &&Recorded| entry.event.body.conversation() == Some(thread.id);
            assert!(told.iter().filter(of_thread).eq(applied.iter().filter(of_thread)));
        }
        if bench.engine.relay().is_none() {
            let of_partition = told.iter().filter(|told| log.contains(told)).cloned();
            assert_eq!(of_partition.collect::<Vec<_>>(), applied);
        }
    }
    let begun = bench.count_told(&threads[0].begin());
    assert_eq!(told.len(), 16 * (begun + 20 * 2), "what was discarded is not told");
}

pub async fn observers_are_told_what_can_be_read_already<P: Place>() {
    let bench = Bench::<P>::made_looking().await;
    busy(&bench).await;
    assert!(!bench.seen.told().is_empty());
    assert_eq!(bench.seen.early(), [], "these could not be read when observers were told");
}
