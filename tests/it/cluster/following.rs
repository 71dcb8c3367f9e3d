//! Search follows what was applied, wherever the owners of partitions go: frozen long enough to be taken for
//! gone, thawed as zombies, killed, and come back. Nothing that was applied is missing in the index, and nothing
//! that the fold discarded is in it.

use std::collections::BTreeSet;
use std::time::Duration;

use parlor::domain::seq::Seq;
use parlor::engine::{Recorded, Topic};
use serde_json::{Value, json};

use super::stage::{LOG, message};
use crate::harness::Client;
use crate::harness::cluster::Cluster;
use crate::harness::http::client;
use crate::harness::services::Services;
use crate::harness::wait::eventually_in;

/// Far longer than Kafka waits for a node.
const FROZEN: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(90);
/// Callers at a time, of whom each begins conversations one after another.
const CALLERS: usize = 4;

/// Begins a conversation; a node that moves partitions just now may refuse it.
async fn say(node: &Client) -> bool {
    let body = message(None, "what are your opening hours?");
    let asked = node.request(reqwest::Method::POST, super::stage::MESSAGES).json(&body);
    matches!(node.try_send(asked).await, Ok(answer) if answer.status == 200)
}

/// Sends so many messages that were answered.
async fn send(node: &Client, count: usize) {
    let callers = (0..CALLERS).map(|_| async {
        let mut kept = 0;
        while kept < count / CALLERS {
            kept += usize::from(say(node).await);
        }
    });
    futures_util::future::join_all(callers).await;
}

/// The ids of all messages that stand in timelines, read from the log itself.
async fn applied(cluster: &Cluster) -> BTreeSet<String> {
    let engine = cluster.engine().await;
    let mut ids = BTreeSet::new();
    for partition in 0..engine.partitions(Topic::Events) {
        let mut after = Seq::START;
        loop {
            let page = engine.read(Topic::Events, partition, after, 500).await.expect("readable");
            let Some(last) = page.last() else { break };
            after = last.seq;
            for Recorded { seq, event } in page {
                let data = serde_json::to_value(&*event).expect("JSON")["data"].clone();
                let (Some(id), Some(text)) = (event.body.conversation(), data["text"].as_str())
                else {
                    continue;
                };
                let before = Seq::new(seq.get() - 1);
                let found = engine.timeline(event.account, id, before, 1).await.expect("readable");
                if !text.is_empty() && found.first().is_some_and(|entry| entry.seq == seq) {
                    ids.insert(data["message_id"].as_str().expect("an id").to_owned());
                }
            }
        }
    }
    ids
}

/// The ids of all messages in the index.
async fn indexed(url: &str) -> BTreeSet<String> {
    let all = json!({ "size": 10_000, "_source": ["message"], "query": { "match_all": {} } });
    let search = async |path: &str, body: &Value| -> Value {
        let client = client().build().expect("a client");
        let answer = client.post(format!("{url}/{path}")).json(body).send().await;
        answer.expect("an answer").json().await.expect("JSON")
    };
    search("_refresh", &json!({})).await;
    let found = search("_search", &all).await;
    let hits = found["hits"]["hits"].as_array().cloned().unwrap_or_default();
    let id = |hit: &Value| hit["_source"]["message"].as_str().expect("an id").to_owned();
    hits.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn search_misses_nothing_while_owners_are_frozen_thawed_and_killed() {
    let services = Services::shared().await;
    let mut cluster = Cluster::start(services, 3, &LOG).await;
    let clients = cluster.clients();
    send(&clients[0], 40).await;
    cluster.node(0).freeze();
    let thaw = tokio::time::Instant::now() + FROZEN;
    send(&clients[1], 80).await;
    tokio::time::sleep_until(thaw).await;
    cluster.node(0).thaw();
    send(&clients[2], 40).await;
    cluster.node_mut(1).kill().await;
    send(&clients[2], 80).await;
    cluster.node_mut(1).restart().await;
    send(&clients[1], 40).await;

    let expected = applied(&cluster).await;
    assert!(expected.len() >= 2 * 280, "messages and their replies: {}", expected.len());
    let url = format!("{}/{}-messages-1", services.search, cluster.name());
    eventually_in(PATIENCE, "the index has all", async || {
        indexed(&url).await.is_superset(&expected).then_some(())
    })
    .await;
    assert_eq!(indexed(&url).await, expected, "and nothing else");
}
