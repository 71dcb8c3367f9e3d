//! Bodies that are no JSON object, and bodies that are too large: always AeroChat's own error.

use futures_util::stream;
use reqwest::Method;
use serde_json::json;

use super::shapes::{SEND, assert_refused, assert_sent};
use crate::harness::http::Answer;
use crate::harness::site::{Engine, Site, apply, both_engines};

const JSON: &str = "application/json";
/// More than any request may have; the longest message with every character escaped is less.
const LIMIT: usize = 256 * 1024;

/// A valid request of exactly `bytes` bytes.
fn padded(bytes: usize) -> String {
    let (head, tail) = (r#"{"message":"Hello","padding":""#, r#""}"#);
    format!("{head}{}{tail}", "x".repeat(bytes - head.len() - tail.len()))
}

#[apply(both_engines)]
async fn what_is_no_json_object_is_an_invalid_request(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let deep =
        format!(r#"{{"message":"Hello","x":{}1{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    for body in [
        "",
        " ",
        "{",
        "Hello",
        "null",
        "true",
        "42",
        "\"Hello\"",
        "[]",
        r#"[{"message":"Hello"}]"#,
        r#"{"message":"Hello",}"#,
        r#"{"message":"Hello"} {"message":"again"}"#,
        r#"{'message':'Hello'}"#,
        r#"{"message":"\ud8"}"#,
        "message=Hello",
        &deep,
    ] {
        let answer = client.raw("POST", SEND, JSON, body).await;
        let said = assert_refused(&answer, 400, "invalid_request");
        let start: String = body.chars().take(40).collect();
        assert!(said.len() < 400, "short enough to read: {start} → {said}");
    }
}

#[apply(both_engines)]
async fn bytes_that_are_no_utf_8_are_an_invalid_request(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let body = b"{\"message\":\"\xff\xfe\"}".to_vec();
    let request = client.request(Method::POST, SEND).header("Content-Type", JSON).body(body);
    let answer = client.try_send(request).await.expect("an answer");
    assert_refused(&answer, 400, "invalid_request");
}

#[apply(both_engines)]
async fn a_missing_body_is_an_invalid_request(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let request = client.request(Method::POST, SEND);
    let answer = client.try_send(request).await.expect("an answer");
    assert_refused(&answer, 400, "invalid_request");
}

#[apply(both_engines)]
async fn another_content_type_is_an_invalid_request(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let body = r#"{"message":"Hello"}"#;
    for content_type in ["text/plain", "application/xml", "multipart/form-data; boundary=x", "x"] {
        let answer = client.raw("POST", SEND, content_type, body).await;
        let said = assert_refused(&answer, 400, "invalid_request");
        assert!(said.contains("application/json"), "says what to do: {content_type} → {said}");
    }
    for content_type in [JSON, "application/json; charset=utf-8", "application/json;charset=UTF-8"]
    {
        assert_sent(client.raw("POST", SEND, content_type, body).await.expect(200));
    }
}

#[apply(both_engines)]
async fn a_body_up_to_the_limit_is_read_and_a_larger_one_refused(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    assert_sent(client.raw("POST", SEND, JSON, &padded(LIMIT)).await.expect(200));
    let answer = client.raw("POST", SEND, JSON, &padded(LIMIT + 1)).await;
    assert_refused(&answer, 413, "message_too_long");
    let answer = client.raw("POST", SEND, JSON, &padded(4 * LIMIT)).await;
    assert_refused(&answer, 413, "message_too_long");
}

#[apply(both_engines)]
async fn a_body_without_a_length_has_the_same_limit(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    let chunked = async |bytes: usize| -> Answer {
        let body = padded(bytes).into_bytes();
        let pieces: Vec<_> =
            body.chunks(16 * 1024).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
        let body = reqwest::Body::wrap_stream(stream::iter(pieces));
        let request = client.request(Method::POST, SEND).header("Content-Type", JSON).body(body);
        client.try_send(request).await.expect("an answer")
    };
    assert_sent(chunked(LIMIT).await.expect(200));
    assert_refused(&chunked(LIMIT + 1).await, 413, "message_too_long");
    assert_refused(&chunked(4 * LIMIT).await, 413, "message_too_long");
}

#[apply(both_engines)]
async fn a_refused_body_harms_no_later_request(engine: Engine) {
    let site = Site::start(engine).await;
    let client = site.client();
    for _ in 0..5 {
        client.raw("POST", SEND, JSON, &padded(LIMIT + 1)).await.expect(413);
        client.raw("POST", SEND, JSON, "{").await.expect(400);
        assert_sent(client.post(SEND, &json!({ "message": "Hello" })).await.expect(200));
    }
}
