//! Offsets that are no records, as transactions of others leave them: nothing waits for them.

use std::time::Duration;

use parlor::domain::seq::Seq;
use parlor::engine::cluster::cql::Cql;
use parlor::engine::cluster::{Settings, migrate, rebuild};
use parlor::engine::{Engine as _, EventLog as _, Topic};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use super::ground::{clean, ground, open, second, traffic, within_keyspace};
use crate::harness::wait::{eventually_in, within_time};

/// Far less than what an engine waits for that never comes.
const SOON: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_without_a_record_hold_up_no_reader_no_keyspace_and_no_generation() {
    let settings = ground(2).await;
    let engine = open(&settings).await;
    let (_, events) = traffic(&engine, 3, 2).await;
    roll_back(&settings, 2).await;
    all_is_projected(&settings).await;
    for partition in 0..2 {
        let read = engine.read(Topic::Events, partition, Seq::START, 1_000);
        within_time(Duration::from_secs(8), "a page", read).await.expect("read");
    }

    // A keyspace that is empty, filled by who serves it.
    let empty = within_keyspace(&settings, &second(&settings));
    migrate(&empty).await.expect("migrated");
    let other = within_time(SOON, "an empty keyspace", open(&empty)).await;
    all_is_projected(&empty).await;
    other.close().await;
    // One that is filled beforehand.
    let filled = within_keyspace(&settings, &format!("{}_3", settings.cql.keyspace));
    rebuild(&settings, &filled.cql.keyspace).await.expect("filled");
    all_is_projected(&filled).await;

    engine.close().await;
    roll_back(&settings, 2).await;
    let mut later = settings.clone();
    (later.kafka.generation, later.kafka.partitions) = (2, 3);
    let engine = open(&later).await;
    let more = within_time(SOON, "a new generation", traffic(&engine, 3, 2)).await.1;
    assert_eq!(clean(&later).await, events + more);
    engine.close().await;
}

/// Writes a record into each partition and takes it back: it and the marker are the last offsets.
async fn roll_back(settings: &Settings, partitions: i32) {
    let (brokers, topic) =
        (settings.kafka.brokers.join(","), format!("{}.events", settings.kafka.prefix));
    let work = move || {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("transactional.id", &topic)
            .create()
            .expect("a producer");
        let patience = Duration::from_secs(30);
        producer.init_transactions(patience).expect("ready");
        producer.begin_transaction().expect("begun");
        for partition in 0..partitions {
            let record = BaseRecord::to(&topic).partition(partition).key("a").payload("b");
            producer.send(record).expect("handed over");
        }
        producer.flush(patience).expect("written");
        producer.abort_transaction(patience).expect("rolled back");
    };
    tokio::task::spawn_blocking(work).await.expect("no panic");
}

/// Awaits that the views are as far as the log.
async fn all_is_projected(settings: &Settings) {
    let engine = super::ground::reader(settings).await;
    let cql = Cql::open(&settings.cql).await.expect("opened");
    eventually_in(SOON, "the views are as far as the log", async || {
        for partition in 0..settings.kafka.partitions {
            let end = engine.end(Topic::Events, partition).await.expect("asked");
            let checkpoint = cql.checkpoint(partition).await.expect("readable");
            if checkpoint.unwrap_or_default().seq < end {
                return None;
            }
        }
        Some(())
    })
    .await;
    engine.close().await;
}
