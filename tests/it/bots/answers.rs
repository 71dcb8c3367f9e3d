//! Answers as servers really give them: of another type than they say, marked, encoded, with chunks that
//! say nothing and ends that are none.

use std::pin::Pin;
use std::sync::Arc;

use async_compression::tokio::write::{
    BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder,
};
use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Semaphore;

use super::stage::{Stage, Thread, chunks, names};
use crate::harness::upstream::{Answer, Piece, Upstream};

fn llm(upstream: &Upstream) -> Value {
    json!({ "kind": "llm", "name": "Ada", "base_url": upstream.url("/v1"), "model": "tiny",
        "retries": 0, "first_chunk_timeout_ms": 8000, "idle_timeout_ms": 8000 })
}

fn remote(upstream: &Upstream) -> Value {
    json!({ "kind": "remote", "name": "Theirs", "url": upstream.url("/bot"), "retries": 0 })
}

async fn fails(thread: &Thread) {
    let frames = thread.turn("hello").await;
    assert_eq!(names(&frames).last(), Some(&"reply.failed"), "{frames:#?}");
    let stored = thread.events().await;
    assert!(stored.iter().all(|event| event["type"] != "message.outbound"), "{stored:#?}");
}

const COMPLETION: &str =
    r#"{"choices":[{"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}]}"#;
const CHUNKS: &str = concat!(
    r#"data: {"choices":[{"delta":{"content":"Hello."},"finish_reason":null}]}"#,
    "\n\n",
    r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
    "\n\ndata: [DONE]\n\n"
);

#[tokio::test]
async fn a_chunk_that_says_nothing_is_passed_over() {
    let upstream = Upstream::start(|_, _| {
        let nothing = [
            "data: {\"choices\":null}\n\n",
            "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n",
            "data: null\n\n",
            "data:\n\n",
            "data: {\"error\":false,\"choices\":[{\"delta\":{},\"logprobs\":7}]}\n\n",
            "event: ping\ndata: 2026-11-30 still here\n\n",
            ": a comment\n\n",
        ];
        let nothing = || nothing.iter().map(|event| Piece::text(event));
        let said = ["Hel", "lo."]
            .into_iter()
            .flat_map(|text| std::iter::once(Piece::delta(text)).chain(nothing()));
        Answer::events(
            nothing().chain(said).chain([Piece::finish("stop"), Piece::done()]).collect(),
        )
    })
    .await;
    let stage = Stage::with_bot(&llm(&upstream)).await;
    assert_eq!(stage.conversation().await.answer("hi").await, "Hello.");
}

#[tokio::test]
async fn what_an_answer_is_is_told_by_its_first_byte() {
    for (kind, whole) in [
        ("text/event-stream", true),
        ("text/html; charset=utf-8", true),
        ("", true),
        ("application/json", false),
        ("text/plain", false),
        ("", false),
    ] {
        let upstream = Upstream::start(move |_, request| {
            let body = match (request.path.as_str(), whole) {
                ("/bot", true) => r#"{"text":"Hello.","variables":{"conversation.count":3}}"#,
                ("/bot", false) => {
                    "event: chunk\ndata: {\"text\":\"Hello.\"}\n\n\
                     event: variable\ndata: {\"name\":\"conversation.count\",\"value\":3}\n\n\
                     event: end\ndata: {}\n\n"
                }
                (_, true) => COMPLETION,
                (_, false) => CHUNKS,
            };
            // A byte order mark and a line's end before, each by itself.
            let pieces = ["\u{feff}", "\r\n", body].map(Piece::text);
            Answer::typed(kind, pieces.to_vec())
        })
        .await;
        for definition in [llm(&upstream), remote(&upstream)] {
            let stage = Stage::with_bot(&definition).await;
            let thread = stage.conversation().await;
            assert_eq!(thread.answer("hi").await, "Hello.", "{kind:?}");
            thread.answer("again").await;
            if definition["kind"] == "remote" {
                let variables = &upstream.asked().last().expect("asked").json()["variables"];
                assert_eq!(variables["conversation.count"], "3", "a number is text");
            }
        }
    }
}

#[tokio::test]
async fn what_is_neither_fails_the_turn() {
    let upstream = Upstream::start(|number, _| match number % 2 {
        0 => Answer::typed("text/html", vec![Piece::text("<html>data: no</html>")]),
        _ => Answer::typed("application/json", vec![]),
    })
    .await;
    for definition in [llm(&upstream), remote(&upstream)] {
        let stage = Stage::with_bot(&definition).await;
        for _ in 0..2 {
            fails(&stage.conversation().await).await;
        }
    }
}

#[tokio::test]
async fn only_a_real_end_ends() {
    let says = |reason: Value| {
        let chunk =
            json!({ "choices": [{ "delta": { "content": "Half. " }, "finish_reason": reason }] });
        Piece::chunk(&chunk)
    };
    let reasons = [json!(""), json!("null"), json!(null)];
    let count = reasons.len();
    let upstream = Upstream::start(move |number, _| {
        Answer::events(vec![says(reasons[number].clone()), says(reasons[number].clone())])
    })
    .await;
    let stage = Stage::with_bot(&llm(&upstream)).await;
    for _ in 0..count {
        fails(&stage.conversation().await).await;
    }
}

#[tokio::test]
async fn parts_are_joined_and_what_is_thought_is_kept_from_everybody() {
    let thought = "<think>\na secret < of theirs </thin\n</think>\n\nHello.";
    let parts = json!([{ "type": "thinking", "thinking": [{ "type": "text", "text": "a secret" }] },
        { "type": "text", "text": "Hel" }, { "type": "text", "text": "lo." }]);
    let sizes = [1, 2, 3, 5, 7, 11, 200];
    let upstream = Upstream::start(move |number, _| match sizes.get(number) {
        Some(size) => {
            let pieces = thought.as_bytes().chunks(*size);
            let pieces = pieces.map(|piece| std::str::from_utf8(piece).expect("ASCII"));
            Answer::completion(&pieces.collect::<Vec<_>>())
        }
        None if number == sizes.len() => {
            let message = json!({ "content": thought });
            Answer::json(200, &json!({ "choices": [{ "message": message }] }))
        }
        None => Answer::events(vec![
            Piece::chunk(&json!({ "choices": [{ "delta": { "content": parts } }] })),
            Piece::finish("stop"),
        ]),
    })
    .await;
    let stage = Stage::with_bot(&llm(&upstream)).await;
    let thread = stage.conversation().await;
    for _ in 0..sizes.len() + 2 {
        let frames = thread.turn("hello").await;
        assert_eq!(chunks(&frames).concat(), "Hello.", "{frames:#?}");
    }
    let stored = serde_json::to_string(&thread.events().await).expect("JSON");
    let asked = upstream.asked();
    let told = asked.last().expect("asked").text();
    let said = stage.server.said();
    for (place, text) in [("the log", &stored), ("the history", &told), ("the server's log", &said)]
    {
        assert!(!text.contains("secret") && !text.contains("<think"), "{place}: {text}");
    }
}

fn encoder(coding: &str) -> Pin<Box<dyn Encoder>> {
    match coding {
        "gzip" => Box::pin(GzipEncoder::new(Vec::new())),
        "zlib" => Box::pin(ZlibEncoder::new(Vec::new())),
        "deflate" => Box::pin(DeflateEncoder::new(Vec::new())),
        "br" => Box::pin(BrotliEncoder::new(Vec::new())),
        _ => Box::pin(ZstdEncoder::new(Vec::new())),
    }
}

/// Something that encodes what is written to it.
trait Encoder: AsyncWrite + Send {
    /// What was encoded since it was asked last.
    fn taken(self: Pin<&mut Self>) -> Vec<u8>;
}

macro_rules! encoders {
    ($($encoder:ident),*) => {$(
        impl Encoder for $encoder<Vec<u8>> {
            fn taken(self: Pin<&mut Self>) -> Vec<u8> {
                std::mem::take(self.get_mut().get_mut())
            }
        }
    )*};
}

encoders!(GzipEncoder, ZlibEncoder, DeflateEncoder, BrotliEncoder, ZstdEncoder);

/// Texts encoded one after another, each so far that it can be read.
async fn encoded(coding: &str, texts: &[&str]) -> Vec<Vec<u8>> {
    let mut encoder = encoder(coding);
    let mut pieces = Vec::new();
    for text in texts {
        encoder.write_all(text.as_bytes()).await.expect("encoded");
        encoder.flush().await.expect("encoded");
        pieces.push(encoder.as_mut().taken());
    }
    encoder.shutdown().await.expect("encoded");
    pieces.push(encoder.as_mut().taken());
    pieces
}

const CODINGS: [(&str, &str); 5] =
    [("gzip", "gzip"), ("deflate", "zlib"), ("deflate", "deflate"), ("br", "br"), ("zstd", "zstd")];

#[tokio::test]
async fn an_encoded_stream_is_shown_as_it_comes() {
    for (named, coding) in CODINGS {
        let (first, rest) = CHUNKS.split_once("\n\n").expect("two events");
        let first = format!("\u{feff}{first}\n\n");
        let pieces = encoded(coding, &[&first, rest]).await;
        let gate = Arc::new(Semaphore::new(0));
        let wait = gate.clone();
        let upstream = Upstream::start(move |_, _| {
            let mut pieces: Vec<_> = pieces.iter().cloned().map(Piece::Bytes).collect();
            pieces.insert(1, Piece::Gate(wait.clone()));
            Answer::events(pieces).with("content-encoding", named)
        })
        .await;
        let stage = Stage::with_bot(&llm(&upstream)).await;
        let thread = stage.conversation().await;
        let mut feed = thread.client.stream(&thread.path("/stream"), None).await;
        thread.send("hi").await;
        assert_eq!(chunks(&feed.until("reply.chunk").await), ["Hello."], "{coding}");
        gate.add_permits(1);
        let message = feed.until("message.outbound").await;
        assert_eq!(message.last().expect("a message").data["data"]["text"], "Hello.", "{coding}");
        let asked = upstream.request(0).await;
        assert_eq!(asked.header("accept-encoding"), "gzip, deflate, br, zstd");
    }
}

#[tokio::test]
async fn an_encoded_answer_is_bounded_by_what_it_decodes_to() {
    let bomb = format!("{{\"text\":\"{}\"}}", "x".repeat(2 << 20));
    for (named, coding) in CODINGS {
        let small = encoded(coding, &["\u{feff}{\"text\":\"Hello.\"}"]).await.concat();
        let large = encoded(coding, &[&bomb]).await.concat();
        assert!(large.len() < 1 << 20, "{coding}: {} bytes would be too many anyway", large.len());
        let cut = small[..small.len() / 2].to_vec();
        let upstream = Upstream::start(move |number, _| {
            let bytes = [&small, &large, &cut][number].clone();
            Answer::typed("application/json", vec![Piece::Bytes(bytes)])
                .with("content-encoding", named)
        })
        .await;
        let stage = Stage::with_bot(&remote(&upstream)).await;
        assert_eq!(stage.conversation().await.answer("hi").await, "Hello.", "{coding}");
        fails(&stage.conversation().await).await;
        stage.server.says(&["larger than"]).await;
        fails(&stage.conversation().await).await;
    }
}

#[tokio::test]
async fn a_coding_that_is_not_known_is_named() {
    let upstream = Upstream::start(|_, _| {
        Answer::typed("application/json", vec![Piece::text("whatever")])
            .with("content-encoding", "compress")
    })
    .await;
    let stage = Stage::with_bot(&remote(&upstream)).await;
    fails(&stage.conversation().await).await;
    stage.server.says(&["content coding", "compress"]).await;
}

#[tokio::test]
async fn a_step_of_a_flow_reads_them_all_too() {
    for (named, coding) in CODINGS {
        let body = encoded(coding, &["\u{feff}{\"state\":", "{\"count\":3}}"]).await.concat();
        let upstream = Upstream::start(move |_, _| {
            let pieces = body.chunks(5).map(|piece| Piece::Bytes(piece.to_vec())).collect();
            Answer::typed("text/html", pieces).with("content-encoding", named)
        })
        .await;
        let stage = Stage::with_bot(&json!({ "kind": "flow", "name": "Desk", "start": "look",
            "steps": {
                "look": { "type": "http", "url": upstream.url("/state"), "next": "good",
                    "on_error": "bad", "save": { "conversation.count": "/state/count" } },
                "good": { "type": "end", "text": "{{conversation.count}} parcels." },
                "bad": { "type": "end", "text": "No." },
            } }))
        .await;
        assert_eq!(stage.conversation().await.answer("hi").await, "3 parcels.", "{coding}");
    }
}

#[tokio::test]
async fn a_history_begins_with_the_customer_and_the_roles_alternate() {
    // As the strictest templates: anything else is refused.
    let upstream = Upstream::start(|number, request| {
        let body = request.json();
        let messages = body["messages"].as_array().expect("messages");
        let roles: Vec<_> = messages.iter().map(|message| message["role"].clone()).collect();
        let expected = |(place, role): (usize, &Value)| match place {
            0 => role == "system",
            place if place % 2 == 1 => role == "user",
            _ => role == "assistant",
        };
        if roles.len().is_multiple_of(2) && roles.iter().enumerate().all(expected) && number != 2 {
            Answer::completion(&["Noted, and here is a rather long answer."])
        } else {
            Answer::json(400, &json!({ "error": { "message": "roles must alternate" } }))
        }
    })
    .await;
    for tokens in [3_000, 10, 14, 20, 24, 40] {
        let before = upstream.asked().len();
        let mut definition = llm(&upstream);
        definition["system_prompt"] = json!("You help.");
        definition["history_tokens"] = json!(tokens);
        let stage = Stage::with_bot(&definition).await;
        let thread = stage.conversation().await;
        for number in 0..4 {
            let frames = thread.turn(&format!("question {number}")).await;
            // The third is refused for no reason, so that two of the customer's stand in a row.
            let wanted = if before + number == 2 { "reply.failed" } else { "message.outbound" };
            assert_eq!(names(&frames).last(), Some(&wanted), "{tokens}, {number}: {frames:#?}");
        }
        if before == 0 {
            let last = upstream.asked().pop().expect("asked").json();
            let messages = last["messages"].as_array().expect("messages");
            let last = &messages.last().expect("a question")["content"];
            assert_eq!(last, "question 2\n\nquestion 3", "what one side said in two is one");
        }
    }
}
