//! Credentials that open one conversation, no longer open, or never did.

use std::sync::Arc;
use std::time::Duration;

use parlor::app::{clock, secret::LiveToken};
use parlor::domain::event::Body;
use parlor::domain::ids::AccountId;
use parlor::domain::seq::Seq;
use parlor::engine::embedded::{Embedded, Options};
use parlor::engine::{Engine, EventLog, Observer, Recorded, Topic};
use serde_json::json;

use super::{Two, token, two};
use crate::harness::socket::Socket;
use crate::harness::{Client, Server};

struct Nobody;

impl Observer for Nobody {
    fn committed(&self, _: &[Recorded]) {}
    fn interrupted(&self) {}
}

/// An account's id and the secret that signs its tokens, from the log of a stopped server.
async fn signing_secret(dir: &std::path::Path, name: &str) -> (AccountId, String) {
    let options = Options { dir: dir.to_owned(), cache_bytes: 8 << 20, reserve_bytes: 0 };
    let engine = Embedded::open(&options, Arc::new(Nobody)).expect("the server has let go of it");
    let recorded = engine.read(Topic::Accounts, 0, Seq::START, 1_000).await.expect("readable");
    engine.close().await;
    let found = recorded.iter().find_map(|entry| match &entry.event.body {
        Body::AccountCreated(data) if data.name == name => {
            Some((entry.event.account, data.signing_secret.clone()))
        }
        _ => None,
    });
    found.expect("the account was made")
}

fn conversation(id: &str) -> String {
    format!("/live/v1/conversations/{id}")
}

/// The statuses a token gets as bearer, in the query, and at the WebSocket's door.
async fn doors(two: &Two, token: &str, id: &str) -> [u16; 3] {
    let stranger = two.server.stranger();
    let bearer = stranger.with("Authorization", &format!("Bearer {token}"));
    let query = stranger.get(&format!("{}?token={token}", conversation(id))).await.status;
    let bearer = bearer.get(&conversation(id)).await.status;
    let socket = Socket::open(two.server.address(), &format!("?token={token}"), &[]).await;
    [bearer, query, socket.map_or_else(|status| status, |_| 101)]
}

#[tokio::test]
async fn a_live_token_opens_its_conversation_and_no_other_of_its_account() {
    let two = two().await;
    let mine = token(&two.a, &two.of_a.conversation).await;
    assert_eq!(doors(&two, &mine, &two.of_a.conversation).await, [200, 200, 101]);
    let second = two.a.say(None, "Hello").await;
    let second = second["conversation_id"].as_str().expect("an id");
    let bearer = two.server.stranger().with("Authorization", &format!("Bearer {mine}"));
    let unknown = bearer.get(&conversation(&super::nobodys().conversation)).await;
    let other = bearer.get(&conversation(second)).await;
    assert_eq!((other.status, &other.text), (404, &unknown.text), "as if it were not there");
    for (path, body) in [
        ("messages", json!({ "text": "Hello" })),
        ("stop", json!({})),
        ("typing", json!({ "typing": true })),
        ("read", json!({ "message_id": two.of_a.message })),
    ] {
        let answer = bearer.post(&format!("{}/{path}", conversation(second)), &body).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
    for path in ["stream", "events"] {
        let answer = bearer.get(&format!("{}/{path}", conversation(second))).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_live_token_mints_no_tokens_and_opens_no_other_surface() {
    let two = two().await;
    let mine = token(&two.a, &two.of_a.conversation).await;
    let bearer = two.server.stranger().with("Authorization", &format!("Bearer {mine}"));
    let body = json!({ "conversation_id": two.of_a.conversation });
    assert_eq!(bearer.post("/live/v1/tokens", &body).await.status, 403);
    let as_key = two.server.client_with(&mine);
    for client in [bearer, as_key] {
        let path = format!("/bot/v1/contacts/{}", two.of_a.contact);
        assert_eq!(client.get(&path).await.status, 401);
    }
}

#[tokio::test]
async fn an_expired_or_forged_token_opens_nothing() {
    let mut two = two().await;
    let good = token(&two.a, &two.of_a.conversation).await;
    two.server.terminate().await;
    let (account_a, secret_a) = signing_secret(two.dir.path(), "A").await;
    let (account_b, secret_b) = signing_secret(two.dir.path(), "B").await;
    two.server.restart().await;

    let id = two.of_a.conversation.as_str();
    let conversation = id.parse().expect("an id");
    let later = clock::now().plus(Duration::from_secs(600));
    let signed = |account, expires_at, secret: &str| {
        LiveToken { account, conversation, expires_at }.sign(secret)
    };
    let ours = signed(account_a, later, &secret_a);
    assert_eq!(doors(&two, &ours, id).await, [200, 200, 101], "the same way of signing");
    let (mut longer, mut changed) = (good.clone(), good.clone());
    longer.push('A');
    changed.replace_range(20..21, if &good[20..21] == "A" { "B" } else { "A" });
    for (what, forged) in [
        ("expired", signed(account_a, clock::now(), &secret_a)),
        ("signed by another account", signed(account_a, later, &secret_b)),
        ("signed with nothing", signed(account_a, later, "")),
        ("changed", changed),
        ("longer", longer),
        ("cut", good[..good.len() - 1].to_owned()),
        ("empty", String::new()),
        ("only a prefix", "live_".to_owned()),
    ] {
        assert_eq!(doors(&two, &forged, id).await, [401, 401, 401], "{what}");
    }
    // Well signed by B, for a conversation that is A's: not there.
    let crossed = signed(account_b, later, &secret_b);
    let [bearer, query, _] = doors(&two, &crossed, id).await;
    assert_eq!([bearer, query], [404, 404]);
    assert_eq!(doors(&two, &good, id).await, [200, 200, 101], "tokens outlive a restart");
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_the_accounts_other_key_still_does() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let first = Server::create_account(dir.path(), "A", &[]).await;
    let run = async |arguments: &[&str]| {
        let (done, text) = Server::command(dir.path(), arguments).await;
        assert!(done, "{arguments:?}: {text}");
        text
    };
    let issued: serde_json::Value =
        serde_json::from_str(&run(&["key", "issue", "--label", "second"]).await).expect("JSON");
    let second = issued["aerochat_api_key"].as_str().expect("a key");
    let listed = run(&["key", "list"]).await;
    let line = listed.lines().find(|line| line.contains("first key")).expect("the first key");
    let id = line.split_whitespace().next().expect("its id");

    let mut server = Server::open(dir.path(), &[]).await;
    let sent = server.client_with(&first).say(None, "Hello").await;
    let conversation = conversation(sent["conversation_id"].as_str().expect("an id"));
    server.terminate().await;
    run(&["key", "revoke", id]).await;
    assert!(run(&["key", "list"]).await.contains("revoked"));
    server.restart().await;

    let opens = async |client: &Client| {
        let contact = format!("/bot/v1/contacts/{}", sent["contact_id"].as_str().expect("an id"));
        [client.get(&contact).await.status, client.get(&conversation).await.status]
    };
    assert_eq!(opens(&server.client_with(&first)).await, [401, 401]);
    assert_eq!(opens(&server.client_with(second)).await, [200, 200]);
    let headers = [("X-AeroChat-API-Key", first.as_str())];
    assert_eq!(Socket::open(server.address(), "", &headers).await.err(), Some(401));
}
