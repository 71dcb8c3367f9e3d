//! Many callers at once.

use std::collections::HashMap;

use futures_util::future::join_all;
use parlor::domain::event::Event;
use parlor::domain::seq::Seq;
use parlor::engine::Topic;

use super::place::{Bench, Place};
use super::samples::{Thread, events};

const TASKS: usize = 32;
const APPENDS: usize = 20;

/// Every task appends to a conversation of its own and to one that all share; gives what each
/// appended, in its order.
async fn crowd<P: Place>(bench: &Bench<P>, shared: &Thread) -> Vec<(Thread, Vec<Vec<Event>>)> {
    let tasks = (0..TASKS).map(|task| {
        let (engine, shared) = (bench.engine.clone(), shared.clone());
        tokio::spawn(async move {
            let own = Thread::begun(&*engine).await;
            let mut appended = Vec::new();
            for number in 0..APPENDS {
                let thread = if number % 2 == 0 { &own } else { &shared };
                let text = format!("{task} {number}");
                let more = (0..=number % 4).map(|_| thread.inbound(&text).1);
                let batch: Vec<_> = more.collect();
                let results = engine.append(batch.clone()).await.expect("appended");
                assert_eq!(results.len(), batch.len());
                appended.push(batch);
            }
            (own, appended)
        })
    });
    join_all(tasks).await.into_iter().map(|task| task.expect("no task fails")).collect()
}

pub async fn appends_from_many_tasks_are_all_there_once_and_in_their_order<P: Place>() {
    let bench = Bench::<P>::make().await;
    let shared = Thread::begun(&*bench.engine).await;
    let all = crowd(&bench, &shared).await;
    let mut shared_count = 0;
    let timeline = bench.engine.timeline(shared.account, shared.id, Seq::START, 100_000).await;
    let timeline = events(&timeline.expect("readable"));
    let places: HashMap<_, _> =
        timeline.iter().enumerate().map(|(place, event)| (event.id, place)).collect();
    assert_eq!(places.len(), timeline.len(), "nothing is there twice");
    for (own, appended) in &all {
        let (mine, ours): (Vec<&Event>, Vec<&Event>) =
            appended.iter().flatten().partition(|event| event.account == own.account);
        let page = bench.engine.messages(own.account, own.id, 0, 100_000).await.expect("readable");
        assert_eq!(events(&page).iter().collect::<Vec<_>>(), mine);
        let order: Vec<_> = ours.iter().map(|event| places[&event.id]).collect();
        assert!(order.is_sorted(), "each task's events are in its order");
        shared_count += ours.len();
    }
    assert_eq!(timeline.len(), shared_count + 1, "the start and all messages");
    let told = bench.seen.told();
    let expected = all.iter().flat_map(|(_, appended)| appended.iter().flatten()).count();
    let begun = bench.count_told(&shared.begin()) * (TASKS + 1);
    assert_eq!(told.len(), expected + begun, "observers were told of each once");
}

pub async fn the_events_of_an_append_stand_together<P: Place>() {
    let bench = Bench::<P>::make().await;
    let shared = Thread::begun(&*bench.engine).await;
    let all = crowd(&bench, &shared).await;
    for partition in 0..bench.engine.partitions(Topic::Events) {
        let log = bench.engine.read(Topic::Events, partition, Seq::START, 1_000_000).await;
        let log = events(&log.expect("readable"));
        let places: HashMap<_, _> =
            log.iter().enumerate().map(|(place, event)| (event.id, place)).collect();
        for batch in all.iter().flat_map(|(_, appended)| appended) {
            let Some(first) = places.get(&batch[0].id) else { continue };
            assert_eq!(log[*first..*first + batch.len()], batch[..], "with none between them");
        }
    }
}
