//! Requests that are refused before their body was read, on connections that others use as well.

use std::time::Duration;

use poem::endpoint::make;
use poem::http::StatusCode;
use poem::{Request, Response};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::harness::{PATIENCE, Server, long, start, until, until_closed};
use crate::harness::Server as Parlor;

const NEXT: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Refuses every POST unread, and greets everybody else.
fn strict() -> Server {
    let endpoint = make(|request: Request| async move {
        let refused = request.method() == poem::http::Method::POST;
        let status = if refused { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        Response::builder().status(status).body(if refused { "refused." } else { "hello" })
    });
    start(endpoint, long(), PATIENCE)
}

fn post(headers: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: x\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn after_a_small_body_that_was_refused_the_next_request_is_answered() {
    let server = strict();
    let chunked = "transfer-encoding: chunked\r\n";
    for request in [
        post("content-length: 5\r\n", "a\r\n\r\n"),
        post(chunked, "3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n"),
        post("content-length: 60000\r\n", &"x".repeat(60_000)),
    ] {
        // In three pieces, as proxies pass a request on.
        let (first, rest) = request.split_at(request.find("\r\n\r\n").expect("a head") + 5);
        let mut tcp = server.say(first).await;
        tokio::task::yield_now().await;
        tcp.write_all(rest.as_bytes()).await.expect("taken");
        let said = until(&mut tcp, "refused.").await;
        assert!(said.starts_with("HTTP/1.1 401") && !said.contains("connection: close"), "{said}");
        tcp.write_all(NEXT.as_bytes()).await.expect("taken");
        let said = until(&mut tcp, "hello").await;
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    }
}

/// Whether the answer says that the connection closes, and it does.
async fn closes(mut tcp: TcpStream) -> Duration {
    let (said, took) = until_closed(&mut tcp).await;
    assert!(said.starts_with("HTTP/1.1 401") && said.ends_with("refused."), "{said}");
    assert!(said.contains("connection: close"), "{said}");
    took
}

#[tokio::test]
async fn of_a_large_body_that_was_refused_the_connection_closes_and_the_answer_says_so() {
    let server = strict();
    let large = "x".repeat(100_000);
    closes(server.say(&post("content-length: 70000000\r\n", &large)).await).await;
    let chunk = format!("{:x}\r\n{large}\r\n", large.len());
    closes(server.say(&post("transfer-encoding: chunked\r\n", &chunk)).await).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_long() {
    let server = strict();
    let took = closes(server.say(&post("content-length: 5\r\n", "ab")).await).await;
    assert!(took < PATIENCE / 2, "{took:?}");
    // Whoever asks first is told, and sends nothing.
    let expecting = post("content-length: 5\r\nexpect: 100-continue\r\n", "");
    closes(server.say(&expecting).await).await;
}

#[tokio::test]
async fn each_surface_leaves_its_connection_to_the_next_request() {
    let server = Parlor::start().await;
    for path in [
        "/bot/v1/conversations/messages",
        "/live/v1/conversations/current/messages",
        "/api/v1/chat/conversations",
        "/api/v1/chat/agent/chat",
        "/api/v1/chat/conversations/v-1/files",
        "/api/v1/chatbot/x",
        "/no/such/path",
    ] {
        let mut tcp = TcpStream::connect(server.address()).await.expect("a connection");
        let body = r#"{"message": "hello"}"#;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             x-api-token: wrong\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        tcp.write_all(head.as_bytes()).await.expect("taken");
        // Whoever is answered now is answered too early: nothing of the body is there.
        let mut early = [0; 1];
        let waits = timeout(Duration::from_millis(200), tcp.peek(&mut early)).await;
        assert!(waits.is_err(), "{path}: the body is waited for a moment");
        let rest = format!("{body}GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
        tcp.write_all(rest.as_bytes()).await.expect("taken");
        let said = until(&mut tcp, "HTTP/1.1 200").await;
        assert!(said.starts_with("HTTP/1.1 40"), "{path}: {said}");
    }
}
