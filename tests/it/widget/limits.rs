//! How often a visitor may call, by what is asked for.

use serde_json::json;

use super::stage::{CREATE, assert_refused, create, messages_of, page};
use crate::harness::Server;
use crate::harness::site::{Engine, Site, apply, both_engines};

#[apply(both_engines)]
async fn five_conversations_a_minute_and_then_too_many(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    for number in 0..5u32 {
        let answer = create(&page, &format!("v-{number}"), "Hello").await;
        answer.expect(201);
        assert_eq!(answer.header("RateLimit-Limit"), "5");
        assert_eq!(answer.header("RateLimit-Remaining"), (4 - number).to_string());
    }
    let refused = create(&page, "v-5", "Hello").await;
    assert_refused(&refused, 429, "Too many requests");
    let wait: u64 = refused.header("Retry-After").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    // What else a visitor may do is counted by itself.
    let read = page.get(&messages_of("v-0")).await;
    read.expect(200);
    assert_eq!(read.header("RateLimit-Limit"), "60");
    let sent = page.post(&messages_of("v-0"), &json!({ "message": "How can I pay?" })).await;
    sent.expect(201);
    assert_eq!(sent.header("RateLimit-Limit"), "20");
    let config = page.get("/api/v1/chat/config").await;
    assert_eq!(config.header("RateLimit-Limit"), "60");
}

#[apply(both_engines)]
async fn a_faulty_request_counts_too(engine: Engine) {
    let site = Site::start(engine).await;
    let page = page(&site);
    for _ in 0..5 {
        page.post(CREATE, &json!({})).await.expect(422);
    }
    assert_refused(&page.post(CREATE, &json!({})).await, 429, "Too many requests");
}

#[apply(both_engines)]
async fn a_limit_of_none_at_all_says_so(engine: Engine) {
    let mut site = Site::start(engine).await;
    site.set(r#"{"limits":{"widget_config":0}}"#).await;
    let refused = page(&site).get("/api/v1/chat/config").await;
    assert_refused(&refused, 429, "Too many requests");
    for (name, value) in [("RateLimit-Limit", "0"), ("RateLimit-Remaining", "0")] {
        assert_eq!(refused.header(name), value);
    }
}

#[tokio::test]
async fn one_address_is_counted_once_however_it_is_written() {
    let server = Server::start_with(&["--trusted-proxies", "1"]).await;
    let key = server.credential("widget_site_key");
    let left = async |address: &str| {
        let page = server.stranger().with("X-Site-Key", &key).with("X-Forwarded-For", address);
        page.post(CREATE, &json!({})).await.header("RateLimit-Remaining").to_owned()
    };
    for (address, expected) in [
        ("203.0.115.1", "4"),
        ("::ffff:203.0.115.1", "3"),
        ("::ffff:cb00:7301", "2"),
        ("203.0.115.2", "4"),
        ("2001:db8:1:2::1", "4"),
        ("[2001:db8:1:2:ffff::9]:443", "3"),
        ("2001:db8:1:3::1", "4"),
    ] {
        assert_eq!(left(address).await, expected, "{address}");
    }
}
