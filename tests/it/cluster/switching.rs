//! Nodes move to another keyspace one by one, and nobody notices: every send and every read succeeds,
//! and what one node acknowledged is read on all others at once, whichever keyspace is theirs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parlor::engine::cluster::{Settings, cql, rebuild, verify};
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use tokio::sync::RwLock;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::stage::{LOG, MESSAGES, QUESTION, message};
use crate::harness::Client;
use crate::harness::cluster::Cluster;
use crate::harness::feed::{SseEvent, assert_chained};
use crate::harness::services::Services;
use crate::harness::wait::{eventually_in, within_time};

const CALLERS: usize = 6;
/// Sends between two steps, at least.
const BETWEEN: usize = 60;
const PATIENCE: Duration = Duration::from_secs(120);

/// The nodes that a load balancer sends to.
#[derive(Clone, Default)]
struct Rotation(Arc<RwLock<Vec<Client>>>);

impl Rotation {
    async fn add(&self, client: Client) {
        self.0.write().await.push(client);
    }

    /// Takes the oldest out, once it has answered what it was asked.
    async fn remove_oldest(&self) {
        self.0.write().await.remove(0);
    }

    async fn any(&self) -> Client {
        self.0.read().await.choose(&mut rand::rng()).expect("a node").clone()
    }

    /// Says something through any node, under a key; then every node must have it.
    async fn say(&self, conversation: Option<&str>, key: &str) -> Value {
        let nodes = self.0.read().await;
        let client = nodes.choose(&mut rand::rng()).expect("a node");
        let keyed = client.with("Idempotency-Key", key);
        let said = keyed.post(MESSAGES, &message(conversation, QUESTION)).await.expect(200);
        let id = said["conversation_id"].as_str().expect("an id");
        for client in nodes.iter() {
            let path = format!("/bot/v1/conversations/{id}/messages?limit=50");
            let listed = client.get(&path).await.expect(200);
            let messages = listed["messages"].as_array().expect("messages");
            let has = messages.iter().any(|one| one["message_id"] == said["message_id"]);
            assert!(
                has || messages.len() == 50,
                "acknowledged by one, missing on another: {listed}"
            );
        }
        said
    }
}

/// Callers that go on until they are told.
struct Callers {
    stop: CancellationToken,
    said: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Callers {
    fn begin(rotation: &Rotation) -> Self {
        let (stop, said) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let tasks = (0..CALLERS).map(|caller| {
            let (rotation, stop, said) = (rotation.clone(), stop.clone(), said.clone());
            tokio::spawn(async move {
                let (mut number, mut conversation) = (0, None);
                while !stop.is_cancelled() {
                    let key = format!("{caller} says {number}");
                    let answer = rotation.say(conversation.as_deref(), &key).await;
                    number += 1;
                    said.fetch_add(1, Ordering::Relaxed);
                    let id = answer["conversation_id"].as_str().map(str::to_owned);
                    // A page holds twenty turns; most conversations are new to every node.
                    conversation = id.filter(|_| number % 5 != 0);
                }
            })
        });
        let tasks = tasks.collect();
        Self { stop, said, tasks }
    }

    /// Awaits that they have said some more.
    async fn go_on(&self) {
        let before = self.said.load(Ordering::Relaxed);
        eventually_in(PATIENCE, "callers go on", async || {
            assert!(!self.tasks.iter().any(JoinHandle::is_finished), "a caller has failed");
            (self.said.load(Ordering::Relaxed) >= before + BETWEEN).then_some(())
        })
        .await;
    }

    async fn end(self) -> usize {
        self.stop.cancel();
        for task in self.tasks {
            task.await.expect("a caller is content");
        }
        self.said.load(Ordering::Relaxed)
    }
}

/// Reads a conversation's feed through whichever node until something is said to be the end.
async fn read(rotation: Rotation, path: String, end: String) -> Vec<SseEvent> {
    let (mut seen, mut cursor) = (Vec::<SseEvent>::new(), "0".to_owned());
    loop {
        let client = rotation.any().await;
        // Between being chosen and being called a node may go.
        let feed = client.try_stream(&format!("{path}/stream?after={cursor}"), None).await;
        let Ok(mut feed) = feed else { continue };
        while let Some(event) = feed.try_next().await {
            if event.name == "resume" {
                break;
            }
            cursor.clone_from(&event.id);
            let is_end = event.data["data"]["text"] == *end;
            seen.push(event);
            if is_end {
                return seen;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_switch_to_another_keyspace_is_noticed_by_nobody() {
    let mut cluster = Cluster::start(Services::shared().await, 2, &LOG).await;
    let rotation = Rotation::default();
    for client in cluster.clients() {
        rotation.add(client).await;
    }
    let first = rotation.say(None, "the first").await;
    let id = first["conversation_id"].as_str().expect("an id");
    let path = format!("/live/v1/conversations/{id}");
    let reader = tokio::spawn(read(rotation.clone(), path.clone(), "the end".to_owned()));
    let callers = Callers::begin(&rotation);
    callers.go_on().await;

    let live = cluster.settings().clone();
    let into = format!("{}_2", live.cql.keyspace);
    let filled = within_time(PATIENCE, "the rebuild", rebuild(&live, &into)).await;
    filled.expect("the second keyspace is filled");
    let mut sent = Vec::new();
    for old in 0..2 {
        callers.go_on().await;
        let new = cluster.begin_node_with("127.0.0.1:0", &[("--keyspace", &into)]).await;
        cluster.node_mut(new).ready().await;
        rotation.add(cluster.node(new).client()).await;
        // Two groups project now.
        callers.go_on().await;
        for _ in 0..3 {
            let text = format!("{old} {}", sent.len());
            let asked = json!({ "text": text });
            let nodes = rotation.0.read().await;
            let node = nodes.choose(&mut rand::rng()).expect("a node");
            node.post(&format!("{path}/messages"), &asked).await.expect(201);
            drop(nodes);
            sent.push(text);
        }
        rotation.remove_oldest().await;
        cluster.node_mut(old).terminate().await;
    }
    callers.go_on().await;
    let said = callers.end().await;
    let last = rotation.any().await;
    last.post(&format!("{path}/messages"), &json!({ "text": "the end" })).await.expect(201);

    let seen = within_time(PATIENCE, "the reader's end", reader).await.expect("a reader");
    assert_chained(&seen);
    let inbound = seen.iter().filter(|event| event.name == "message.inbound");
    let texts: Vec<_> = inbound.map(|event| event.data["data"]["text"].clone()).collect();
    sent.insert(0, QUESTION.to_owned());
    sent.push("the end".to_owned());
    assert_eq!(texts, sent, "the reader saw every message once");

    let again = rotation.say(None, "the first").await;
    assert_eq!(again["message_id"], first["message_id"], "a key is remembered over the switch");
    let second =
        Settings { cql: cql::Settings { keyspace: into, ..live.cql.clone() }, ..live.clone() };
    for settings in [&live, &second] {
        let (events, difference) = verify(settings).await.expect("verified");
        assert_eq!(difference, None);
        assert!(events as usize > 2 * said, "{said} questions and their answers are in the log");
    }
}
