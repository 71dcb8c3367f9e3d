//! The indexer: it follows the views, falls behind when it must, and loses nothing.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parlor::domain::event::Event;
use parlor::domain::seq::Seq;
use parlor::engine::{Recorded, SEARCH_TRAILS, Search};
use reqwest::Method;

use super::stage::{PARTITION, Stage, Views, inbound};
use crate::engines::samples::Thread;
use crate::harness::services::{Service, Services};
use crate::harness::wait::eventually;

/// The next messages of a thread after what the views hold.
fn next(views: &Views, thread: &Thread, count: u64, text: &str) -> Vec<Recorded> {
    let end = views.end().get();
    (1..=count).map(|n| inbound(thread, end + n, text)).collect()
}

#[tokio::test]
async fn what_is_pushed_is_found_and_the_checkpoint_follows() {
    let stage = Stage::shared().await;
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    let (indexer, owner) = views.indexer(&stage);
    views.commit(&owner, &next(&views, &thread, 1, "first"));
    views.indexed(&indexer).await;
    let before = views.pages().len();
    views.commit(&owner, &next(&views, &thread, 3, "second"));
    let pushed = tokio::time::Instant::now();
    let found = || async {
        let found = stage.search.conversations(thread.account, "second", 10).await;
        (found.expect("searched") == [thread.id]).then_some(())
    };
    eventually("what was pushed is found", found).await;
    assert!(pushed.elapsed() < 3 * SEARCH_TRAILS, "{:?}", pushed.elapsed());
    views.indexed(&indexer).await;
    assert_eq!(indexer.lag(), Duration::ZERO);
    assert_eq!(views.pages().len(), before, "the backlog is not read while the indexer keeps up");
    indexer.close().await;
    assert_eq!(views.checkpoint(), Some(Seq::new(4)));
}

#[tokio::test]
async fn events_that_are_no_messages_are_passed_over() {
    let stage = Stage::shared().await;
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    let (indexer, owner) = views.indexer(&stage);
    let assigned = Recorded { seq: Seq::new(2), event: Arc::new(thread.assigned()) };
    let again = Recorded { seq: Seq::new(3), event: Arc::new(thread.assigned()) };
    views.commit(&owner, &[inbound(&thread, 1, "hello"), assigned]);
    views.indexed(&indexer).await;
    views.commit(&owner, &[again]);
    views.indexed(&indexer).await;
    assert_eq!(indexer.checkpoint(PARTITION), Seq::new(3));
    assert_eq!(stage.count().await, 1);
}

#[tokio::test]
async fn an_indexer_that_starts_behind_reads_the_backlog_and_a_later_one_does_not() {
    let stage = Stage::shared().await;
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    views.keep(&next(&views, &thread, 1_700, "from before"));
    let (indexer, owner) = views.indexer(&stage);
    views.commit(&owner, &next(&views, &thread, 5, "from now"));
    views.indexed(&indexer).await;
    indexer.close().await;
    assert_eq!(stage.count().await, views.count());
    assert!(views.pages().len() >= 4, "pages are bounded: {:?}", views.pages());
    let before = views.pages().len();
    let (indexer, owner) = views.indexer(&stage);
    views.indexed(&indexer).await;
    assert_eq!(views.pages().len(), before, "a stored checkpoint is where the next one begins");
    // Another node owns the partition for a while, and indexes nothing.
    drop(owner);
    assert_eq!(indexer.checkpoint(PARTITION), Seq::START);
    views.keep(&next(&views, &thread, 3, "elsewhere"));
    let _owner = indexer.own(PARTITION, views.end());
    views.indexed(&indexer).await;
    assert_eq!(views.pages().last(), Some(&Seq::new(1_705)));
    assert_eq!(stage.count().await, views.count());
}

#[tokio::test]
async fn a_former_owner_that_goes_late_does_not_take_the_present_one_with_it() {
    let stage = Stage::shared().await;
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    let (indexer, former) = views.indexer(&stage);
    views.commit(&former, &next(&views, &thread, 5, "first"));
    views.indexed(&indexer).await;
    // The present one begins where the former had stored its checkpoint, and repeats the rest.
    let present = indexer.own(PARTITION, views.end());
    let repeated = next(&views, &thread, 5, "second");
    views.commit(&former, &repeated);
    drop(former);
    views.commit(&present, &repeated);
    views.commit(&present, &next(&views, &thread, 5, "third"));
    views.indexed(&indexer).await;
    assert_eq!(stage.count().await, views.count());
}

#[tokio::test]
async fn an_index_that_was_lost_is_filled_anew_from_the_beginning() {
    let stage = Stage::shared().await;
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    let (indexer, owner) = views.indexer(&stage);
    views.commit(&owner, &next(&views, &thread, 40, "kept"));
    views.indexed(&indexer).await;
    stage.call(Method::DELETE, "", "").await;
    views.commit(&owner, &next(&views, &thread, 1, "after the loss"));
    let whole = || async { (stage.count().await == views.count()).then_some(()) };
    eventually("the new index holds everything", whole).await;
    assert_eq!(stage.found(thread.account, "kept").await, [thread.id]);
    let mapping = stage.call(Method::GET, "/_mapping", "").await.to_string();
    assert!(mapping.contains("\"dynamic\":\"strict\""), "it was made by us: {mapping}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_opensearch_is_killed_again_and_again() {
    let services = Services::own_of(&[Service::OpenSearch]).await;
    let stage = Stage::at(&services.search);
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    let (indexer, owner) = views.indexer(&stage);
    for round in 0..2 {
        // Commits go on before, while and after it is away; none waits for search.
        let some = async |commits: u64| {
            for _ in 0..commits {
                views.commit(&owner, &next(&views, &thread, 20, "on and on"));
                tokio::task::yield_now().await;
            }
        };
        some(50).await;
        let begun = || async { (indexer.checkpoint(PARTITION) > Seq::START).then_some(()) };
        eventually("indexing has begun", begun).await;
        let (_, ()) = tokio::join!(services.kill(Service::OpenSearch), some(50));
        some(20).await;
        let behind = || async { (indexer.lag() > Duration::ZERO).then_some(()) };
        eventually("the lag is known", behind).await;
        assert!(stage.search.conversations(thread.account, "on", 1).await.is_err());
        services.start(Service::OpenSearch).await;
        some(1).await;
        views.indexed(&indexer).await;
        assert_eq!(stage.count().await, views.count(), "round {round}");
        assert_eq!(indexer.lag(), Duration::ZERO);
    }
    indexer.close().await;
    assert_eq!(views.checkpoint(), Some(views.end()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_while_opensearch_does_not_answer() {
    const BOUND: usize = 40 << 20;
    let services = Services::own_of(&[Service::OpenSearch]).await;
    let stage = Stage::at(&services.search);
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    let (indexer, owner) = views.indexer(&stage);
    views.commit(&owner, &next(&views, &thread, 1, "begun"));
    views.indexed(&indexer).await;
    services.pause(Service::OpenSearch).await;
    // A hundred megabytes are told of; nobody but the indexer holds them.
    let text = "x".repeat(10_000);
    let mut told: Vec<Weak<Event>> = Vec::new();
    for n in 0..100 {
        let commit: Vec<_> =
            (1..=100).map(|m| inbound(&thread, 1_000_000 + n * 100 + m, &text)).collect();
        told.extend(commit.iter().map(|message| Arc::downgrade(&message.event)));
        let up_to = commit.last().expect("not empty").seq;
        owner.try_push(&commit, up_to);
    }
    let held = told.iter().filter(|event| event.strong_count() > 0).count() * text.len();
    assert!(held < BOUND, "{held} bytes are held");
    services.cont(Service::OpenSearch).await;
    indexer.close().await;
}

#[tokio::test]
async fn an_indexer_starts_and_ends_while_opensearch_is_away() {
    let stage = Stage::at("http://127.0.0.1:9");
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    views.keep(&next(&views, &thread, 3, "waiting"));
    let (indexer, owner) = views.indexer(&stage);
    views.commit(&owner, &next(&views, &thread, 1, "more"));
    let behind = || async { (stage.search.lag() > Duration::ZERO).then_some(()) };
    eventually("who asks search is told that it lags", behind).await;
    assert_eq!(indexer.checkpoint(PARTITION), Seq::START);
    indexer.close().await;
    assert_eq!(views.checkpoint(), None, "what is not indexed has no checkpoint");
}
