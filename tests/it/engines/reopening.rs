//! What is there when the engine is opened again.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use parlor::domain::seq::Seq;
use parlor::engine::{Engine, Error, Recorded, Topic};
use parlor::projection::{conversations, turns_due};

use super::place::{Bench, Place, Seen};
use super::samples::Thread;
use crate::harness::wait::within;

/// All that an engine answers about some threads, as text.
pub async fn everything(engine: &dyn Engine, threads: &[Thread]) -> String {
    let mut all = Vec::new();
    for topic in [Topic::Events, Topic::Accounts] {
        for partition in 0..engine.partitions(topic) {
            let log = engine.read(topic, partition, Seq::START, 100_000).await.expect("readable");
            let end = engine.end(topic, partition).await.expect("readable");
            all.push(format!("{log:?} {end:?}"));
        }
    }
    for thread in threads {
        let (account, id) = (thread.account, thread.id);
        let state = engine.conversation(account, id).await.expect("readable");
        let contact = engine.contact(account, thread.contact).await.expect("readable");
        let timeline = engine.timeline(account, id, Seq::START, 10_000).await.expect("readable");
        let messages = engine.messages(account, id, 50, 10_000).await.expect("readable");
        let (claim, totals) = (engine.claim(account, "key").await, engine.totals(account).await);
        let list = conversations::list(engine, account, None, 100).await.expect("readable");
        all.push(format!("{state:?} {contact:?} {timeline:?} {messages:?} {claim:?} {totals:?}"));
        all.push(format!("{list:?}"));
    }
    for partition in 0..engine.partitions(Topic::Events) {
        all.push(format!("{:?}", turns_due::owed(engine, partition, Seq::START, 10_000).await));
    }
    all.join("\n")
}

/// Conversations of every kind.
pub async fn populate(engine: &dyn Engine) -> Vec<Thread> {
    join_all((0..8).map(|number| async move {
        let thread = Thread::begun(engine).await;
        engine.append(thread.administration()).await.expect("appended");
        // Of what is there already, nothing is applied.
        engine.append(thread.begin()).await.expect("appended");
        let (message, keyed) = thread.inbound_with_key("key");
        engine.append(vec![keyed, thread.reply(message, "hi")]).await.expect("appended");
        for _ in 0..number * 10 {
            let (message, inbound) = thread.inbound("hello");
            let all = vec![inbound, thread.reply(message, "hi"), thread.read(message)];
            engine.append(all).await.expect("appended");
        }
        let (message, inbound) = thread.inbound("the last one");
        engine.append(vec![inbound]).await.expect("appended");
        let end = match number % 4 {
            0 => thread.escalated(message),
            1 => thread.resolved(),
            2 => thread.assigned(),
            _ => thread.read(message),
        };
        engine.append(vec![end]).await.expect("appended");
        thread
    }))
    .await
}

pub async fn everything_is_there_after_closing<P: Place>() {
    let bench = Bench::<P>::make().await;
    let threads = populate(&*bench.engine).await;
    let before = everything(&*bench.engine, &threads).await;
    let bench = bench.close_and_reopen().await;
    assert!(everything(&*bench.engine, &threads).await == before, "closing has changed something");
    let again = bench.seen.told();
    // Nodes hear administration from its beginning.
    let is_told = |entry: &Recorded| !entry.event.body.is_administrative();
    assert!(!again.iter().any(is_told), "nothing is told again");
    assert!(bench.engine.relay().is_some() || again.is_empty(), "nothing at all");
}

pub async fn everything_is_there_after_dropping<P: Place>() {
    let bench = Bench::<P>::make().await;
    let threads = populate(&*bench.engine).await;
    let before = everything(&*bench.engine, &threads).await;
    let bench = bench.drop_and_reopen().await;
    assert!(everything(&*bench.engine, &threads).await == before, "dropping has changed something");
}

pub async fn positions_go_on_after_reopening<P: Place>() {
    let mut bench = Bench::<P>::make().await;
    let thread = Thread::begun(&*bench.engine).await;
    let mut last = bench.end(&thread).await;
    for count in 1..=3 {
        bench = bench.close_and_reopen().await;
        let (_, inbound) = thread.inbound("hello");
        let result = bench.engine.append(vec![inbound]).await.expect("appended")[0];
        assert!(result.seq > last, "a position is never given twice");
        last = result.seq;
        let state = bench.engine.conversation(thread.account, thread.id).await.expect("readable");
        assert_eq!(state.map(|state| state.message_count), Some(count));
    }
}

pub async fn a_closed_engine_takes_no_writes_and_says_so<P: Place>() {
    let bench = Bench::<P>::make().await;
    let health = bench.engine.health();
    assert_eq!((health.writable, health.readable, health.detail), (true, true, None));
    let thread = Thread::begun(&*bench.engine).await;
    bench.engine.close().await;
    let refused = bench.engine.append(vec![thread.inbound("hello").1]).await;
    assert!(matches!(refused, Err(Error::ReadOnly(_))), "{refused:?}");
    let health = bench.engine.health();
    assert!(!health.writable && health.detail.is_some(), "{health:?}");
    bench.engine.close().await;
}

pub async fn closing_finishes_what_waits<P: Place>() {
    let bench = Bench::<P>::make().await;
    let thread = Thread::begun(&*bench.engine).await;
    // Each is asked for, and none is awaited before the engine closes.
    let mut waiting = Vec::new();
    for _ in 0..200 {
        let mut append = bench.engine.append(vec![thread.inbound("hello").1]);
        assert!((&mut append).now_or_never().is_none_or(|done| done.is_ok()));
        waiting.push(append);
    }
    within("closing, although nobody awaits the appends", bench.engine.close()).await;
    drop(waiting);
    let bench = bench.drop_and_reopen().await;
    let state = bench.engine.conversation(thread.account, thread.id).await.expect("readable");
    assert_eq!(state.map(|state| state.message_count), Some(200));
    let reads = (0..4).map(|skip| bench.engine.messages(thread.account, thread.id, skip * 50, 50));
    let pages = join_all(reads).await;
    assert!(pages.into_iter().all(|page| page.expect("readable").len() == 50));
}

pub async fn closing_gives_everything_back<P: Place>() {
    let bench = Bench::<P>::make().await;
    Thread::begun(&*bench.engine).await;
    bench.engine.close().await;
    // The handle is still held, as by a request that has not ended.
    let again = bench.place.open(Arc::new(Seen::default())).await;
    let again = again.unwrap_or_else(|error| panic!("the place is still taken: {error}"));
    Thread::begun(&*again).await;
}
