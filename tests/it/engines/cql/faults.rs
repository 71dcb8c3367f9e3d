//! A store that dies, hangs and comes back.

use std::time::{Duration, Instant};

use parlor::domain::seq::Seq;
use parlor::engine::Error;
use parlor::engine::cluster::cql::{Cql, migrate};

use super::stage::{Partition, fresh_name, settings};
use crate::engines::samples::{Thread, events};
use crate::harness::services::{Service, Services};
use crate::harness::wait::{eventually, within};

/// A link looks for a store that is away twice a second; connecting takes its time on a busy machine.
const BACK_WITHIN: Duration = Duration::from_secs(5);

async fn store() -> (Services, Cql) {
    let services = Services::own_of(&[Service::Cassandra]).await;
    let settings = settings(&services.cql, &fresh_name());
    migrate(&settings).await.expect("migrated");
    (services, Cql::open(&settings).await.expect("opened"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_written_survives_kill_9_and_writing_goes_on_by_itself() {
    let (services, cql) = store().await;
    let (s, writer) = (Thread::new(), cql.clone());
    let (told, mut tell) = tokio::sync::mpsc::unbounded_channel();
    let thread = s.clone();
    let writing = tokio::spawn(async move {
        let (mut partition, mut failures) = (Partition::new(), 0);
        let mut written = Vec::new();
        while !told.is_closed() {
            let events = if written.is_empty() {
                thread.begin()
            } else {
                vec![thread.inbound("hello").1, thread.inbound("again").1]
            };
            let commit = partition.commit(events);
            // As the projector does: the same commit until it is written.
            while let Err(error) = writer.write(&commit).await {
                assert!(matches!(error, Error::ReadOnly(_) | Error::Unknown), "{error}");
                failures += 1;
                assert!(failures < 1_000, "it does not come back");
            }
            written.extend(commit.conversations.into_iter().flat_map(|rows| rows.events));
            told.send(written.len()).ok();
        }
        (written, failures)
    });
    while within("some writes", tell.recv()).await.expect("writing") < 50 {}
    services.kill(Service::Cassandra).await;
    eventually("reads say that the store is away", || async {
        cql.contact(s.account, s.contact).await.err()
    })
    .await;
    assert!(!cql.ping().await);
    services.start(Service::Cassandra).await;
    let back = Instant::now();
    eventually("the store is used again", || async { cql.ping().await.then_some(()) }).await;
    assert!(back.elapsed() < BACK_WITHIN, "{:?}", back.elapsed());
    let mut more = 0;
    while more < 50 {
        within("more writes", tell.recv()).await.expect("writing");
        more += 1;
    }
    drop(tell);
    let (written, _) = within("the writer's end", writing).await.expect("no panic");
    let found = cql.timeline(s.account, s.id, Seq::START, usize::MAX).await.expect("readable");
    assert_eq!(events(&found), events(&written));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_for_long_is_used_as_soon_as_it_is_back() {
    let (services, cql) = store().await;
    services.stop(Service::Cassandra).await;
    let away = Instant::now();
    // By then the driver looks for a node that is away every ten seconds only.
    eventually("the driver's pauses are long", || async {
        let error = cql.conversation(Thread::new().account, Thread::new().id).await.err()?;
        assert!(matches!(error, Error::ReadOnly(_)), "{error}");
        assert!(error.to_string().contains("the CQL store is unreachable"), "{error}");
        (away.elapsed() > Duration::from_secs(13)).then_some(())
    })
    .await;
    assert!(!cql.is_reachable());
    services.start(Service::Cassandra).await;
    let back = Instant::now();
    eventually("the store is used again", || async { cql.ping().await.then_some(()) }).await;
    assert!(back.elapsed() < BACK_WITHIN, "{:?}", back.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_hangs_is_noticed_and_no_call_hangs_with_it() {
    let (services, cql) = store().await;
    let s = Thread::new();
    services.pause(Service::Cassandra).await;
    assert!(!within("the ping to give up", cql.ping()).await);
    let read = within("the read to give up", cql.contact(s.account, s.contact)).await;
    assert!(matches!(read, Err(Error::ReadOnly(_))), "{read:?}");
    let commit = Partition::new().commit(s.begin());
    let write = within("the write to give up", cql.write(&commit)).await;
    assert!(matches!(write, Err(Error::ReadOnly(_) | Error::Unknown)), "{write:?}");
    services.cont(Service::Cassandra).await;
    eventually("the store is used again", || async { cql.ping().await.then_some(()) }).await;
    cql.write(&commit).await.expect("written");
}
