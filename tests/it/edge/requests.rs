//! Requests in flight: what is over is refused at once, and one account does not take the others' places.

use std::time::{Duration, Instant};

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::harness::{until, until_closed};
use crate::harness::http::{Answer, client};
use crate::harness::wait::{eventually, within};
use crate::harness::{Client, Server};

const SEND: &str = "/bot/v1/conversations/messages";
const QUESTION: &str = "what are your opening hours?";

/// A server with few places, and a second account.
struct Stage {
    server: Server,
    second: Value,
}

impl Stage {
    async fn with(all: &str, share: &str) -> Self {
        let flags = ["--max-requests", all, "--max-requests-per-account", share];
        let server = Server::start_with(&flags).await;
        let create = ["account", "create", "--template", "demo", "--name", "Second"];
        let (done, said) = Server::command(server.dir(), &create).await;
        assert!(done, "{said}");
        Self { server, second: serde_json::from_str(&said).expect("JSON") }
    }

    fn first(&self) -> Client {
        self.server.client()
    }

    fn second(&self) -> Client {
        self.server.client_with(self.second_key())
    }

    fn second_key(&self) -> &str {
        self.second["aerochat_api_key"].as_str().expect("a key")
    }

    /// A connection on which this was sent.
    async fn say(&self, text: &str) -> TcpStream {
        let mut tcp = TcpStream::connect(self.server.address()).await.expect("a connection");
        tcp.write_all(text.as_bytes()).await.expect("written");
        tcp
    }

    /// A message whose body is asked for and does not come: it is under way.
    async fn withheld(&self, key: &str) -> TcpStream {
        let mut tcp = self.say(&head(key, "expect: 100-continue\r\n")).await;
        until(&mut tcp, "100 Continue").await;
        tcp
    }
}

fn body() -> String {
    json!({ "message": QUESTION }).to_string()
}

/// The head of a message.
fn head(key: &str, more: &str) -> String {
    format!(
        "POST {SEND} HTTP/1.1\r\nhost: x\r\nx-aerochat-api-key: {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n{more}\r\n",
        body().len()
    )
}

async fn ask(client: &Client) -> Answer {
    client.post(SEND, &json!({ "message": QUESTION })).await
}

/// Awaits that a message is answered with this status.
async fn answered(client: &Client, status: u16) -> Answer {
    let asked = eventually("the answer that is expected", || async {
        Some(ask(client).await).filter(|answer| answer.status == status)
    });
    asked.await
}

#[tokio::test]
async fn an_account_with_its_share_of_requests_is_told_so_and_others_are_served() {
    let stage = Stage::with("8", "2").await;
    let key = stage.server.credential("aerochat_api_key");
    let mut one = stage.withheld(&key).await;
    let _other = stage.withheld(&key).await;
    let refused = ask(&stage.first()).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.json()["detail"]["type"], "rate_limited", "{}", refused.text);
    assert_eq!(refused.header("retry-after"), "1");
    let path = "/live/v1/conversations/cv_0/events";
    let refused = stage.first().get(path).await;
    assert_eq!(refused.expect(429)["error"]["type"], "rate_limited", "{}", refused.text);
    let widget =
        stage.server.stranger().with("X-Site-Key", &stage.server.credential("widget_site_key"));
    let refused = widget.with("Origin", "https://shop.example").get("/api/v1/chat/config").await;
    assert_eq!(refused.expect(429)["error"], "Too many requests");
    assert_eq!(refused.header("access-control-allow-origin"), "https://shop.example");
    ask(&stage.second()).await.expect(200);

    // Its body is not waited for; what is left of it would stand where the next request does.
    for more in ["", "expect: 100-continue\r\n"] {
        let mut third = stage.say(&head(&key, more)).await;
        let (said, _) = until_closed(&mut third).await;
        assert!(said.starts_with("HTTP/1.1 429") && said.contains("connection: close"), "{said}");
    }
    // One that is there already leaves the connection as it was.
    let whole = head(&key, "") + &body();
    let mut fourth = stage.say(&whole).await;
    for _ in 0..2 {
        let said = until(&mut fourth, "rate_limited").await;
        assert!(said.starts_with("HTTP/1.1 429") && !said.contains("close"), "{said}");
        fourth.write_all(whole.as_bytes()).await.expect("written");
    }

    one.write_all(body().as_bytes()).await.expect("written");
    let said = until(&mut one, "business_hours").await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    answered(&stage.first(), 200).await;
    let metrics = stage.server.stranger().get("/metrics").await.text;
    let counted = metrics
        .lines()
        .find_map(|line| line.strip_prefix("parlor_http_requests_refused_total{by=\"account\"} "));
    assert!(counted.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count >= 6));
}

#[tokio::test]
async fn beyond_all_places_every_surface_says_so_and_the_operator_is_answered() {
    let stage = Stage::with("2", "1").await;
    let _first = stage.withheld(&stage.server.credential("aerochat_api_key")).await;
    let _second = stage.withheld(stage.second_key()).await;
    ask(&stage.first()).await.expect(503);
    let page = stage.server.stranger().with("Origin", "https://shop.example");
    for (path, is_pages) in [
        ("/bot/v1/contacts/ct_0", false),
        ("/api/v1/chat/config", true),
        ("/api/v1/conversations", false),
        ("/live/v1/conversations/cv_0", true),
        ("/docs", false),
    ] {
        let refused = page.get(path).await;
        assert!(refused.expect(503).is_object(), "{path}: {}", refused.text);
        assert_eq!(refused.header("retry-after"), "1", "{path}");
        assert!(!refused.header("x-request-id").is_empty(), "{path}");
        let allowed = refused.headers.contains_key("access-control-allow-origin");
        assert_eq!(allowed, is_pages, "{path}");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(page.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn streams_that_have_begun_are_no_requests() {
    let stage = Stage::with("8", "1").await;
    let first = stage.first();
    let said = answered(&first, 200).await.json();
    let id = said["conversation_id"].as_str().expect("an id");
    let path = format!("/live/v1/conversations/{id}/stream");
    let mut feeds = Vec::new();
    for _ in 0..3 {
        feeds.push(first.stream(&path, None).await);
        answered(&first, 200).await;
    }
    let body = json!({ "message": QUESTION, "conversation_id": id });
    first.post(SEND, &body).await.expect(200);
    for feed in &mut feeds {
        feed.until("message.outbound").await;
    }
}

#[tokio::test]
async fn on_http2_each_stream_is_a_request() {
    let stage = Stage::with("64", "4").await;
    let key = stage.server.credential("aerochat_api_key");
    let headers: HeaderMap =
        [("x-aerochat-api-key".parse().expect("a name"), key.parse().expect("a value"))]
            .into_iter()
            .collect();
    let http = client().http2_prior_knowledge().default_headers(headers).build().expect("a client");
    let url = format!("http://{}{SEND}", stage.server.address());
    // Bodies that never end: each request stays under way.
    let withheld = || {
        let body = reqwest::Body::wrap_stream(futures_util::stream::pending::<
            Result<Vec<u8>, std::io::Error>,
        >());
        http.post(&url).header("content-type", "application/json").body(body).send()
    };
    let mut under_way: tokio::task::JoinSet<_> = (0..12).map(|_| withheld()).collect();
    for _ in 0..8 {
        let refused = within("a refusal", under_way.join_next()).await.expect("twelve");
        let refused = refused.expect("no panic").expect("an answer");
        assert_eq!(refused.status(), 429);
        assert_eq!(refused.headers()["retry-after"], "1");
    }
    ask(&stage.second()).await.expect(200);
    under_way.abort_all();
    answered(&stage.first(), 200).await;
}

#[tokio::test]
async fn who_comes_again_before_its_time_is_refused_later_and_others_at_once() {
    let stage = Stage::with("8", "1").await;
    let key = stage.server.credential("aerochat_api_key");
    let _withheld = stage.withheld(&key).await;
    let whole = head(&key, "") + &body();
    let refused = async |tcp: &mut TcpStream| {
        let asked = Instant::now();
        tcp.write_all(whole.as_bytes()).await.expect("written");
        let said = until(tcp, "rate_limited").await;
        assert!(said.starts_with("HTTP/1.1 429"), "{said}");
        asked.elapsed()
    };
    let mut hasty = stage.say("").await;
    let first = refused(&mut hasty).await;
    let second = refused(&mut hasty).await;
    // It said to come again after a second.
    assert!(first + second >= Duration::from_millis(900), "{first:?}, {second:?}");
    assert!(second > first, "{first:?}, {second:?}");
    let mut other = stage.say("").await;
    assert!(refused(&mut other).await < second, "another connection has its own time");
    ask(&stage.second()).await.expect(200);
}
