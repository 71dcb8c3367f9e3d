//! The remote bot against an endpoint of an account's own.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::Semaphore;

use super::stage::{Stage, chunks, names};
use crate::harness::upstream::{Answer, Piece, Upstream};

const SECRET: &str = "a secret of theirs and ours";

fn definition(upstream: &Upstream) -> Value {
    json!({ "kind": "remote", "name": "Theirs", "url": upstream.url("/bot"), "secret": SECRET,
        "history": 2, "headers": { "X-Tenant": "acme" } })
}

#[tokio::test]
async fn an_endpoint_is_told_what_is_known_and_what_it_says_is_kept() {
    let upstream = Upstream::start(|_, _| {
        Answer::json(
            200,
            &json!({ "text": "It was sent.", "intent": "order_status",
            "buttons": ["Thanks"], "variables": { "conversation.state": "sent" } }),
        )
    })
    .await;
    let stage = Stage::with_bot(&definition(&upstream)).await;
    let sent = stage.ask(None, "where is my order?").await;
    assert_eq!(
        (&sent["reply"]["text"], &sent["intent"]),
        (&json!("It was sent."), &json!("order_status"))
    );
    let id = sent["conversation_id"].as_str().expect("an id");
    stage.ask(Some(id), "and the other?").await;

    let request = upstream.request(1).await;
    assert_eq!(request.header("x-tenant"), "acme");
    let body = request.json();
    assert_eq!(request.header("idempotency-key"), body["message_id"].as_str().expect("an id"));
    assert_eq!(body["conversation_id"], id);
    assert_eq!(body["text"], "and the other?");
    assert_eq!(body["person_available"], false);
    assert_eq!(body["variables"]["conversation.state"], "sent");
    assert_eq!(
        body["history"],
        json!([{ "by": "customer", "text": "where is my order?" },
            { "by": "business", "text": "It was sent." }])
    );
    let signature = request.header("parlor-signature");
    let (at, digest) =
        signature.strip_prefix("t=").and_then(|s| s.split_once(",v1=")).expect("one");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(format!("{at}.{}", request.text()).as_bytes());
    assert_eq!(digest, HEXLOWER.encode(&mac.finalize().into_bytes()));
}

#[tokio::test]
async fn an_endpoint_may_stream() {
    let gate = Arc::new(Semaphore::new(0));
    let wait = gate.clone();
    let upstream = Upstream::start(move |number, _| match number {
        0 => Answer::events(vec![
            Piece::text("event: intent\ndata: {\"intent\":\"hello\"}\n\n"),
            Piece::text("event: chunk\ndata: {\"text\":\"Hel\"}\n\n"),
            Piece::Gate(wait.clone()),
            Piece::text("event: chunk\ndata: {\"text\":\"lo.\"}\n\nevent: end\ndata: {}\n\n"),
        ]),
        _ => Answer::events(vec![Piece::text("event: chunk\ndata: {\"text\":\"Half\"}\n\n")]),
    })
    .await;
    let stage = Stage::with_bot(&definition(&upstream)).await;
    let thread = stage.conversation().await;
    let mut feed = thread.client.stream(&thread.path("/stream"), None).await;
    thread.send("hi").await;
    assert_eq!(chunks(&feed.until("reply.chunk").await), ["Hel"]);
    gate.add_permits(1);
    let message = feed.until("message.outbound").await;
    assert_eq!(message.last().expect("a message").data["data"]["text"], "Hello.");

    let frames = thread.turn("again").await;
    assert_eq!(names(&frames).last(), Some(&"reply.failed"), "it did not say that it ended");
}

#[tokio::test]
async fn a_call_is_repeated_under_one_key_until_it_is_answered() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Answer::json(502, &json!({})),
        1 => Answer::json(200, &json!({ "hand_over": true })),
        _ => Answer::json(400, &json!({})),
    })
    .await;
    let stage = Stage::with_person(&definition(&upstream)).await;
    let thread = stage.conversation().await;
    let frames = thread.turn("a person").await;
    assert!(names(&frames).contains(&"conversation.escalated"), "{frames:#?}");
    let keys = upstream.asked();
    let keys: Vec<_> = keys.iter().map(|request| request.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn an_endpoint_may_close_the_conversation() {
    let upstream = Upstream::start(|_, _| {
        Answer::json(200, &json!({ "text": "Solved. Bye.", "resolve": true }))
    })
    .await;
    let stage = Stage::with_bot(&definition(&upstream)).await;
    let thread = stage.conversation().await;
    assert_eq!(thread.answer("it works again").await, "Solved. Bye.");
    thread.event("conversation.resolved").await;
}
