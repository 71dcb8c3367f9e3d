//! What the log's topics may be, and what they must not be.

use std::sync::Arc;
use std::time::Duration;

use parlor::engine::cluster::{Cluster, Settings, migrate};
use parlor::engine::{Engine as _, Error, EventLog as _};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;

use super::ground::{ground, open, second, traffic, within_keyspace};
use crate::engines::samples::Thread;
use crate::harness::wait::{eventually, eventually_in, within};

const SOON: Duration = Duration::from_secs(60);
const KEPT: [(&str, &str); 3] =
    [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];

struct Topics {
    admin: AdminClient<DefaultClientContext>,
    options: AdminOptions,
}

impl Topics {
    fn of(settings: &Settings) -> Self {
        let brokers = settings.kafka.brokers.join(",");
        let admin = ClientConfig::new().set("bootstrap.servers", brokers).create();
        let patience = Some(Duration::from_secs(10));
        let options = AdminOptions::new().request_timeout(patience).operation_timeout(patience);
        Self { admin: admin.expect("a client"), options }
    }

    /// Gives a topic all settings of a log, but for some.
    async fn set(&self, topic: &str, other: &[(&str, &str)]) {
        let mut config = AlterConfig::new(ResourceSpecifier::Topic(topic));
        let kept = KEPT.iter().filter(|(kept, _)| !other.iter().any(|(name, _)| name == kept));
        for (name, value) in kept.chain(other) {
            config = config.set(name, value);
        }
        let altered = self.admin.alter_configs([&config], &self.options).await.expect("asked");
        altered.into_iter().next().expect("an answer").expect("altered");
    }

    async fn delete(&self, topic: &str) {
        let deleted = self.admin.delete_topics(&[topic], &self.options).await.expect("asked");
        deleted.into_iter().next().expect("an answer").expect("deleted");
    }
}

/// Awaits that the topics are refused, and gives why.
async fn refused(settings: &Settings, words: &str) {
    let problem =
        eventually(&format!("{words:?} is refused"), async || match migrate(settings).await {
            Err(Error::Storage(problem)) => Some(problem),
            _ => None,
        })
        .await;
    assert!(problem.contains(words), "{problem}");
    let opened = Cluster::open(settings, Arc::new(crate::harness::cluster::Nobody), false).await;
    assert!(matches!(opened, Err(Error::Storage(_))), "nor does a node join");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_may_have_any_codec_and_must_neither_forget_nor_shrink_nor_be_another() {
    let settings = ground(2).await;
    let topics = Topics::of(&settings);
    let prefix = &settings.kafka.prefix;
    let (events, accounts) = (format!("{prefix}.events"), format!("{prefix}.accounts"));
    let engine = open(&settings).await;
    for codec in ["gzip", "zstd", "snappy", "lz4"] {
        topics.set(&events, &[("compression.type", codec)]).await;
        topics.set(&accounts, &[("compression.type", codec)]).await;
        within(codec, traffic(&engine, 2, 2)).await;
        let thread = Thread::new();
        within(codec, engine.append(thread.administration())).await.expect("administered");
    }
    engine.close().await;

    for (topic, setting, value) in [
        (&events, "retention.ms", "604800000"),
        (&events, "cleanup.policy", "compact"),
        (&accounts, "retention.bytes", "1000000000"),
    ] {
        topics.set(topic, &[(setting, value)]).await;
        refused(&settings, &format!("the topic {topic} has {setting} {value}")).await;
        topics.set(topic, &[]).await;
    }
    let mut fewer = settings.clone();
    (fewer.kafka.generation, fewer.kafka.partitions) = (2, 1);
    refused(&fewer, "a new generation never has fewer").await;

    // Another log under the same names, which grows longer than this one was.
    topics.delete(&events).await;
    let other = within_keyspace(&settings, &second(&settings));
    eventually_in(SOON, "the topic is made anew", async || migrate(&other).await.ok()).await;
    let engine = open(&other).await;
    traffic(&engine, 20, 10).await;
    engine.close().await;
    let engine = open(&settings).await;
    let detail = eventually_in(SOON, "the log is told to be another", async || {
        let health = engine.health();
        health.detail.filter(|_| !health.writable)
    })
    .await;
    assert!(detail.contains("holds another event at offset"), "{detail}");
    let append = within("a refusal", engine.append(Thread::new().begin())).await;
    assert!(matches!(append, Err(Error::ReadOnly(_))), "{append:?}");
    engine.close().await;
}
