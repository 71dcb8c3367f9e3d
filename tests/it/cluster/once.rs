//! One `Idempotency-Key`, many copies of a request at once on all nodes: one message, and the same
//! answer for all.
//!
//! `PARLOR_COPIES` says how many copies there are (100 where it does not; 1,000 in the long form).

use std::collections::BTreeSet;

use futures_util::future::join_all;
use parlor::domain::ids::Id as _;
use reqwest::Method;
use scylla::client::session_builder::SessionBuilder;
use serde_json::Value;

use super::stage::{MESSAGES, QUESTION, Tenant, engine, message, shared, times};
use crate::crash::doors::is_in_flight;
use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::services::Services;
use crate::harness::wait::eventually_in;

/// No copy waits for longer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

/// Sends under a key until the answer is not that another copy is under way.
async fn insist(client: &Client, key: &str, text: &str) -> Answer {
    insist_on(client, key.to_owned(), message(None, text)).await
}

async fn insist_on(client: &Client, key: String, asked: Value) -> Answer {
    let key = key.as_str();
    let keyed = client.with("Idempotency-Key", key);
    eventually_in(PATIENCE, "the copy is answered", async || {
        let request = keyed.request(Method::POST, MESSAGES).json(&asked);
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

/// In one conversation, while others send there as well: the fold sees all of it in one order.
#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_message_in_a_conversation_are_one_among_others() {
    let copies = usize::try_from(times("PARLOR_COPIES", 100, 1_000)).expect("few");
    let tenant = Tenant::new(shared().await, "Within", &[]).await;
    let begun = tenant.clients[0].post(MESSAGES, &message(None, QUESTION)).await;
    let id = begun.expect(200)["conversation_id"].as_str().expect("an id").to_owned();
    let keys = (copies / 10).max(1);
    let sending = (0..copies).map(|copy| {
        let (client, id) = (&tenant.clients[copy % tenant.clients.len()], &id);
        let key = copy % keys;
        insist_on(client, format!("within {key}"), message(Some(id), &format!("{QUESTION} {key}")))
    });
    let answers = join_all(sending).await;
    for key in 0..keys {
        let of_key = answers.iter().enumerate().filter(|(copy, _)| copy % keys == key);
        let told: BTreeSet<_> = of_key.map(|(_, answer)| (answer.status, &answer.text)).collect();
        assert_eq!(told.len(), 1, "all copies are told the same: {told:#?}");
    }
    let path = format!("/bot/v1/conversations/{id}/messages?limit=1");
    let listed = tenant.clients[1].get(&path).await.expect(200);
    assert_eq!(listed["paging"]["total"], 2 * (keys + 1), "a key is one message: {listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_began_a_conversation_is_known_when_its_claim_is_forgotten() {
    let tenant = Tenant::new(shared().await, "Later", &[]).await;
    let keyed: Vec<_> =
        tenant.clients.iter().map(|client| client.with("Idempotency-Key", "later")).collect();
    let first = keyed[0].post(MESSAGES, &message(None, QUESTION)).await;
    first.expect(200);
    // As it is after a day.
    let keyspace = shared().await.name();
    let session = SessionBuilder::new().known_node(&Services::shared().await.cql).build().await;
    let session = session.expect("a session");
    let ask = format!("SELECT key_sha256 FROM {keyspace}.claims WHERE account = ? ALLOW FILTERING");
    let found = session.query_unpaged(ask, (tenant.id.uuid(),)).await.expect("asked");
    let (key,) = found.into_rows_result().expect("rows").first_row::<(String,)>().expect("one");
    let forget = format!("DELETE FROM {keyspace}.claims WHERE account = ? AND key_sha256 = ?");
    session.query_unpaged(forget, (tenant.id.uuid(), key)).await.expect("forgotten");

    let again = keyed[1].post(MESSAGES, &message(None, QUESTION)).await;
    assert_eq!(again.text, first.text);
    let other = keyed[2].post(MESSAGES, &message(None, "where is my order?")).await;
    assert_eq!(other.expect(400)["detail"]["type"], "invalid_request", "{}", other.text);
}
