//! A second keyspace is filled from the log while nodes write, and equals the first.

use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use parlor::domain::seq::Seq;
use parlor::engine::cluster::cql::Cql;
use parlor::engine::cluster::{Settings, cql, kafka, migrate, rebuild, verify};
use parlor::engine::{Engine, EventLog, SCHEMA, Topic};

use super::ground::{Load, clean, ground, happens, open, rows, second, traffic, within_keyspace};
use crate::engines::samples::Thread;
use crate::harness::server::parlor;
use crate::harness::wait::{eventually_in, within_time};

/// A busy machine needs this for some ten thousand events.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyspace_is_filled_under_load() {
    let settings = ground(3).await;
    let engine = open(&settings).await;
    let (threads, _) = traffic(&engine, 30, 10).await;
    let keyed = threads[0].inbound_with_key("remembered");
    engine.append(vec![keyed.1]).await.expect("appended");
    let load = Load::begin(&engine, 16);
    let into = second(&settings);
    let known = load.so_far();
    let filled = within_time(PATIENCE, "the rebuild", rebuild(&settings, &into)).await;
    assert!(filled.expect("filled") > known as u64);
    load.end().await;
    let other = within_keyspace(&settings, &into);
    clean(&settings).await;
    let again =
        rebuild(&settings, &into).await.expect("run again, it brings it up to the log's end");
    assert_eq!(clean(&other).await as u64, again);
    engine.close().await;
    assert!(rows(&settings).await == rows(&other).await, "both have the same rows");
    let cql = Cql::open(&other.cql).await.expect("opened");
    let claim = cql.claim(threads[0].account, "remembered").await.expect("readable");
    let claim = claim.expect("a key is remembered");
    assert_eq!(claim.message_id, keyed.0);
    assert!(rebuild(&settings, &settings.cql.keyspace).await.is_err(), "not the live one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_was_killed_goes_on_where_it_was() {
    let mut settings = ground(2).await;
    // The command knows no toys.
    settings.cql.schema = &SCHEMA;
    let engine = open(&settings).await;
    // Several batches of each partition, since a batch has so many bytes.
    let text = "so much to say ".repeat(600);
    let threads = join_all((0..20).map(|_| Thread::begun(&*engine))).await;
    let says = threads.iter().map(|thread| async {
        for _ in 0..50 {
            let (message, inbound) = thread.inbound(&text);
            let events = vec![inbound, thread.reply(message, &text)];
            engine.append(events).await.expect("appended");
        }
    });
    join_all(says).await;
    engine.close().await;

    let into = second(&settings);
    let other = within_keyspace(&settings, &into);
    cql::migrate(&other.cql).await.expect("migrated");
    let cql = Cql::open(&other.cql).await.expect("opened");
    let reached = async || {
        let ends = join_all((0..2).map(|partition| cql.checkpoint(partition))).await;
        ends.into_iter().map(|end| end.expect("readable").unwrap_or_default().seq).max()
    };
    let mut command = parlor();
    command.args(["rebuild", "--into", &into, "--engine", "cluster"]);
    command.args(["--kafka", &settings.kafka.brokers[0], "--cql", &settings.cql.hosts[0]]);
    command.args(["--keyspace", &settings.cql.keyspace, "--topic-prefix", &settings.kafka.prefix]);
    command.args(["--partitions", "2", "--replication", "1", "--min-insync", "1"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().expect("it runs");
    eventually_in(PATIENCE, "the rebuild has begun", async || {
        reached().await.filter(|seq| *seq > Seq::START)
    })
    .await;
    child.kill().await.expect("killed");
    let left = reached().await.expect("two partitions");
    let (_, difference) = verify(&other).await.expect("verified");
    assert_eq!(difference, None, "what is there by then is right");
    let ends = join_all((0..2).map(|partition| engine.end(Topic::Events, partition))).await;
    let end = ends.into_iter().map(|end| end.expect("readable")).max().expect("two");
    assert!(left < end, "it was killed in the middle; give it more to do");

    rebuild(&settings, &into).await.expect("it goes on");
    clean(&other).await;
    assert!(rows(&settings).await == rows(&other).await, "both have the same rows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_partitions_keep_the_order_of_every_conversation() {
    let mut settings = ground(3).await;
    let engine = open(&settings).await;
    let (mut threads, before) = traffic(&engine, 20, 5).await;
    engine.close().await;
    (settings.kafka.generation, settings.kafka.partitions) = (2, 5);
    migrate(&settings).await.expect("migrated");
    let engine = open(&settings).await;
    let going_on = threads.iter().map(|thread| happens(&engine, thread));
    let more: usize = join_all(going_on).await.into_iter().sum();
    let (new, after) = traffic(&engine, 10, 5).await;
    threads.extend(new);
    engine.close().await;
    assert_eq!(clean(&settings).await, before + more + after, "both generations are folded");
    let into = second(&settings);
    rebuild(&settings, &into).await.expect("filled");
    let other = within_keyspace(&settings, &into);
    clean(&other).await;
    assert!(rows(&settings).await == rows(&other).await, "both have the same rows");
    let cql = Cql::open(&other.cql).await.expect("opened");
    for thread in &threads {
        let timeline = cql.timeline(thread.account, thread.id, Seq::START, 1_000).await;
        let at: Vec<_> = timeline.expect("readable").iter().map(|entry| entry.event.at).collect();
        assert!(at.len() > 5 && at.is_sorted(), "as it happened, over both generations");
    }
    let first = Settings {
        kafka: kafka::Settings { generation: 1, partitions: 3, ..settings.kafka.clone() },
        ..settings.clone()
    };
    assert!(verify(&first).await.is_err(), "half a log is not compared with");
}
