//! One `Idempotency-Key`, many copies of a request at once on all nodes: one message, and the same
//! answer for all.
//!
//! `PARLOR_COPIES` says how many copies there are (100 where it does not; 1,000 in the long form).

use std::collections::BTreeSet;

use futures_util::future::join_all;
use parlor::app::clock::mint;
use parlor::domain::ids::{ConversationId, Id as _, MessageId};
use reqwest::Method;
use scylla::client::session_builder::SessionBuilder;
use serde_json::{Value, json};

use super::stage::{MESSAGES, QUESTION, Tenant, engine, message, shared, times};
use crate::crash::doors::is_in_flight;
use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::services::Services;
use crate::harness::wait::eventually_in;

/// Longer than a claim is held whose node has died: no copy waits for longer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

/// Sends under a key until the answer is not that another copy is under way.
async fn insist(client: &Client, key: &str, text: &str) -> Answer {
    let keyed = client.with("Idempotency-Key", key);
    eventually_in(PATIENCE, "the copy is answered", async || {
        let request = keyed.request(Method::POST, MESSAGES).json(&message(None, text));
        let answer = keyed.try_send(request).await.expect("an answer");
        (!is_in_flight(&answer)).then_some(answer)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_at_once_on_all_nodes_are_one_message_with_one_answer() {
    let copies = usize::try_from(times("PARLOR_COPIES", 100, 1_000)).expect("few");
    let tenant = Tenant::new(shared().await, "Once", &[]).await;
    let sending = (0..copies)
        .map(|copy| insist(&tenant.clients[copy % tenant.clients.len()], "the same", QUESTION));
    let answers: Vec<_> = join_all(sending).await;
    let told: BTreeSet<_> = answers.iter().map(|answer| (answer.status, &answer.text)).collect();
    assert_eq!(told.len(), 1, "all are told the same: {told:#?}");
    let answer = answers[0].expect(200);
    assert_eq!(answer["intent"], "business_hours");

    let engine = engine().await;
    let used = engine.totals(tenant.id).await.expect("readable");
    assert_eq!((used.inbound, used.outbound), (1, 1), "one message and its reply were kept");
    engine.close().await;
    let id = answer["conversation_id"].as_str().expect("an id");
    for client in &tenant.clients {
        let path = format!("/bot/v1/conversations/{id}/messages");
        let listed = client.get(&path).await.expect(200);
        assert_eq!(listed["paging"]["total"], 2, "{listed}");
        assert_eq!(listed["messages"][0]["message_id"], answer["message_id"]);
        let later = insist(client, "the same", QUESTION).await;
        assert_eq!(later.text, answers[0].text, "and so is who asks again later");
    }
    println!("{copies} copies: one message");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_different_requests_under_one_key_one_wins() {
    let copies = usize::try_from(times("PARLOR_COPIES", 100, 1_000)).expect("few");
    let tenant = Tenant::new(shared().await, "Either", &[]).await;
    let texts = [QUESTION, "where is my order?"];
    let keys = (copies / 10).max(1);
    for key in 0..keys {
        let key = format!("contested {key}");
        let sending = (0..12).map(|copy| {
            let text = texts[copy / 3 % 2];
            insist(&tenant.clients[copy % tenant.clients.len()], &key, text)
        });
        let answers: Vec<_> = join_all(sending).await;
        let (won, lost): (Vec<_>, Vec<_>) =
            answers.iter().enumerate().partition(|(_, answer)| answer.status == 200);
        let winners: BTreeSet<_> = won.iter().map(|(copy, _)| copy / 3 % 2).collect();
        assert_eq!(winners.len(), 1, "one request wins: {answers:#?}");
        let told: BTreeSet<_> = won.iter().map(|(_, answer)| &answer.text).collect();
        assert_eq!(told.len(), 1, "whoever asked for it is told the same: {answers:#?}");
        assert_eq!((won.len(), lost.len()), (6, 6), "each is one or the other: {answers:#?}");
        for (_, answer) in lost {
            assert_eq!(answer.expect(400)["detail"]["type"], "invalid_request", "{}", answer.text);
        }
    }
    let engine = engine().await;
    let used = engine.totals(tenant.id).await.expect("readable");
    assert_eq!(used.inbound, u64::try_from(keys).expect("few"), "a key is one message, never two");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_dead_node_left_behind_asks_its_caller_to_come_again() {
    let tenant = Tenant::new(shared().await, "Left", &[]).await;
    let keyed = tenant.clients[0].with("Idempotency-Key", "left behind");
    let told = keyed.post(MESSAGES, &message(None, QUESTION)).await.expect(200);
    // As after a death between claim and append: the key is another message's, and that is nowhere.
    let keyspace = shared().await.name();
    let session = SessionBuilder::new().known_node(&Services::shared().await.cql).build().await;
    let session = session.expect("a session");
    let ask = format!(
        "SELECT key_sha256, claim FROM {keyspace}.claims WHERE account = ? ALLOW FILTERING"
    );
    let found = session.query_unpaged(ask, (tenant.id.uuid(),)).await.expect("asked");
    let found = found.into_rows_result().expect("rows");
    let (key, claim) = found.first_row::<(String, String)>().expect("one claim");
    let mut claim: Value = serde_json::from_str(&claim).expect("JSON");
    assert_eq!(claim["message_id"], told["message_id"]);
    claim["message_id"] = json!(mint::<MessageId>());
    claim["conversation"] = json!(mint::<ConversationId>());
    let change =
        format!("UPDATE {keyspace}.claims SET claim = ? WHERE account = ? AND key_sha256 = ?");
    let values = (claim.to_string(), tenant.id.uuid(), key);
    session.query_unpaged(change, values).await.expect("changed");

    let keyed = tenant.clients[1].with("Idempotency-Key", "left behind");
    let answer = keyed.post(MESSAGES, &message(None, QUESTION)).await;
    assert!(is_in_flight(&answer), "{} {}", answer.status, answer.text);
    assert_ne!(answer.header("retry-after"), "", "{:?}", answer.headers);
}
