//! Which pages may use a site key (CORS).

use reqwest::Method;
use serde_json::json;

use super::stage::{CREATE, assert_refused, create, messages_of, page};
use crate::harness::site::{Engine, Site, apply, both_engines};

const SHOP: &str = "https://shop.example";

async fn listing(engine: Engine, origins: &str) -> Site {
    let mut site = Site::start(engine).await;
    let settings = format!(r#"{{"allowed_origins":{origins}}}"#);
    site.set(&settings).await;
    site
}

#[apply(both_engines)]
async fn a_page_that_is_listed_may_and_another_may_not(engine: Engine) {
    let site = listing(engine, r#"["https://shop.example"]"#).await;
    let shop = page(&site).with("Origin", SHOP);
    let created = create(&shop, "v-1", "Hello").await;
    let token = created.expect(201)["conversation_token"].as_str().expect("a token").to_owned();
    assert_eq!(created.header("Access-Control-Allow-Origin"), SHOP);
    assert!(created.header("Access-Control-Expose-Headers").contains("Retry-After"));
    assert!(created.header("Vary").contains("Origin"));
    let other = page(&site).with("Origin", "https://evil.example");
    let refused = other.get(&messages_of("v-1")).await;
    assert_refused(&refused, 403, "Origin not allowed");
    for opaque in ["null", "https://shop.example.evil.example", "http://shop.example"] {
        let other = page(&site).with("Origin", opaque);
        assert_refused(&other.get(&messages_of("v-1")).await, 403, "Origin not allowed");
    }
    // The live feed follows.
    let reader = site.stranger().with("Authorization", &format!("Bearer {token}"));
    let path = "/live/v1/conversations/current";
    let read = reader.with("Origin", SHOP).get(path).await;
    read.expect(200);
    assert_eq!(read.header("Access-Control-Allow-Origin"), SHOP);
    reader.with("Origin", "https://evil.example").get(path).await.expect(403);
    // Our own pages need not be listed.
    let one = site.one();
    let own = format!("http://{}", one.address());
    let page = one.stranger().with("X-Site-Key", site.credential("widget_site_key"));
    page.with("Origin", &own).get(&messages_of("v-1")).await.expect(200);
}

#[apply(both_engines)]
async fn a_page_is_told_what_it_may_send(engine: Engine) {
    let site = Site::start(engine).await;
    for path in [CREATE, "/api/v1/chat/config", "/live/v1/conversations/current/messages"] {
        let stranger = site.stranger().with("Origin", SHOP);
        let asked = stranger
            .request(Method::OPTIONS, path)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "x-site-key,content-type");
        let answer = stranger.try_send(asked).await.expect("an answer");
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("Access-Control-Allow-Origin"), SHOP);
        assert_eq!(answer.header("Access-Control-Allow-Headers"), "x-site-key,content-type");
        assert!(answer.header("Access-Control-Allow-Methods").contains("POST"));
    }
}

#[apply(both_engines)]
async fn what_monitoring_adds_to_requests_is_allowed(engine: Engine) {
    let mut site = Site::start(engine).await;
    site.set(&format!(r#"{{"allowed_origins":["{SHOP}"]}}"#)).await;
    let added = "baggage, sentry-trace, traceparent, tracestate, x-datadog-trace-id, x-b3-traceid";
    for path in [CREATE, "/api/v1/chat/config", "/live/v1/conversations/current/stream"] {
        let asked = site
            .stranger()
            .with("Origin", SHOP)
            .request(Method::OPTIONS, path)
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", added);
        let answer = site.stranger().try_send(asked).await.expect("an answer");
        assert_eq!(answer.header("Access-Control-Allow-Headers"), added, "{path}");
        let vary =
            answer.headers.get_all("vary").iter().any(|vary| {
                vary.as_bytes().eq_ignore_ascii_case(b"Access-Control-Request-Headers")
            });
        assert!(vary, "{path}: no cache gives it to another page");
    }
    // And what was asked for is then taken.
    let page = page(&site).with("Origin", SHOP);
    let answer = page.with("baggage", "a=1").with("traceparent", "00-1-1-00");
    answer.get("/api/v1/chat/config").await.expect(200);
}

#[apply(both_engines)]
async fn a_page_reads_also_that_it_forgot_its_key(engine: Engine) {
    let site = Site::start(engine).await;
    for path in [CREATE, "/api/v1/chat/config"] {
        let refused = site.stranger().with("Origin", SHOP).post(path, &json!({})).await;
        assert!(refused.status >= 401, "{path}");
        assert_eq!(refused.header("Access-Control-Allow-Origin"), SHOP, "{path}");
        assert!(refused.header("Vary").contains("Origin"), "{path}");
    }
}

#[apply(both_engines)]
async fn a_site_key_is_a_bearer_in_any_case_and_an_empty_header_hides_none(engine: Engine) {
    let site = Site::start(engine).await;
    let key = site.credential("widget_site_key");
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let page = site.stranger().with("Authorization", &format!("{scheme} {key}"));
        page.with("X-Site-Key", "").get("/api/v1/chat/config").await.expect(200);
    }
}

#[apply(both_engines)]
async fn an_account_without_a_brand_speaks_under_its_name(engine: Engine) {
    let mut site = Site::start(engine).await;
    site.set(r#"{"brand":""}"#).await;
    let config = page(&site).get("/api/v1/chat/config").await.expect(200);
    assert!(!config["brand"].as_str().expect("a text").is_empty(), "{config}");
}
