//! Kafka and the CQL store are away: when a node starts, in the middle of requests, and for a while;
//! killed, and silent.
//!
//! `PARLOR_OUTAGE_S` says for how long (20 where it does not; 60 in the long form).

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;

use super::{BACK, MESSAGES, free_address, logged, not_ready, read, ready, refused, refuses};
use crate::cluster::stage::{NEEDED, QUESTION, message, times};
use crate::harness::Client;
use crate::harness::cluster::Cluster;
use crate::harness::feed::{Feed, SseEvent, assert_chained};
use crate::harness::services::{Service, Services};
use crate::harness::wait::{eventually_in, within_time};

/// Requests on their way when the service goes away.
const UNDER_WAY: usize = 16;
/// How long a request that was on its way may take until it is kept.
const KEPT: Duration = Duration::from_secs(150);

#[tokio::test(flavor = "multi_thread")]
async fn nodes_refuse_and_go_on_by_themselves_when_kafka_was_away() {
    outage(Service::Kafka, &["Kafka", "topic"], true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_refuse_and_go_on_by_themselves_when_the_cql_store_was_away() {
    outage(Service::Cassandra, &["CQL", "views"], false).await;
}

/// A service is killed, and later silent. Whether what was kept `is_read` meanwhile.
async fn outage(service: Service, words: &[&str], is_read: bool) {
    let lasts = Duration::from_secs(times("PARLOR_OUTAGE_S", 20, 60));
    let services = Services::own_of(&NEEDED).await;
    let mut cluster = Cluster::start(&services, 2, &[]).await;
    let clients = cluster.clients();
    let said = clients[0].say(None, "hello").await;
    let id = said["conversation_id"].as_str().expect("an id").to_owned();
    let path = format!("/live/v1/conversations/{id}/stream?after=0");
    let mut feed = clients[1].stream(&path, None).await;

    let asked: Vec<_> = (0..UNDER_WAY)
        .map(|number| tokio::spawn(ask(clients.clone(), id.clone(), number)))
        .collect();
    services.kill(service).await;
    let began = Instant::now();
    for node in &cluster.nodes {
        let detail = not_ready(node, words).await;
        println!("{service:?} is killed; after {:?}: {detail}", began.elapsed());
        logged(node, words).await;
    }
    refuses(cluster.node(0), &id).await;
    if is_read {
        assert!(read(&clients[0], &id).await.len() >= 2, "what was kept is read");
    } else {
        let path = format!("/bot/v1/conversations/{id}/messages");
        let answer = within_time(super::BOUND, "a refusal", clients[0].get(&path)).await;
        refused(&answer, "detail", "internal");
    }
    // A node that starts now.
    let late = cluster.begin_node(&free_address()).await;
    eventually_in(BACK, "the node listens", async || {
        let stranger = cluster.node(late).stranger();
        stranger.try_send(stranger.request(Method::GET, "/healthz")).await.ok()
    })
    .await;
    println!("at start: {}", not_ready(cluster.node(late), words).await);
    logged(cluster.node(late), words).await;
    refuses(cluster.node(late), &id).await;
    eventually_in(lasts + BACK, "the outage has lasted long enough", async || {
        for node in &cluster.nodes {
            not_ready(node, words).await;
        }
        (began.elapsed() > lasts).then_some(())
    })
    .await;

    services.start(service).await;
    for node in &cluster.nodes {
        println!("{service:?} is back; ready after {:?}", ready(node).await);
    }
    let kept = all_are_kept(&mut feed, &cluster.clients(), &id, asked).await;
    println!("{kept} messages in flight were kept once");

    services.pause(service).await;
    let began = Instant::now();
    for node in &cluster.nodes {
        let detail = not_ready(node, words).await;
        println!("{service:?} is silent; after {:?}: {detail}", began.elapsed());
    }
    refuses(cluster.node(0), &id).await;
    services.cont(service).await;
    for node in &cluster.nodes {
        println!("{service:?} answers; ready after {:?}", ready(node).await);
        within_time(KEPT, "an answer", node.client().say(Some(&id), QUESTION)).await;
    }
}

/// Asks under a key until it is answered.
async fn ask(clients: Vec<Client>, id: String, number: usize) -> String {
    let text = format!("{QUESTION} #{number}");
    let client = clients[number % clients.len()].with("Idempotency-Key", &text);
    let body = message(Some(&id), &text);
    eventually_in(KEPT, "the message is kept", async || {
        let answer = client.post(MESSAGES, &body).await;
        if matches!(answer.status, 409 | 429 | 503) {
            return None;
        }
        let told = answer.expect(200);
        assert!(told["reply"]["text"].is_string(), "answered: {told}");
        Some(())
    })
    .await;
    text
}

/// Awaits what was on its way, and that it is there once on every node and on the feed; gives how
/// many messages that were.
async fn all_are_kept(
    feed: &mut Feed,
    clients: &[Client],
    id: &str,
    asked: Vec<tokio::task::JoinHandle<String>>,
) -> usize {
    let mut texts = HashSet::new();
    for text in within_time(KEPT, "what was on its way", join_all(asked)).await {
        texts.insert(text.expect("kept"));
    }
    for client in clients {
        let messages = read(client, id).await;
        for text in &texts {
            let times = messages.iter().filter(|one| one["text"] == text.as_str()).count();
            assert_eq!(times, 1, "{text} is kept once: {messages:#?}");
        }
    }
    // The first question of the conversation is answered, too.
    let replies = texts.len() + 1;
    let mut seen = Vec::new();
    while count(&seen) < replies {
        match within_time(KEPT, "the feed", feed.try_next()).await {
            Some(frame) if frame.name != "resume" => seen.push(frame),
            _ => {
                let path = format!("/live/v1/conversations/{id}/stream?after={}", feed.last_id);
                *feed = clients[0].stream(&path, None).await;
            }
        }
    }
    assert_chained(&seen);
    texts.len()
}

fn count(seen: &[SseEvent]) -> usize {
    seen.iter().filter(|event| event.name == "message.outbound").count()
}
