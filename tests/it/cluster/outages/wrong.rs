//! Topics and keyspace are there and not as they must be, or are missing.

use std::sync::Arc;
use std::time::Duration;

use parlor::engine::Error;
use parlor::engine::cluster::{Cluster as Joined, migrate};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use scylla::client::session_builder::SessionBuilder;

use super::{free_address, logged, not_ready, read, ready, refuses};
use crate::harness::Server;
use crate::harness::cluster::{Cluster, Nobody, PARTITIONS};
use crate::harness::services::Services;
use crate::harness::wait::eventually_in;

type Admin = AdminClient<DefaultClientContext>;

fn admin(services: &Services) -> (Admin, AdminOptions) {
    let admin = ClientConfig::new().set("bootstrap.servers", &services.kafka).create();
    let patience = Some(Duration::from_secs(10));
    let options = AdminOptions::new().request_timeout(patience).operation_timeout(patience);
    (admin.expect("a client"), options)
}

async fn delete(services: &Services, topic: &str) {
    let (admin, options) = admin(services);
    let deleted = admin.delete_topics(&[topic], &options).await.expect("asked");
    deleted.into_iter().next().expect("an answer").expect("deleted");
}

/// A node that begins and cannot serve, with other settings than the others'.
async fn begun(cluster: &mut Cluster, other: &[(&str, &str)]) -> usize {
    let late = cluster.begin_node_with(&free_address(), other).await;
    eventually_in(super::BACK, "the node listens", async || {
        let stranger = cluster.node(late).stranger();
        stranger.try_send(stranger.request(reqwest::Method::GET, "/healthz")).await.ok()
    })
    .await;
    late
}

#[tokio::test]
async fn a_topic_with_other_partitions_is_refused_until_it_has_ours() {
    let services = Services::shared().await;
    let mut cluster = Cluster::start(services, 0, &[]).await;
    let topic = format!("{}.events", cluster.name());
    delete(services, &topic).await;
    let (admin, options) = admin(services);
    let four = NewTopic::new(&topic, 4, TopicReplication::Fixed(1)).set("retention.ms", "-1");
    eventually_in(super::BACK, "the topic is made anew", async || {
        let made = admin.create_topics([&four], &options).await.expect("asked");
        made.into_iter().next().expect("an answer").ok()
    })
    .await;
    let late = begun(&mut cluster, &[]).await;
    let detail = not_ready(cluster.node(late), &["has 4 partitions"]).await;
    assert!(detail.contains(&topic), "which topic: {detail}");
    logged(cluster.node(late), &["has 4 partitions"]).await;
    refuses(cluster.node(late), "cv_none").await;

    let six = NewPartitions::new(&topic, PARTITIONS as usize);
    let done = admin.create_partitions([&six], &options).await.expect("asked");
    done.into_iter().next().expect("an answer").expect("made");
    ready(cluster.node(late)).await;
    cluster.node_mut(late).ready().await;
    cluster.node(late).client().say(None, "hello").await;
}

#[tokio::test]
async fn topics_with_fewer_replicas_or_weaker_acknowledgements_are_refused() {
    let services = Services::shared().await;
    let mut cluster = Cluster::start(services, 0, &[]).await;
    let late = begun(&mut cluster, &[("--replication", "2")]).await;
    let words = ["has 1 replicas and the settings ask for 2"];
    not_ready(cluster.node(late), &words).await;
    logged(cluster.node(late), &words).await;
    refuses(cluster.node(late), "cv_none").await;

    // No node can be told so: one broker keeps one replica.
    let mut settings = cluster.settings().clone();
    settings.kafka.min_insync = 2;
    let Err(Error::Storage(problem)) = migrate(&settings).await else { panic!("refused") };
    assert!(problem.contains("min.insync.replicas 1"), "{problem}");
    let opened = Joined::open(&settings, Arc::new(Nobody), false).await;
    let Err(Error::Storage(problem)) = opened else { panic!("refused") };
    assert!(problem.contains("what is acknowledged might be lost"), "{problem}");
}

#[tokio::test]
async fn a_log_that_is_deleted_under_the_nodes_is_missed_and_a_new_one_is_not_taken_for_it() {
    let services = Services::shared().await;
    let cluster = Cluster::start(services, 1, &[]).await;
    let node = cluster.node(0);
    let said = node.client().say(None, "hello").await;
    let id = said["conversation_id"].as_str().expect("an id");
    let topic = format!("{}.events", cluster.name());
    delete(services, &topic).await;
    let detail = not_ready(node, &["is missing"]).await;
    assert!(detail.contains(&topic), "which topic: {detail}");
    logged(node, &["is missing"]).await;
    refuses(node, id).await;
    assert_eq!(read(&node.client(), id).await.len(), 2, "what was kept is read");

    // An empty topic of that name is not the log that the views came from.
    cluster.command(&["migrate"]).await;
    not_ready(node, &["ends before"]).await;
    refuses(node, id).await;
}

#[tokio::test]
async fn a_log_that_was_deleted_before_anything_was_kept_is_made_anew() {
    let services = Services::shared().await;
    let cluster = Cluster::start(services, 1, &[]).await;
    let topics = ["events", "replies", "applied"];
    for topic in topics {
        delete(services, &format!("{}.{topic}", cluster.name())).await;
    }
    not_ready(cluster.node(0), &["is missing"]).await;
    eventually_in(super::BACK, "the topics are made anew", async || {
        cluster.try_command(&["migrate"]).await.0.then_some(())
    })
    .await;
    ready(cluster.node(0)).await;
    cluster.node(0).client().say(None, "hello").await;
}

#[tokio::test]
async fn a_keyspace_that_is_missing_at_start_is_made_and_filled_from_the_log() {
    let services = Services::shared().await;
    let mut cluster = Cluster::start(services, 1, &[]).await;
    let said = cluster.node(0).client().say(None, "hello").await;
    let id = said["conversation_id"].as_str().expect("an id");
    let before = read(&cluster.node(0).client(), id).await;
    cluster.node_mut(0).terminate().await;
    let session = SessionBuilder::new().known_node(&services.cql).build().await;
    let session = session.expect("a session");
    let drop = format!("DROP KEYSPACE {}", cluster.name());
    session.query_unpaged(drop, ()).await.expect("dropped");
    cluster.node_mut(0).restart().await;
    all_is_read(cluster.node(0), id, &before).await;
}

/// A node that says that it is ready shows what the log has.
async fn all_is_read(node: &Server, id: &str, before: &[serde_json::Value]) {
    ready(node).await;
    assert_eq!(read(&node.client(), id).await, before, "a ready node shows what the log has");
}
