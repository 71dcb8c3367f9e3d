//! `Idempotency-Key` on *Send a message*: the same key within 24 hours sends the message once.

use serde_json::{Value, json};

use super::shapes::{SEND, assert_refused, assert_sent, history_of, text};
use crate::harness::Client;
use crate::harness::site::{Engine, Site, apply, both_engines};

fn question() -> Value {
    json!({ "message": "what are your opening hours?", "contact": { "name": "Jane Doe" } })
}

async fn total(client: &Client, sent: &Value) -> u64 {
    let page = client.get(&history_of(text(sent, "conversation_id"))).await.expect(200);
    page["paging"]["total"].as_u64().expect("a number")
}

#[apply(both_engines)]
async fn a_repeated_request_has_the_same_answer_and_sends_nothing(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let keyed = client.with("Idempotency-Key", "order-1");
    let first = keyed.post(SEND, &question()).await;
    let sent = assert_sent(first.expect(200));
    // Spelled otherwise, asked the same.
    let again = r#" {"contact": {"name":"Jane Doe"}, "message":"what are your opening hours?"} "#;
    for answer in [
        keyed.post(SEND, &question()).await,
        keyed.raw("POST", SEND, "application/json", again).await,
    ] {
        assert_eq!((answer.status, &answer.text), (200, &first.text), "the same answer again");
    }
    assert_eq!(total(&client, &sent).await, 2, "one question, one reply");
    let other = client.with("Idempotency-Key", "order-2").post(SEND, &question()).await;
    assert_ne!(other.expect(200)["conversation_id"], sent["conversation_id"]);
}

#[apply(both_engines)]
async fn a_repeated_message_in_a_conversation_is_there_once(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let sent = client.say(None, "Hello").await;
    let keyed = client.with("Idempotency-Key", "order-1");
    let body = json!({
        "message": "I want to talk to a human", "conversation_id": sent["conversation_id"],
    });
    let first = keyed.post(SEND, &body).await;
    assert_eq!(first.expect(200)["status"], "queued_for_agent");
    client.say(sent["conversation_id"].as_str(), "and more").await;
    let again = keyed.post(SEND, &body).await;
    assert_eq!(again.text, first.text, "the same answer, whatever came between");
    assert_eq!(total(&client, &sent).await, 4);
}

#[apply(both_engines)]
async fn twenty_copies_at_once_are_one_message(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let keyed = client.with("Idempotency-Key", "order-1");
    let body = question();
    let answers = futures_util::future::join_all((0..20).map(|_| keyed.post(SEND, &body))).await;
    let sent = assert_sent(answers[0].expect(200));
    for answer in &answers {
        assert_eq!(answer.text, answers[0].text, "all copies have one answer");
    }
    assert_eq!(total(&client, &sent).await, 2);
}

#[apply(both_engines)]
async fn the_same_key_with_another_body_is_refused(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let keyed = client.with("Idempotency-Key", "order-1");
    let sent = keyed.post(SEND, &question()).await.expect(200);
    for other in [
        json!({ "message": "where is my order?", "contact": { "name": "Jane Doe" } }),
        json!({ "message": "what are your opening hours?" }),
        json!({ "message": "what are your opening hours?", "contact": { "name": "Jane Roe" } }),
        json!({
            "message": "what are your opening hours?", "contact": { "name": "Jane Doe" },
            "conversation_id": sent["conversation_id"],
        }),
    ] {
        let said = assert_refused(&keyed.post(SEND, &other).await, 400, "invalid_request");
        assert!(said.contains("Idempotency-Key"), "{said}");
    }
    assert_eq!(total(&client, &sent).await, 2);
}

#[apply(both_engines)]
async fn a_key_is_remembered_across_a_crash(engine: Engine) {
    let mut site = Site::breakable(engine, &[]).await;
    let client = site.client();
    let keyed = client.with("Idempotency-Key", "order-1");
    let first = keyed.post(SEND, &question()).await;
    let sent = assert_sent(first.expect(200));
    site.crash().await;
    assert_eq!(keyed.post(SEND, &question()).await.text, first.text);
    let other = json!({ "message": "Hello" });
    assert_refused(&keyed.post(SEND, &other).await, 400, "invalid_request");
    assert_eq!(total(&client, &sent).await, 2);
}

#[apply(both_engines)]
async fn a_refused_request_does_not_use_up_its_key(engine: Engine) {
    let site = Site::start(engine).await;
    let keyed = site.client().with("Idempotency-Key", "order-1");
    keyed.post(SEND, &json!({ "message": "" })).await.expect(400);
    let unknown = json!({ "message": "Hello", "conversation_id": "cv_7Hq2Lm8pR1vXc0" });
    keyed.post(SEND, &unknown).await.expect(404);
    assert_sent(keyed.post(SEND, &question()).await.expect(200));
}

#[apply(both_engines)]
async fn a_key_has_1_to_255_characters(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    for key in ["", &"k".repeat(256)] {
        let answer = client.with("Idempotency-Key", key).post(SEND, &question()).await;
        let said = assert_refused(&answer, 400, "invalid_request");
        assert!(said.contains("Idempotency-Key"), "{said}");
    }
    for key in ["k", &"k".repeat(255)] {
        let answer = client.with("Idempotency-Key", key).post(SEND, &question()).await;
        assert_sent(answer.expect(200));
    }
}

#[apply(both_engines)]
async fn a_repeated_request_may_ask_for_the_other_form(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let keyed = client.with("Idempotency-Key", "order-1");
    let sent = assert_sent(keyed.post(SEND, &question()).await.expect(200));
    let events = keyed.stream(SEND, Some(&question())).await.rest().await;
    let end = events.last().expect("an end");
    assert_eq!((end.name.as_str(), &end.data), ("end", &sent));
    assert_eq!(total(&client, &sent).await, 2);
}
