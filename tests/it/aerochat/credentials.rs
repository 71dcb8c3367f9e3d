//! *Authentication* (seed 000): the key comes before everything else, and a request has an id.

use serde_json::json;

use super::shapes::{SEND, assert_refused, contact_at, history_of};
use crate::harness::site::{Engine, Site, apply, both_engines};

#[apply(both_engines)]
async fn without_a_valid_key_every_operation_is_unauthorized(engine: Engine) {
    let site = Site::start(engine).await;
    let good = site.key().to_owned();
    let mut changed = good.clone();
    let last = changed.pop().expect("a key is long");
    changed.push(if last == 'A' { 'B' } else { 'A' });
    let bearer = format!("Bearer {good}");
    let short = &good[..good.len() - 1];
    let keys = ["", " ", "x", "aero_", short, &changed, &bearer, "aero_\u{e9}", "'; --"];
    let mut callers: Vec<_> = keys.into_iter().map(|key| site.client_with(key)).collect();
    callers.push(site.stranger());
    callers.push(site.stranger().with("Authorization", &bearer));
    for caller in callers {
        let hello = json!({ "message": "Hello" });
        assert_refused(&caller.post(SEND, &hello).await, 401, "unauthorized");
        let list = caller.get(&history_of("cv_7Hq2Lm8pR1vXc0")).await;
        assert_refused(&list, 401, "unauthorized");
        let contact = caller.get(&contact_at("ct_R2dE8nQ1pXkLZ0")).await;
        assert_refused(&contact, 401, "unauthorized");
    }
    assert_eq!(site.client_with(&good).post(SEND, &json!({ "message": "Hi" })).await.status, 200);
}

#[apply(both_engines)]
async fn a_wrong_key_is_told_before_any_other_fault(engine: Engine) {
    let site = Site::start(engine).await;
    for caller in [site.stranger(), site.client_with("aero_wrong")] {
        for body in ["", "{", "[]", r#"{"message":""}"#, r#"{"message":"x","conversation_id":"x"}"#]
        {
            let answer = caller.raw("POST", SEND, "application/json", body).await;
            assert_refused(&answer, 401, "unauthorized");
        }
        let answer = caller.raw("POST", SEND, "text/plain", "Hello").await;
        assert_refused(&answer, 401, "unauthorized");
        let long = json!({ "message": "x".repeat(10_001) });
        assert_refused(&caller.post(SEND, &long).await, 401, "unauthorized");
        let pages = format!("{}?page=0&limit=x", history_of("x"));
        assert_refused(&caller.get(&pages).await, 401, "unauthorized");
        assert_refused(&caller.get(&contact_at("x")).await, 401, "unauthorized");
        let keyed = caller.with("Idempotency-Key", &"k".repeat(300));
        assert_refused(&keyed.post(SEND, &json!({})).await, 401, "unauthorized");
        let streaming = caller.with("Accept", "text/event-stream");
        let answer = streaming.post(SEND, &json!({ "message": "Hello" })).await;
        assert_refused(&answer, 401, "unauthorized");
    }
}

#[apply(both_engines)]
async fn a_strangers_body_is_not_read_however_large(engine: Engine) {
    let site = Site::start(engine).await;
    let large = json!({ "message": "x".repeat(300 * 1024) });
    for caller in [site.stranger(), site.client_with("aero_wrong")] {
        assert_refused(&caller.post(SEND, &large).await, 401, "unauthorized");
    }
}

#[apply(both_engines)]
async fn the_headers_name_has_any_case(engine: Engine) {
    let site = Site::start(engine).await;
    let key = site.key().to_owned();
    let caller = site.stranger().with("x-aerochat-api-key", &key);
    assert_eq!(caller.post(SEND, &json!({ "message": "Hello" })).await.status, 200);
}

#[apply(both_engines)]
async fn a_request_keeps_its_id_and_gets_one_where_it_has_none(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let named = client.with("X-Request-Id", "req-42.a_b");
    for answer in [
        named.post(SEND, &json!({ "message": "Hello" })).await,
        named.post(SEND, &json!({})).await,
        named.get(&contact_at("x")).await,
        named.get("/bot/v1/nowhere").await,
        named.raw("DELETE", SEND, "", "").await,
        site.stranger().with("X-Request-Id", "req-42.a_b").get(&contact_at("x")).await,
    ] {
        assert_eq!(answer.header("x-request-id"), "req-42.a_b", "{}", answer.text);
    }
    let first = client.get(&contact_at("x")).await;
    let second = client.get(&contact_at("x")).await;
    assert!(!first.header("x-request-id").is_empty());
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    for unfit in ["", "has space", &"x".repeat(129)] {
        let answer = client.with("X-Request-Id", unfit).get(&contact_at("x")).await;
        let id = answer.header("x-request-id");
        assert!(!id.is_empty() && id != unfit, "{unfit:?} → {id:?}");
    }
}
