//! A key that is revoked opens nothing on any node, right after, and what it had opened ends on all of
//! them. How long it is until the last node refuses it is printed and not asserted.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::stage::{Tenant, shared};
use crate::harness::feed::Feed;
use crate::harness::socket::Socket;
use crate::harness::wait::eventually;
use crate::harness::{Client, Server};
use crate::surfaces::revoking::{QUESTION, slow_answer};

const PATH: &str = "/bot/v1/contacts/none";
/// Streams end so soon after the command, wherever they are open.
const SOON: Duration = Duration::from_secs(1);

/// Asks until the key is refused; gives when that was.
async fn refused(client: &Client) -> Instant {
    eventually("the key is refused", async || {
        (client.get(PATH).await.status == 401).then(Instant::now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_on_every_node() {
    let cluster = shared().await;
    let tenant = Tenant::new(cluster, "Revoked", &[]).await;
    let account = tenant.id.to_string();
    let issued = cluster.command(&["key", "issue", "--account", &account]).await;
    let issued: Value = serde_json::from_str(&issued).expect("a key");
    let text = |name: &str| issued[name].as_str().expect("a text").to_owned();
    let (id, key) = (text("key_id"), text("aerochat_api_key"));
    let callers: Vec<_> = cluster.nodes.iter().map(|node| node.client_with(&key)).collect();
    for caller in &callers {
        eventually("the node knows the key", async || {
            (caller.get(PATH).await.status == 404).then_some(())
        })
        .await;
    }
    let asking = join_all(callers.iter().map(refused));
    let revoking = async {
        cluster.command(&["key", "revoke", "--account", &account, &id]).await;
        Instant::now()
    };
    let (refused, revoked) = tokio::join!(asking, revoking);
    let last = refused.into_iter().max().expect("a node");
    let late = last.checked_duration_since(revoked).unwrap_or(Duration::ZERO);
    println!("the last node refused the key {late:?} after `parlor key revoke` had ended");
    for client in &tenant.clients {
        client.get(PATH).await.expect(404);
    }
}

/// What a key has open on one node.
struct Open {
    /// By what they are.
    feeds: Vec<(&'static str, Feed)>,
    socket: Socket,
}

impl Open {
    /// Opens one of each kind: a conversation's feed with the key and with a token made from it, the
    /// answer to a message in the middle of it, and a socket.
    async fn on(node: &Server, key: &str, conversation: &str) -> Self {
        let own = node.client_with(key);
        let body = json!({ "conversation_id": conversation });
        let minted = own.post("/live/v1/tokens", &body).await.expect(201);
        let bearer = format!("Bearer {}", minted["token"].as_str().expect("a token"));
        let token = node.stranger().with("Authorization", &bearer);
        let path = format!("/live/v1/conversations/{conversation}/stream?after=0");
        let mut feeds = Vec::new();
        for (name, client) in [("the key's feed", &own), ("the token's feed", &token)] {
            let mut feed = client.stream(&path, None).await;
            assert_eq!(feed.next().await.name, "conversation.started");
            feeds.push((name, feed));
        }
        let path = "/bot/v1/conversations/messages/stream";
        let mut answer = own.stream(path, Some(&json!({ "message": QUESTION }))).await;
        answer.until("chunk").await;
        feeds.push(("the answer", answer));
        let headers = [("X-AeroChat-API-Key", key)];
        let mut socket = Socket::open(node.address(), "", &headers).await.expect("opened");
        let subscribe = json!({ "type": "subscribe", "conversation_id": conversation });
        assert_eq!(socket.ask(subscribe).await.0["type"], "ok");
        Self { feeds, socket }
    }

    /// Reads all to their ends, none of which is an answer's; gives when the last came.
    async fn ended(mut self) -> Instant {
        for (name, feed) in &mut self.feeds {
            let rest = feed.rest().await;
            assert!(rest.iter().all(|event| event.name != "end"), "{name}: {rest:?}");
        }
        loop {
            match self.socket.try_next().await {
                Ok(_) => {}
                Err(code) => {
                    assert_eq!(code, Some(1008), "the socket says why");
                    return Instant::now();
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_has_open_ends_on_every_node_when_it_is_revoked() {
    let cluster = shared().await;
    let tenant = Tenant::new(cluster, "Revoked while open", &[]).await;
    let account = tenant.id.to_string();
    let slowly = |bot: &mut Value| {
        bot["pace_ms"] = 1_000.into();
        bot["intents"].as_array_mut().expect("intents").push(slow_answer());
    };
    tenant.deploy(cluster, slowly).await;
    let issued = cluster.command(&["key", "issue", "--account", &account]).await;
    let issued: Value = serde_json::from_str(&issued).expect("a key");
    let text = |name: &str| issued[name].as_str().expect("a text").to_owned();
    let (id, key) = (text("key_id"), text("aerochat_api_key"));
    let said = tenant.clients[0].say(None, "hello").await;
    let conversation = said["conversation_id"].as_str().expect("an id");
    let mut open = Vec::new();
    for node in &cluster.nodes {
        let caller = node.client_with(&key);
        eventually("the node knows the key", async || {
            (caller.get(PATH).await.status == 404).then_some(())
        })
        .await;
        open.push(Open::on(node, &key, conversation).await);
    }
    let path = format!("/live/v1/conversations/{conversation}/stream");
    let others = tenant.clients.iter().map(|client| client.stream(&path, None));
    let mut others = join_all(others).await;

    cluster.command(&["key", "revoke", "--account", &account, &id]).await;
    let revoked = Instant::now();
    let last = join_all(open.into_iter().map(Open::ended)).await.into_iter().max();
    let late = last.expect("a node").duration_since(revoked);
    println!("the last stream ended {late:?} after `parlor key revoke` had");
    assert!(late < SOON, "the last stream ended {late:?} after the command");
    // What the account's other key has open goes on.
    tenant.clients[0].say(Some(conversation), "hello").await;
    for feed in &mut others {
        feed.until("message.inbound").await;
    }
}
