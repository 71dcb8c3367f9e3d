//! `{"ok":false,"error":{"code","message"}}`.

use serde_json::{Value, json};

use super::stage::{START, example, messages_of, says, system};
use crate::harness::http::Answer;
use crate::harness::site::{Engine, Site, apply, both_engines};

fn assert_refused(answer: &Answer, status: u16, code: &str) {
    let body = answer.expect(status);
    assert_eq!(body["ok"], false, "{body}");
    assert_eq!(body["error"]["code"], code, "{body}");
    assert!(!body["error"]["message"].as_str().expect("a sentence").is_empty());
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2));
}

#[apply(both_engines)]
async fn a_faulty_field_is_named(engine: Engine) {
    let site = Site::start(engine).await;
    let system = system(&site);
    let faults: [(&str, Value); 12] = [
        ("/channel", json!("WEB")),
        ("/message", json!(null)),
        ("/message/data", json!({})),
        ("/message/data/body", json!(" ")),
        ("/message/type", json!("video")),
        ("/variables/contact/email", json!("nobody@")),
        ("/variables/contact/phone", json!("12")),
        ("/variables/conversation", json!({ "a b": "x" })),
        ("/variables/system", json!({ "nested": {} })),
        ("/from", json!({})),
        ("/from/user_external_id", json!("")),
        ("/from/type", json!("AGENT")),
    ];
    for (pointer, wrong) in faults {
        let mut body = example(&site, "visitor-7");
        *body.pointer_mut(pointer).expect("a field of the example") = wrong;
        assert_refused(&system.post(START, &body).await, 400, "invalid_request");
    }
    let mut two = example(&site, "visitor-7");
    two["channel"] = json!(7);
    two["from"]["type"] = json!("AGENT");
    let refused = system.post(START, &two).await.expect(400);
    let message = refused["error"]["message"].as_str().expect("a sentence");
    assert!(message.contains("channel") && message.contains("from.type"), "{message}");
}

#[apply(both_engines)]
async fn only_a_deployed_bot_answers(engine: Engine) {
    let mut site = Site::start(engine).await;
    for unknown in ["bot_1", "nothing"] {
        let mut body = example(&site, "visitor-7");
        body["bot_key"] = json!(unknown);
        assert_refused(&system(&site).post(START, &body).await, 404, "not_found");
    }
    let bot = site.credential("chataibot_bot_key").to_owned();
    site.run(&["bot", "withdraw", "--bot", &bot]).await;
    let refused = system(&site).post(START, &example(&site, "visitor-7")).await;
    assert_refused(&refused, 404, "not_found");
}

#[apply(both_engines)]
async fn a_message_too_long_a_stranger_and_what_is_not_there(engine: Engine) {
    let site = Site::start(engine).await;
    let system = system(&site);
    let mut long = example(&site, "visitor-7");
    long["message"]["data"]["body"] = json!("x".repeat(10_001));
    assert_refused(&system.post(START, &long).await, 413, "payload_too_large");
    let stranger = site.stranger();
    assert_refused(&stranger.post(START, &example(&site, "v")).await, 401, "unauthorized");
    let aerochat = site.stranger().with("Authorization", &format!("Bearer {}", site.key()));
    assert_refused(&aerochat.post(START, &example(&site, "v")).await, 401, "unauthorized");
    assert_refused(&system.post(&messages_of("cv_1"), &says("Hi")).await, 404, "not_found");
    assert_refused(&system.post(&messages_of("x"), &says("Hi")).await, 404, "not_found");
    assert_refused(&system.get(START).await, 405, "method_not_allowed");
    assert_refused(
        &system.raw("POST", START, "application/json", "{").await,
        400,
        "invalid_request",
    );
}

#[apply(both_engines)]
async fn a_limit_that_an_account_has_chosen_holds(engine: Engine) {
    let mut site = Site::start(engine).await;
    site.set(r#"{"limits":{"chataibot":2}}"#).await;
    let system = system(&site);
    for _ in 0..2 {
        let answer = system.post(START, &example(&site, "visitor-7")).await;
        answer.expect(200);
        assert_eq!(answer.header("RateLimit-Limit"), "2");
    }
    let refused = system.post(START, &example(&site, "visitor-7")).await;
    assert_refused(&refused, 429, "rate_limited");
    assert!(!refused.header("Retry-After").is_empty());
}
