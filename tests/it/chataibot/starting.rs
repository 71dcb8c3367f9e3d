//! *Start conversation*.

use serde_json::json;

use super::stage::{START, example, system, text};
use crate::harness::site::{Engine, Site, apply, both_engines};

#[apply(both_engines)]
async fn the_pages_example_is_answered_in_the_pages_shape(engine: Engine) {
    let site = Site::start(engine).await;
    let started = system(&site).post(START, &example(&site, "visitor-7")).await.expect(200);
    assert_eq!(started["ok"], true);
    assert!(text(&started, "/conversation/id").starts_with("cv_"));
    // 2025-02-10 20:21:03.913000
    let at = text(&started, "/conversation/created_at");
    let form: String = at.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(form, "0000-00-00 00:00:00.000000");
    assert_eq!(text(&started, "/conversation/assignee/id"), site.credential("chataibot_bot_key"));
    assert!(text(&started, "/conversation/assignee/to").contains('@'));
    let account = site.credential("account_id");
    let contact = json!({
        "name": "User Name",
        "email": "example@domain.com",
        "phone": "1234567890",
        "visitor_key": format!("visitor-7_{account}"),
    });
    assert_eq!(started["contact"], contact);
}

#[apply(both_engines)]
async fn the_reply_comes_at_the_live_url(engine: Engine) {
    let site = Site::start(engine).await;
    let started = system(&site).post(START, &example(&site, "visitor-7")).await.expect(200);
    let url = text(&started, "/live_url");
    let path = &url[url.find("/live/v1").expect("our own path")..];
    let mut feed = site.stranger().stream(path, None).await;
    let events = feed.until("message.outbound").await;
    let said = &events.last().expect("the reply").data["data"];
    assert!(!said["text"].as_str().expect("a text").is_empty());
    assert_eq!(said["author"]["type"], "bot");
}

#[apply(both_engines)]
async fn the_same_visitor_is_the_same_contact_in_another_conversation(engine: Engine) {
    let site = Site::start(engine).await;
    let system = system(&site);
    let first = system.post(START, &example(&site, "visitor-7")).await.expect(200);
    let mut renamed = example(&site, "visitor-7");
    renamed["variables"]["contact"] = json!({ "name": "New Name" });
    let second = system.post(START, &renamed).await.expect(200);
    assert_ne!(first["conversation"]["id"], second["conversation"]["id"]);
    assert_eq!(second["contact"]["name"], "New Name");
    assert_eq!(second["contact"]["email"], "example@domain.com", "what is not said stays");
    let contact = async |started: &serde_json::Value| {
        let path = format!("/live/v1/conversations/{}", text(started, "/conversation/id"));
        text(&system.get(&path).await.expect(200), "/contact_id").to_owned()
    };
    assert_eq!(contact(&first).await, contact(&second).await);
    let other = system.post(START, &example(&site, "visitor-8")).await.expect(200);
    assert_ne!(contact(&first).await, contact(&other).await);
}

#[apply(both_engines)]
async fn optional_parts_may_be_missing(engine: Engine) {
    let site = Site::start(engine).await;
    let body = json!({
        "message": { "data": { "body": "Hello" } },
        "bot_key": site.credential("chataibot_bot_key"),
        "from": { "user_external_id": "visitor-7" },
    });
    let started = system(&site).post(START, &body).await.expect(200);
    assert!(text(&started, "/contact/name").starts_with("Guest"));
    assert_eq!(started["contact"]["email"], json!(null));
}

#[apply(both_engines)]
async fn the_same_idempotency_key_starts_one_conversation(engine: Engine) {
    let site = Site::start(engine).await;
    let system = system(&site).with("Idempotency-Key", "k-1");
    let first = system.post(START, &example(&site, "visitor-7")).await.expect(200);
    let again = system.post(START, &example(&site, "visitor-7")).await.expect(200);
    assert_eq!(first["conversation"], again["conversation"]);
    system.post(START, &example(&site, "visitor-8")).await.expect(400);
}
