//! `{"error","message","statusCode"}`.

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;

use super::stage::{
    CHAT, CONVERSATIONS, STREAM, ask, developer, fields_of, form, other_agent, recording, send,
    text,
};
use crate::harness::http::Answer;
use crate::harness::site::{Engine, Site, apply, both_engines};

/// A recording in which nothing is heard.
const WAV: &[u8] =
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\0\0\0";

fn assert_refused(answer: &Answer, status: u16, error: &str) -> String {
    let body = answer.expect(status);
    assert_eq!(body["error"], error, "{body}");
    assert_eq!(body["statusCode"], status, "{body}");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(3));
    text(&body, "message").to_owned()
}

#[apply(both_engines)]
async fn a_malformed_agent_key_is_refused_in_the_pages_words(engine: Engine) {
    let site = Site::start(engine).await;
    for key in ["agent:1:voice:us-east-1", "nonsense", "agent:123e4567-e89b-12d3-a456-426614174000"]
    {
        let form = fields_of(&[("agent_key", key), ("query", "Hello")]);
        let message =
            assert_refused(&send(&developer(&site), CHAT, form).await, 400, "ValidationError");
        assert_eq!(message, "Invalid agent_key format");
    }
    let unknown = "agent:123e4567-e89b-12d3-a456-426614174000:voice:us-east-1";
    let form = fields_of(&[("agent_key", unknown), ("query", "Hello")]);
    assert_refused(&send(&developer(&site), CHAT, form).await, 404, "NotFound");
}

#[apply(both_engines)]
async fn a_form_must_ask_one_thing(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    for path in [CHAT, STREAM] {
        let nothing = form(&site, &[]);
        assert_refused(&send(&developer, path, nothing).await, 400, "ValidationError");
        let both = form(&site, &[("query", "Hi")]).part("audio", recording(b"RIFF", "a.wav"));
        assert_refused(&send(&developer, path, both).await, 400, "ValidationError");
        let no_key = fields_of(&[("query", "Hello")]);
        assert_refused(&send(&developer, path, no_key).await, 400, "ValidationError");
        let json = developer.post(path, &json!({ "query": "Hello" })).await;
        assert_refused(&json, 400, "ValidationError");
        let broken =
            developer.raw("POST", path, "multipart/form-data; boundary=x", "--x\r\n").await;
        assert_refused(&broken, 400, "ValidationError");
    }
    for messages in ["{}", "[1]", r#"[{"role":"robot","content":"x"}]"#, "nonsense"] {
        let form = form(&site, &[("query", "Hi"), ("messages", messages)]);
        assert_refused(&send(&developer, CHAT, form).await, 400, "ValidationError");
    }
}

#[apply(both_engines)]
async fn what_is_too_large_is_refused(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    for length in [10_001, 300_000] {
        let long = form(&site, &[("query", &"x".repeat(length))]);
        let answer = send(&developer, CHAT, long).await;
        let message = assert_refused(&answer, 413, "PayloadTooLarge");
        assert!(message.contains(&length.to_string()) && message.contains("10000"), "{message}");
    }
    for length in [50_001, 300_000] {
        let said = json!([{ "role": "user", "content": "x".repeat(length) }]).to_string();
        let long = form(&site, &[("query", "Hi"), ("messages", &said)]);
        assert_refused(&send(&developer, CHAT, long).await, 413, "PayloadTooLarge");
    }
    let audio = vec![0; 25 * 1024 * 1024 + 1];
    let large = form(&site, &[]).part("audio", recording(&audio, "a.wav"));
    assert_refused(&send(&developer, CHAT, large).await, 413, "PayloadTooLarge");
}

#[apply(both_engines)]
async fn who_is_refused_before_all_is_read_is_told_that_the_connection_closes(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    let part = |head: &str, text: &str| {
        format!("--x\r\nContent-Disposition: form-data; name={head}\r\n\r\n{text}\r\n")
    };
    let twice =
        [part("query", "Hi"), part("query", "Hello"), part("audio; filename=a.wav", "RIFF")];
    // The rest of the recording never comes: nothing is written to a connection that closes.
    let body = stream::iter([Ok::<_, std::io::Error>(twice.concat())]).chain(stream::pending());
    let unread = developer
        .request(Method::POST, CHAT)
        .header("Content-Type", "multipart/form-data; boundary=x")
        .body(reqwest::Body::wrap_stream(body));
    let refused = developer.try_send(unread).await.expect("an answer");
    assert_refused(&refused, 400, "ValidationError");
    assert_eq!(refused.header("Connection"), "close");
    let read = send(&developer, CHAT, fields_of(&[("query", "Hi")])).await;
    assert_refused(&read, 400, "ValidationError");
    assert_eq!(read.header("Connection"), "", "all of it was read");
}

#[apply(both_engines)]
async fn what_is_refused_changes_nothing(engine: Engine) {
    let mut site = Site::start(engine).await;
    let other = other_agent(&mut site).await;
    let developer = developer(&site);
    let begun = ask(&developer, &site, "How can I pay?").await;
    let id = text(&begun, "conversation_id");
    let path = format!("{CONVERSATIONS}/{id}");
    let before = developer.get(&path).await.expect(200);
    let of_other = || fields_of(&[("agent_key", &other), ("conversation_id", id)]);
    let spoken = of_other().part("audio", recording(WAV, "a.wav"));
    assert_refused(&send(&developer, CHAT, spoken).await, 400, "ValidationError");
    let long = of_other().text("query", "x".repeat(10_001));
    assert_refused(&send(&developer, STREAM, long).await, 413, "PayloadTooLarge");
    assert_eq!(developer.get(&path).await.expect(200), before);
    site.set(r#"{"credits":1}"#).await;
    let broke = of_other().text("query", "Hello");
    assert_refused(&send(&developer, CHAT, broke).await, 429, "RateLimitExceeded");
    assert_eq!(developer.get(&path).await.expect(200), before);
}

#[apply(both_engines)]
async fn audio_without_an_endpoint_for_it_is_refused_and_says_so(engine: Engine) {
    let site = Site::start(engine).await;
    let spoken = form(&site, &[]).part("audio", recording(WAV, "a.wav"));
    let message =
        assert_refused(&send(&developer(&site), CHAT, spoken).await, 400, "ValidationError");
    assert!(message.contains("transcription"), "{message}");
}

#[apply(both_engines)]
async fn strangers_and_what_is_not_there(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    assert_refused(&site.stranger().get(CONVERSATIONS).await, 401, "Unauthorized");
    let wrong = site.stranger().with("x-api-token", "aloo_nobody");
    assert_refused(&wrong.get(CONVERSATIONS).await, 401, "Unauthorized");
    // A token decides, whatever else is shown.
    let both = wrong.with("X-Site-Key", site.credential("widget_site_key"));
    assert_refused(&both.get(CONVERSATIONS).await, 401, "Unauthorized");
    for path in ["conv_1", "cv_1", "nonsense"] {
        let answer = developer.get(&format!("{CONVERSATIONS}/{path}")).await;
        assert_refused(&answer, 404, "NotFound");
    }
    for body in [json!({ "agent_id": "nonsense" }), json!({ "deployment_id": "nonsense" })] {
        assert_refused(&developer.post(CONVERSATIONS, &body).await, 404, "NotFound");
    }
    assert_refused(
        &developer.post(CONVERSATIONS, &json!({ "title": 7 })).await,
        400,
        "ValidationError",
    );
    assert_refused(
        &developer.get(&format!("{CONVERSATIONS}?limit=0")).await,
        400,
        "ValidationError",
    );
    assert_refused(
        &developer.get(&format!("{CONVERSATIONS}?limit=101")).await,
        400,
        "ValidationError",
    );
    assert_refused(
        &developer.get(&format!("{CONVERSATIONS}?cursor=x")).await,
        400,
        "ValidationError",
    );
    assert_refused(&developer.get(CHAT).await, 405, "MethodNotAllowed");
}

#[apply(both_engines)]
async fn thirty_streams_a_minute(engine: Engine) {
    let site = Site::start(engine).await;
    let developer = developer(&site);
    for number in 0..30u32 {
        let answer = send(&developer, STREAM, fields_of(&[])).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.header("RateLimit-Remaining"), (29 - number).to_string());
    }
    let refused = send(&developer, STREAM, fields_of(&[])).await;
    assert_refused(&refused, 429, "RateLimitExceeded");
    assert!(!refused.header("Retry-After").is_empty());
    assert_eq!(developer.get(CONVERSATIONS).await.status, 200, "others are counted by themselves");
}
