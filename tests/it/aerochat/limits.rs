//! What an account may use on AeroChat: credits, and requests per minute (both 429).

use serde_json::json;

use super::shapes::{SEND, assert_refused, assert_sent, contact_at, history_of, text};
use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::site::{Engine, Site, apply, both_engines};

async fn limited(engine: Engine, flags: &[&str]) -> (Site, Client) {
    let site = Site::with_account(engine, flags).await;
    let client = site.client();
    (site, client)
}

/// `RateLimit-Remaining`; all three headers must be there.
fn remaining(answer: &Answer) -> u64 {
    let number = |name| {
        let text = answer.header(name);
        text.parse::<u64>().unwrap_or_else(|_| panic!("{name} is {text:?}: {}", answer.text))
    };
    assert_eq!(number("ratelimit-limit"), 5);
    assert!(number("ratelimit-reset") <= 60, "within a minute all is there again");
    number("ratelimit-remaining")
}

#[apply(both_engines)]
async fn the_message_after_the_last_credit_is_refused(engine: Engine) {
    let mut site = Site::breakable(engine, &["--credits", "3"]).await;
    let client = site.client();
    let first = assert_sent(client.say(None, "Hello").await);
    let id = text(&first, "conversation_id");
    // What is refused costs nothing.
    for refused in [
        json!({ "message": "" }),
        json!({ "message": "Hello", "conversation_id": "cv_7Hq2Lm8pR1vXc0" }),
        json!({ "message": "x".repeat(10_001) }),
        json!({ "message": "Hello", "contact": { "email": "jane" } }),
    ] {
        assert!(client.post(SEND, &refused).await.status >= 400);
    }
    assert_sent(client.say(Some(id), "Hello").await);
    assert_sent(client.say(None, "Hello").await);
    let hello = json!({ "message": "Hello" });
    for _ in 0..2 {
        let answer = client.post(SEND, &hello).await;
        let said = assert_refused(&answer, 429, "out_of_credits");
        assert!(said.contains("credits"), "{said}");
        assert_eq!(answer.header("retry-after"), "", "waiting does not help");
    }
    let streaming = client.with("Accept", "text/event-stream").post(SEND, &hello).await;
    assert_refused(&streaming, 429, "out_of_credits");
    // Reading is free.
    let page = client.get(&history_of(id)).await.expect(200);
    assert_eq!(page["paging"]["total"], 4, "the refused message is not kept");
    client.get(&contact_at(text(&first, "contact_id"))).await.expect(200);

    site.crash().await;
    assert_refused(&client.post(SEND, &hello).await, 429, "out_of_credits");
}

#[apply(both_engines)]
async fn credits_are_counted_on_across_restarts(engine: Engine) {
    let mut site = Site::breakable(engine, &["--credits", "2"]).await;
    let client = site.client();
    assert_sent(client.say(None, "Hello").await);
    site.restart().await;
    assert_sent(client.say(None, "Hello").await);
    let answer = client.post(SEND, &json!({ "message": "Hello" })).await;
    assert_refused(&answer, 429, "out_of_credits");
}

#[apply(both_engines)]
async fn many_at_once_get_no_more_than_there_is(engine: Engine) {
    let (site, _) = limited(engine, &["--credits", "3"]).await;
    // Two nodes may both give the last credit away at one moment.
    let client = site.one().client_with(site.key());
    let hello = json!({ "message": "Hello" });
    let answers = futures_util::future::join_all((0..12).map(|_| client.post(SEND, &hello))).await;
    let sent = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(sent, 3, "three credits are three messages");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_refused(answer, 429, "out_of_credits");
    }
}

#[apply(both_engines)]
async fn a_repeated_request_costs_one_credit(engine: Engine) {
    let (_site, client) = limited(engine, &["--credits", "2"]).await;
    let keyed = client.with("Idempotency-Key", "order-1");
    let hello = json!({ "message": "Hello" });
    let first = keyed.post(SEND, &hello).await.expect(200);
    assert_eq!(keyed.post(SEND, &hello).await.expect(200), first);
    assert_sent(client.say(None, "Hello").await);
    assert_eq!(keyed.post(SEND, &hello).await.expect(200), first, "free, even when none is left");
    assert_refused(&client.post(SEND, &hello).await, 429, "out_of_credits");
}

#[apply(both_engines)]
async fn the_request_over_the_limit_is_told_when_to_come_back(engine: Engine) {
    let (_site, client) = limited(engine, &["--aerochat-per-minute", "5"]).await;
    let hello = json!({ "message": "Hello" });
    let mut left = Vec::new();
    for _ in 0..5 {
        let answer = client.post(SEND, &hello).await;
        assert_sent(answer.expect(200));
        left.push(remaining(&answer));
    }
    assert_eq!(left, [4, 3, 2, 1, 0]);
    let refused = client.post(SEND, &hello).await;
    assert_refused(&refused, 429, "rate_limited");
    assert_eq!(remaining(&refused), 0);
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=12).contains(&wait), "one of five a minute is back within 12 s, not {wait}");
    // Reads count, too.
    let read = client.get(&contact_at("ct_R2dE8nQ1pXkLZ0")).await;
    assert_refused(&read, 429, "rate_limited");
}

#[apply(both_engines)]
async fn every_answer_tells_what_is_left_errors_too(engine: Engine) {
    let (_site, client) = limited(engine, &["--aerochat-per-minute", "5"]).await;
    let mut left = Vec::new();
    for answer in [
        client.post(SEND, &json!({ "message": "" })).await,
        client.get(&contact_at("ct_R2dE8nQ1pXkLZ0")).await,
        client.post(SEND, &json!({ "message": "x".repeat(10_001) })).await,
    ] {
        assert!(answer.status >= 400);
        left.push(remaining(&answer));
    }
    assert_eq!(left, [4, 3, 2]);
}

#[apply(both_engines)]
async fn answers_of_the_framework_tell_what_is_left_too(engine: Engine) {
    let (_site, client) = limited(engine, &["--aerochat-per-minute", "5"]).await;
    let mut left = Vec::new();
    for answer in [
        client.raw("POST", SEND, "application/json", "{").await,
        client.raw("POST", SEND, "text/plain", "Hello").await,
        client.raw("DELETE", SEND, "", "").await,
        client.get("/bot/v1/nowhere").await,
    ] {
        assert!(answer.status >= 400);
        left.push(remaining(&answer));
    }
    assert_eq!(left, [4, 3, 2, 1]);
}

#[apply(both_engines)]
async fn an_account_without_a_limit_is_told_of_none(engine: Engine) {
    let site = Site::start(engine).await;
    let answer = site.client().post(SEND, &json!({ "message": "Hello" })).await;
    assert_sent(answer.expect(200));
    assert_eq!(answer.header("ratelimit-limit"), "");
}
