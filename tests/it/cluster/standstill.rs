//! A node whose partitions do not advance, or whose tables are gone, says so and takes nothing.

use std::time::Duration;

use parlor::domain::seq::Seq;
use parlor::engine::cluster::cql::Cql;
use parlor::engine::cluster::{Cluster, migrate};
use parlor::engine::{Engine as _, Error, EventLog as _};
use scylla::client::session_builder::SessionBuilder;

use super::ground::{clean, ground, open, reader, traffic};
use crate::engines::samples::Thread;
use crate::harness::wait::{eventually_in, within_time};

/// Far less than what an append waits for that cannot come.
const AT_ONCE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_advance_or_lost_its_tables_refuses_and_says_why() {
    let settings = ground(1).await;
    // A reader that is given nothing, though there is something.
    let mut deaf = settings.clone();
    for (name, value) in [("fetch.min.bytes", "100000000"), ("fetch.wait.max.ms", "50000")] {
        deaf.kafka.options.insert(name.to_owned(), value.to_owned());
    }
    let engine = open(&deaf).await;
    let sending = tokio::spawn({
        let engine = engine.clone();
        async move { engine.append(Thread::new().begin()).await.map(drop) }
    });
    refuses(&engine, "has not advanced").await;
    sending.abort();
    drop(engine);

    let engine = open(&settings).await;
    traffic(&engine, 2, 2).await;
    let session = SessionBuilder::new().known_nodes(&settings.cql.hosts).build().await;
    let session = session.expect("a session");
    let gone = format!("DROP KEYSPACE {}", settings.cql.keyspace);
    session.query_unpaged(gone, ()).await.expect("dropped");
    refuses(&engine, "was dropped").await;
    // Tables that come back are empty, and this node knows only what comes next.
    migrate(&settings).await.expect("migrated");
    refuses(&engine, "was dropped").await;
    let other = reader(&settings).await;
    let append = tokio::time::timeout(AT_ONCE, other.append(Thread::new().begin())).await;
    assert!(append.is_err(), "nobody projects: {append:?}");
    drop(other);
    engine.close().await;
    let cql = Cql::open(&settings.cql).await.expect("opened");
    let checkpoint = cql.checkpoint(0).await.expect("readable").unwrap_or_default();
    assert_eq!(checkpoint.seq, Seq::START, "it has written nothing there");
    let engine = open(&settings).await;
    clean(&settings).await;
    engine.close().await;
}

/// Awaits that the engine says why it takes nothing, and sees that it takes nothing.
async fn refuses(engine: &Cluster, words: &str) {
    eventually_in(PATIENCE, words, async || {
        let health = engine.health();
        health.detail.filter(|detail| !health.writable && detail.contains(words))
    })
    .await;
    let append = within_time(AT_ONCE, "a refusal", engine.append(Thread::new().begin())).await;
    assert!(matches!(append, Err(Error::ReadOnly(_))), "{append:?}");
}
