//! Search as a follower: it falls behind when it must, and loses nothing.

use std::sync::Arc;
use std::time::Duration;

use parlor::domain::seq::Seq;
use parlor::engine::{Recorded, SEARCH_TRAILS, Search};
use reqwest::Method;

use super::stage::{Stage, Views, inbound};
use crate::engines::samples::Thread;
use crate::harness::services::{Service, Services};
use crate::harness::wait::eventually;

/// The next messages of a thread after what the views hold.
fn next(views: &Views, thread: &Thread, count: u64, text: &str) -> Vec<Recorded> {
    let end = views.end().get();
    (1..=count).map(|n| inbound(thread, end + n, text)).collect()
}

/// Waits until the search that follows is said to be up with the views.
async fn up(stage: &Stage) {
    let up = || async { (stage.search.lag() == Duration::ZERO).then_some(()) };
    eventually("nothing lags", up).await;
}

#[tokio::test]
async fn what_is_applied_is_found_in_time_and_the_place_follows() {
    let stage = Stage::shared().await;
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    let following = views.followed(&stage);
    views.commit(&next(&views, &thread, 1, "first"));
    views.indexed().await;
    views.commit(&next(&views, &thread, 3, "second"));
    let told = tokio::time::Instant::now();
    let found = || async {
        let found = stage.search.conversations(thread.account, "second", 10).await;
        (found.expect("searched") == [thread.id]).then_some(())
    };
    eventually("what was applied is found", found).await;
    assert!(told.elapsed() < 3 * SEARCH_TRAILS, "{:?}", told.elapsed());
    views.indexed().await;
    up(&stage).await;
    following.end().await;
    assert_eq!(views.checkpoint(), Some(Seq::new(4)));
}

#[tokio::test]
async fn events_that_are_no_messages_are_passed_over() {
    let stage = Stage::shared().await;
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    let following = views.followed(&stage);
    let assigned = Recorded { seq: Seq::new(2), event: Arc::new(thread.assigned()) };
    let again = Recorded { seq: Seq::new(3), event: Arc::new(thread.assigned()) };
    views.commit(&[inbound(&thread, 1, "hello"), assigned]);
    views.indexed().await;
    views.commit(&[again]);
    views.indexed().await;
    assert_eq!(views.checkpoint(), Some(Seq::new(3)));
    assert_eq!(stage.count().await, 1);
    following.end().await;
}

#[tokio::test]
async fn who_starts_behind_reads_all_in_pages_and_a_later_one_goes_on() {
    let stage = Stage::shared().await;
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    views.keep(&next(&views, &thread, 1_700, "from before"));
    let following = views.followed(&stage);
    views.commit(&next(&views, &thread, 5, "from now"));
    views.indexed().await;
    following.end().await;
    assert_eq!(stage.count().await, views.count());
    let before = views.reads().len();
    assert!(before >= 4, "pages are bounded: {:?}", views.reads());
    let following = views.followed(&stage);
    views.commit(&next(&views, &thread, 1, "after a restart"));
    views.indexed().await;
    assert_eq!(views.reads()[before], Seq::new(1_705), "a stored place is where the next begins");
    // Another node owns the partition for a while, and indexes nothing.
    views.own(false);
    let left = views.reads().len();
    views.keep(&next(&views, &thread, 3, "elsewhere"));
    views.own(true);
    views.indexed().await;
    assert!(views.reads()[left..].iter().all(|after| *after >= Seq::new(1_706)));
    following.end().await;
    assert_eq!(stage.count().await, views.count());
}

#[tokio::test]
async fn an_index_that_was_lost_is_filled_anew_from_the_beginning() {
    let stage = Stage::shared().await;
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    let following = views.followed(&stage);
    views.commit(&next(&views, &thread, 40, "kept"));
    views.indexed().await;
    stage.call(Method::DELETE, "", "").await;
    views.commit(&next(&views, &thread, 1, "after the loss"));
    let whole = || async { (stage.count().await == views.count()).then_some(()) };
    eventually("the new index holds everything", whole).await;
    assert_eq!(stage.found(thread.account, "kept").await, [thread.id]);
    let mapping = stage.call(Method::GET, "/_mapping", "").await.to_string();
    assert!(mapping.contains("\"dynamic\":\"strict\""), "it was made by us: {mapping}");
    following.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_opensearch_is_killed_again_and_again() {
    let services = Services::own_of(&[Service::OpenSearch]).await;
    let stage = Stage::at(&services.search);
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    let following = views.followed(&stage);
    for round in 0..2 {
        // Commits go on before, while and after it is away; none waits for search.
        let some = async |commits: u64| {
            for _ in 0..commits {
                views.commit(&next(&views, &thread, 20, "on and on"));
                tokio::task::yield_now().await;
            }
        };
        some(50).await;
        let begun = || async { views.checkpoint().map(drop) };
        eventually("indexing has begun", begun).await;
        let (_, ()) = tokio::join!(services.kill(Service::OpenSearch), some(50));
        some(20).await;
        let behind = || async { (stage.search.lag() > Duration::ZERO).then_some(()) };
        eventually("the lag is known", behind).await;
        assert!(stage.search.conversations(thread.account, "on", 1).await.is_err());
        services.start(Service::OpenSearch).await;
        some(1).await;
        views.indexed().await;
        assert_eq!(stage.count().await, views.count(), "round {round}");
        up(&stage).await;
    }
    following.end().await;
    assert_eq!(views.checkpoint(), Some(views.end()));
}

#[tokio::test]
async fn following_starts_and_ends_while_opensearch_is_away() {
    let stage = Stage::at("http://127.0.0.1:9");
    let (views, thread) = (Arc::new(Views::default()), Thread::new());
    views.keep(&next(&views, &thread, 3, "waiting"));
    let following = views.followed(&stage);
    views.commit(&next(&views, &thread, 1, "more"));
    let behind = || async { (stage.search.lag() > Duration::ZERO).then_some(()) };
    eventually("who asks search is told that it lags", behind).await;
    following.end().await;
    assert_eq!(views.checkpoint(), None, "what is not indexed has no place");
}
