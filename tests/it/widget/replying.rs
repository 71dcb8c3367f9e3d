//! *Send Reply*, and the ways a site key is shown.

use serde_json::{Value, json};

use super::stage::{CREATE, assert_refused, bodies, create, messages, messages_of, page};
use crate::harness::site::{Engine, Site, apply, both_engines};
use crate::harness::wait::eventually;

#[apply(both_engines)]
async fn a_reply_is_kept_and_answered(engine: Engine) {
    let mut site = Site::start(engine).await;
    let settings = r#"{"limits":{"widget_read":100000}}"#;
    site.set(settings).await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    let sent = page.post(&messages_of("v-1"), &json!({ "message": "How can I pay?" })).await;
    assert_eq!(sent.expect(201), json!({ "status": "ok" }));
    eventually("the bot has answered", async || {
        (messages(&page, "v-1").await.len() == 4).then_some(())
    })
    .await;
}

#[apply(both_engines)]
async fn a_reply_must_say_something_and_not_too_much(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    create(&page, "v-1", "Hello").await.expect(201);
    for wrong in
        [json!({}), json!({ "message": null }), json!({ "message": " " }), json!({ "message": 1 })]
    {
        assert_refused(&page.post(&messages_of("v-1"), &wrong).await, 422, "Message is required");
    }
    let long = json!({ "message": "x".repeat(10_001) });
    let text = "Message is too long (maximum 10000 characters)";
    assert_refused(&page.post(&messages_of("v-1"), &long).await, 422, text);
    let answer = page.post(&messages_of("nobody"), &json!({ "message": "Hi" })).await;
    assert_refused(&answer, 404, "Conversation not found");
    let broken = page.raw("POST", &messages_of("v-1"), "application/json", "{").await;
    broken.expect(400);
}

#[apply(both_engines)]
async fn a_reply_reopens_a_conversation_that_was_closed(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    let created = create(&page, "v-1", "Hello").await.expect(201);
    let id = conversation(&site, &created).await;
    let aloo = site.stranger().with("x-api-token", site.credential("aloochat_api_token"));
    let path = format!("{CREATE}/{id}");
    let closed = patch(&aloo, &path, &json!({ "status": "resolved" })).await;
    assert_eq!(closed["status"], "resolved");
    page.post(&messages_of("v-1"), &json!({ "message": "How can I pay?" })).await.expect(201);
    assert_eq!(aloo.get(&path).await.expect(200)["status"], "active");
}

async fn conversation(site: &Site, created: &Value) -> String {
    let token = created["conversation_token"].as_str().expect("a token");
    let reader = site.stranger().with("Authorization", &format!("Bearer {token}"));
    let state = reader.get("/live/v1/conversations/current").await.expect(200);
    state["conversation_id"].as_str().expect("an id").to_owned()
}

async fn patch(client: &crate::harness::Client, path: &str, body: &Value) -> Value {
    client.raw("PATCH", path, "application/json", &body.to_string()).await.expect(200)
}

#[apply(both_engines)]
async fn the_site_key_is_taken_in_three_places_and_no_other_key_is(engine: Engine) {
    let site = Site::start(engine).await;
    let key = site.credential("widget_site_key");
    create(&page(&site), "v-1", "Hello").await.expect(201);
    let bearer = site.stranger().with("Authorization", &format!("Bearer {key}"));
    assert_eq!(bodies(&messages(&bearer, "v-1").await).len(), 2);
    let query = format!("{}?site_key={key}", messages_of("v-1"));
    assert_eq!(site.stranger().get(&query).await.expect(200).as_array().map(Vec::len), Some(2));
    for wrong in [site.key(), "site_nobody", "", site.credential("aloochat_api_token")] {
        let stranger = site.stranger().with("X-Site-Key", wrong);
        assert_refused(&stranger.get("/api/v1/chat/config").await, 401, "Invalid site key");
    }
    assert_refused(&site.stranger().get("/api/v1/chat/config").await, 401, "Invalid site key");
    // Where the path may be either surface's, whoever reads understands.
    let neither = site.stranger().get(&messages_of("v-1")).await.expect(401);
    assert_eq!(neither["error"], "Unauthorized");
    assert_eq!(neither["statusCode"], 401);
    // A site key opens nothing else.
    let elsewhere = site.stranger().with("X-Site-Key", key);
    elsewhere.get("/live/v1/conversations/current").await.expect(401);
    elsewhere.post("/live/v1/tokens", &json!({ "conversation_id": "cv_1" })).await.expect(401);
    let visitor = elsewhere.with("X-Visitor-Token", "v-1");
    visitor.get("/live/v1/conversations/current").await.expect(200);
    visitor.post("/live/v1/tokens", &json!({ "conversation_id": "cv_1" })).await.expect(403);
}
