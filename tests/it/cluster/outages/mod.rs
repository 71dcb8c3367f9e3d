//! What a node does while what it stands on is away, or is not as it must be: it says so on
//! `/readyz` and in its log, refuses callers in their surface's own words and soon, stays alive, and
//! goes on by itself.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::http::Answer;
use crate::harness::wait::{eventually_in, within_time};
use crate::harness::{Client, Server};

mod absent;
mod wrong;

/// What an append may take in the worst case, and what its answer may take besides.
const BOUND: Duration = Duration::from_secs(40);
/// After this a node whose services are back must be ready.
const BACK: Duration = Duration::from_secs(60);
const MESSAGES: &str = super::stage::MESSAGES;

/// Waits until a node says that it is not ready, for a reason that has one of these words; gives
/// what it says.
async fn not_ready(node: &Server, words: &[&str]) -> String {
    let stranger = node.stranger();
    eventually_in(BOUND, &format!("the node says that {words:?} is wrong"), async || {
        stranger.get("/healthz").await.expect(200);
        let answer = stranger.get("/readyz").await;
        if answer.status == 200 {
            return None;
        }
        let body = answer.expect(503);
        assert_eq!(body["status"], "not ready", "{body}");
        let detail = body["detail"].as_str().unwrap_or_default();
        words.iter().any(|word| detail.contains(word)).then(|| detail.to_owned())
    })
    .await
}

/// Waits until a node is ready; gives how long that took.
async fn ready(node: &Server) -> Duration {
    let (stranger, began) = (node.stranger(), Instant::now());
    eventually_in(BACK, "the node is ready", async || {
        (stranger.get("/readyz").await.status == 200).then_some(())
    })
    .await;
    began.elapsed()
}

/// Waits until the log of a node has one of these words.
async fn logged(node: &Server, words: &[&str]) {
    eventually_in(BOUND, &format!("the log has one of {words:?}"), async || {
        let said = node.said();
        words.iter().any(|word| said.contains(word)).then_some(())
    })
    .await;
}

/// Sends on both surfaces what cannot be kept now, and checks how that is refused.
async fn refuses(node: &Server, conversation: &str) {
    let client = node.client();
    let began = Instant::now();
    let path = format!("/live/v1/conversations/{conversation}/messages");
    let (aerochat, live) = within_time(BOUND, "refusals", async {
        let body = super::stage::message(Some(conversation), super::stage::QUESTION);
        let text = json!({ "text": super::stage::QUESTION });
        tokio::join!(client.post(MESSAGES, &body), client.post(&path, &text))
    })
    .await;
    refused(&aerochat, "detail", "internal");
    refused(&live, "error", "unavailable");
    println!("refused after {:?}", began.elapsed());
}

/// Checks a refusal's words.
fn refused(answer: &Answer, outer: &str, kind: &str) {
    let body = answer.expect(503);
    let error = &body[outer];
    assert_eq!(error["type"], kind, "in the surface's own words: {body}");
    assert!(error["message"].is_string(), "{body}");
    assert_ne!(answer.header("retry-after"), "", "and when to come again: {:?}", answer.headers);
}

/// The ids and texts of a conversation's messages, which a node must be able to read.
async fn read(client: &Client, id: &str) -> Vec<Value> {
    let path = format!("/bot/v1/conversations/{id}/messages?limit=100");
    let listed = client.get(&path).await.expect(200);
    listed["messages"].as_array().expect("messages").clone()
}

/// An address at which nobody listens yet.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").to_string()
}
