//! Speech to text against an endpoint that takes recordings as OpenAI's does.

use parlor::outside::transcription::{RECORDING_MAX, Transcriber};
use parlor::outside::{Error, Outside};
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::json;

use crate::harness::feed::{Feed, SseEvent};
use crate::harness::upstream::{Answer, Upstream};
use crate::harness::{Client, Server};

fn home() -> Outside {
    Outside::new(vec!["127.0.0.0/8".parse().expect("a network")])
}

#[tokio::test]
async fn a_recording_is_sent_as_a_form_and_its_words_come_back() {
    let upstream =
        Upstream::start(|_, _| Answer::json(200, &json!({ "text": " Hello there. " }))).await;
    let transcriber = Transcriber::new(&upstream.url("/v1"), Some("sk-test".into()), "whisper-1");
    let bytes = b"RIFF....WAVEfmt recorded".to_vec();
    let text = transcriber.transcribe(&home(), "note.wav", "audio/wav", bytes).await;
    assert_eq!(text, Ok("Hello there.".to_owned()));
    let request = upstream.request(0).await;
    assert_eq!(request.path, "/v1/audio/transcriptions");
    assert_eq!(request.header("authorization"), "Bearer sk-test");
    assert!(request.header("content-type").starts_with("multipart/form-data; boundary="));
    let body = request.text();
    for part in [
        "name=\"model\"",
        "whisper-1",
        "name=\"file\"; filename=\"note.wav\"",
        "Content-Type: audio/wav",
        "RIFF....WAVEfmt recorded",
    ] {
        assert!(body.contains(part), "{part}: {body}");
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Answer::json(413, &json!({ "error": "too long" })),
        1 => Answer::json(200, &json!({ "words": [] })),
        _ => Answer::json(200, &json!({ "text": "x".repeat(2_000_000) })),
    })
    .await;
    let transcriber = Transcriber::new(&upstream.url("/v1"), None, "whisper-1");
    let heard = async |outside: &Outside, bytes: usize| {
        let sound = vec![0; bytes];
        transcriber.transcribe(outside, "a.wav", "audio/wav", sound).await.expect_err("an error")
    };
    assert!(matches!(heard(&home(), 1).await, Error::Status { status: 413, .. }));
    assert!(matches!(heard(&home(), 1).await, Error::Malformed(_)));
    assert!(matches!(heard(&home(), 1).await, Error::TooLarge { .. }));
    assert!(matches!(heard(&home(), RECORDING_MAX + 1).await, Error::TooLarge { .. }));
    assert!(matches!(heard(&Outside::default(), 1).await, Error::Refused { .. }));
    assert_eq!(upstream.asked().len(), 3);
}

const WAV: &[u8] =
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data";
const STREAM: &str = "/api/v1/chat/agent/stream";

/// Where recordings are written down by `upstream`, and a caller of Aloo there.
async fn listening(upstream: &Upstream) -> (Server, Client) {
    let flags = ["--transcription-url", &upstream.url("/v1"), "--allow-network", "127.0.0.0/8"];
    let server = Server::start_with(&flags).await;
    let client = server.stranger().with("x-api-token", &server.credential("aloochat_api_token"));
    (server, client)
}

/// Aloo's form with a recording.
fn spoken(server: &Server, bytes: &[u8]) -> Form {
    Form::new()
        .text("agent_key", server.credential("aloochat_agent_key"))
        .part("audio", Part::bytes(bytes.to_vec()).file_name("q.bin"))
}

async fn streamed(client: &Client, form: Form) -> Vec<SseEvent> {
    let request = client.request(Method::POST, STREAM).multipart(form);
    Feed::new(request.send().await.expect("an answer")).rest().await
}

#[tokio::test]
async fn what_was_understood_is_told_to_whoever_resumes_and_a_repeat_is_not_written_down_again() {
    let upstream =
        Upstream::start(|_, _| Answer::json(200, &json!({ "text": "How can I pay?" }))).await;
    let (server, client) = listening(&upstream).await;
    let repeating = client.with("Idempotency-Key", "k-1");
    let events = streamed(&repeating, spoken(&server, WAV)).await;
    let (start, heard) = (&events[0], &events[1]);
    let understood = |events: &[SseEvent]| {
        events.iter().filter(|event| event.name == "transcribed_text").count()
    };
    let field = |name: &str| start.data[name].as_str().expect("a text").to_owned();
    let path = format!("{STREAM}/{}", field("message_id"));
    let from_start = format!("{path}?conversation_id={}", field("conversation_id"));
    assert_eq!(understood(&client.stream(&from_start, None).await.rest().await), 1);
    let after = async |event: &SseEvent| {
        client.with("Last-Event-ID", &event.id).stream(&path, None).await.rest().await
    };
    let resumed = after(start).await;
    assert_eq!(resumed[0], *heard, "after the start");
    assert!(resumed.iter().all(|event| event.name != "start"));
    assert_eq!(understood(&after(heard).await), 0, "after it was told");
    let again = streamed(&repeating, spoken(&server, WAV)).await;
    assert_eq!(again[..2], events[..2]);
    assert_eq!(again.last().map(|end| &end.data), events.last().map(|end| &end.data));
    let other = [WAV, b"more"].concat();
    let other = client.request(Method::POST, STREAM).multipart(spoken(&server, &other));
    let other = other.header("Idempotency-Key", "k-1");
    client.try_send(other).await.expect("an answer").expect(409);
    assert_eq!(upstream.asked().len(), 1, "written down once");
}

/// Aloo's form with a recording, through the front door.
#[tokio::test]
async fn what_is_spoken_is_asked() {
    let upstream =
        Upstream::start(|_, _| Answer::json(200, &json!({ "text": "How can I pay?" }))).await;
    let (server, client) = listening(&upstream).await;
    let events = streamed(&client, spoken(&server, WAV)).await;
    let kinds: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(kinds[..2], ["start", "transcribed_text"]);
    assert_eq!(events[1].data["content"], "How can I pay?");
    assert_eq!(*kinds.last().expect("an end"), "end");
    assert!(upstream.request(0).await.text().contains("filename=\"q.wav\""), "named by its bytes");
    let silent = spoken(&server, b"no sound at all");
    let request = client.request(Method::POST, STREAM).multipart(silent);
    let refused = client.try_send(request).await.expect("an answer").expect(400);
    assert_eq!(refused["error"], "ValidationError");
    assert_eq!(upstream.asked().len(), 1, "what is no sound is not sent");
}
