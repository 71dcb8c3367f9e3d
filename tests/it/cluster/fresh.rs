//! What one node has answered is read on every other at once: no read after it is stale.
//!
//! `PARLOR_PAIRS` says how many times a node writes and another reads (2,000 where it does not;
//! 100,000 in the long form).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::stage::{MESSAGES, QUESTION, Tenant, message, shared, times};
use crate::harness::Client;

/// Conversations that are written and read at once.
const LANES: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_answered_is_read_on_every_other_at_once() {
    let pairs = times("PARLOR_PAIRS", 2_000, 100_000);
    let tenant = Tenant::new(shared().await, "Fresh", &[]).await;
    let left = Arc::new(AtomicU64::new(pairs.div_ceil(tenant.clients.len() as u64 - 1)));
    let began = Instant::now();
    let lanes = (0..LANES).map(|lane| {
        let (clients, left) = (tenant.clients.clone(), left.clone());
        tokio::spawn(write_and_read(clients, lane, left))
    });
    let pairs: u64 = join_all(lanes).await.into_iter().map(|lane| lane.expect("content")).sum();
    println!("{pairs} reads after writes on other nodes in {:?}, none stale", began.elapsed());
}

/// Writes on a node and reads on all others, while there are writes `left`; gives how many pairs
/// that were.
async fn write_and_read(clients: Vec<Client>, lane: usize, left: Arc<AtomicU64>) -> u64 {
    let mut conversation: Option<String> = None;
    let mut pairs = 0;
    for turn in 1.. {
        let one_less = |left: u64| left.checked_sub(1);
        if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err() {
            break;
        }
        let writer = (lane + turn) % clients.len();
        let text = format!("{QUESTION} #{lane}-{turn}");
        let body = message(conversation.as_deref(), &text);
        let told = clients[writer].post(MESSAGES, &body).await.expect(200);
        let id = told["conversation_id"].as_str().expect("an id").to_owned();
        for (_, reader) in clients.iter().enumerate().filter(|(number, _)| *number != writer) {
            let (history, now) = tokio::join!(history(reader, &id, turn), now(reader, &id));
            let expected = json!([told["message_id"], text, told["reply"]["text"]]);
            assert_eq!(history["paging"]["total"], 2 * turn, "history is not stale: {history}");
            let messages = &history["messages"];
            let read = json!([messages[0]["message_id"], messages[0]["text"], messages[1]["text"]]);
            assert_eq!(read, expected, "the page has what was told");
            assert_eq!(now["message_count"], 2 * turn, "the conversation is not stale: {now}");
            let last = now["messages"].as_array().and_then(|messages| messages.last());
            let last = last.expect("a message");
            assert_eq!(last["text"], told["reply"]["text"], "its last message is the reply");
            assert_eq!(last["in_reply_to"], told["message_id"]);
            pairs += 1;
        }
        conversation = Some(id);
    }
    pairs
}

/// The page that a turn's two messages make.
async fn history(client: &Client, id: &str, turn: usize) -> Value {
    let path = format!("/bot/v1/conversations/{id}/messages?limit=2&page={turn}");
    client.get(&path).await.expect(200)
}

async fn now(client: &Client, id: &str) -> Value {
    client.get(&format!("/live/v1/conversations/{id}")).await.expect(200)
}
