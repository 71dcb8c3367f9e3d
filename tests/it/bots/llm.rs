//! The llm bot against a server that streams as OpenAI's does, and against what goes wrong there.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::stage::{Stage, Thread, chunks, names};
use crate::harness::feed::Feed;
use crate::harness::upstream::{Answer, Piece, Upstream};

fn definition(upstream: &Upstream) -> Value {
    json!({ "kind": "llm", "name": "Ada", "base_url": upstream.url("/v1"), "model": "tiny",
        "api_key": "sk-test", "retries": 2, "first_chunk_timeout_ms": 8000 })
}

async fn failed(thread: &Thread, why: &str) {
    let frames = thread.turn("hello").await;
    let last = frames.last().expect("an end");
    assert_eq!(last.name, "reply.failed", "{frames:#?}");
    assert_eq!(last.data["data"]["reason"], why);
    let stored = thread.events().await;
    assert!(stored.iter().all(|event| event["type"] != "message.outbound"), "{stored:#?}");
}

#[tokio::test]
async fn an_answer_is_shown_as_it_is_streamed() {
    let gate = Arc::new(Semaphore::new(0));
    let wait = gate.clone();
    let upstream = Upstream::start(move |_, _| {
        let event = "data: {\"choices\":[{\"delta\":{\"content\":\"caf\u{e9} \u{1f600}\"}}]}\n\n";
        // Cut inside of a character.
        let (first, second) =
            event.as_bytes().split_at(event.find('\u{1f600}').expect("there") + 2);
        Answer::events(vec![
            Piece::text(": hello\n\n"),
            Piece::delta("Hello, "),
            Piece::Gate(wait.clone()),
            Piece::Bytes(first.to_vec()),
            Piece::Bytes(second.to_vec()),
            Piece::finish("stop"),
            Piece::chunk(&json!({ "choices": [], "usage": { "total_tokens": 7 } })),
            Piece::done(),
        ])
    })
    .await;
    let stage = Stage::with_bot(&definition(&upstream)).await;
    let thread = stage.conversation().await;
    let mut feed = thread.client.stream(&thread.path("/stream"), None).await;
    thread.send("hello").await;
    let shown = feed.until("reply.chunk").await;
    assert_eq!(chunks(&shown), ["Hello, "], "shown while the upstream has more to say");
    gate.add_permits(1);
    let rest = feed.until("message.outbound").await;
    assert_eq!(rest.last().expect("a message").data["data"]["text"], "Hello, café 😀");
    let request = upstream.request(0).await;
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.header("authorization"), "Bearer sk-test");
    let body = request.json();
    assert_eq!((&body["model"], &body["stream"]), (&json!("tiny"), &json!(true)));
    assert!(body["tools"].is_null(), "nobody could take over");
}

#[tokio::test]
async fn stopping_the_reply_ends_the_call() {
    let gate = Arc::new(Semaphore::new(0));
    let upstream = Upstream::start(move |_, _| {
        Answer::events(vec![Piece::delta("Once upon "), Piece::Gate(gate.clone())])
    })
    .await;
    let stage = Stage::with_bot(&definition(&upstream)).await;
    let thread = stage.conversation().await;
    let mut feed = thread.client.stream(&thread.path("/stream"), None).await;
    thread.send("a story").await;
    feed.until("reply.chunk").await;
    thread.client.post(&thread.path("/stop"), &Value::Null).await.expect(200);
    upstream.is_left().await;
    let message = thread.event("message.outbound").await;
    assert_eq!(message["data"]["text"], "Once upon ");
    assert_eq!(message["data"]["partial"], true);
}

#[tokio::test]
async fn a_call_is_repeated_until_something_was_said_and_not_after() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Answer::Whole {
            status: 429,
            headers: vec![("retry-after", "1".to_owned())],
            body: "slow down".to_owned(),
        },
        1 => Answer::json(503, &json!({ "error": "overloaded" })),
        2 => Answer::completion(&["There ", "you are."]),
        _ => Answer::events(vec![Piece::delta("Half an "), Piece::Cut]),
    })
    .await;
    let stage = Stage::with_bot(&definition(&upstream)).await;
    let thread = stage.conversation().await;
    assert_eq!(thread.answer("hello").await, "There you are.");
    assert_eq!(upstream.asked().len(), 3);

    let frames = thread.turn("again").await;
    assert_eq!(chunks(&frames), ["Half an "]);
    assert_eq!(frames.last().expect("an end").name, "reply.failed", "half an answer is none");
    assert_eq!(upstream.asked().len(), 4, "what was said is not asked for again");
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let upstream = Upstream::start(|_, _| Answer::json(401, &json!({ "error": "no" }))).await;
    let stage = Stage::with_bot(&definition(&upstream)).await;
    failed(&stage.conversation().await, "bot_failed").await;
    assert_eq!(upstream.asked().len(), 1);
}

#[tokio::test]
async fn whatever_else_goes_wrong_fails_the_turn() {
    let huge = format!("data: {}\n\n", "x".repeat(400_000));
    let upstream = Upstream::start(move |number, _| match number {
        0 => Answer::events(vec![Piece::text("data: <html>\n\n"), Piece::done()]),
        1 => Answer::events(vec![Piece::text(&huge), Piece::done()]),
        2 => Answer::events(vec![Piece::chunk(&json!({ "error": { "code": "overloaded" } }))]),
        3 => Answer::events(vec![Piece::finish("stop"), Piece::done()]),
        4 => Answer::events(vec![Piece::delta("No end")]),
        5 => Answer::json(200, &json!({ "choices": [] })),
        _ => Answer::events(vec![Piece::text("\u{0}\u{1}\u{2} garbage"), Piece::Cut]),
    })
    .await;
    let stage = Stage::with_bot(&definition(&upstream)).await;
    for _ in 0..7 {
        failed(&stage.conversation().await, "bot_failed").await;
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_is_not_waited_for() {
    let gate = Arc::new(Semaphore::new(0));
    let upstream = Upstream::start(move |number, _| match number {
        0 => Answer::Never,
        _ => Answer::events(vec![Piece::delta("Well, "), Piece::Gate(gate.clone())]),
    })
    .await;
    let mut impatient = definition(&upstream);
    impatient["first_chunk_timeout_ms"] = json!(300);
    impatient["idle_timeout_ms"] = json!(300);
    let stage = Stage::with_bot(&impatient).await;
    let thread = stage.conversation().await;
    for _ in 0..2 {
        failed(&thread, "bot_failed").await;
    }
    upstream.is_left().await;
}

#[tokio::test]
async fn an_answer_may_come_whole_and_may_be_cut_by_its_limit() {
    let upstream = Upstream::start(|number, _| match number {
        0 => Answer::json(
            200,
            &json!({ "choices": [{ "message": { "content": "All at once." },
            "finish_reason": "stop" }] }),
        ),
        _ => Answer::events(vec![Piece::delta("And so"), Piece::finish("length"), Piece::done()]),
    })
    .await;
    let stage = Stage::with_bot(&definition(&upstream)).await;
    let thread = stage.conversation().await;
    assert_eq!(thread.answer("hello").await, "All at once.");
    assert_eq!(thread.answer("go on").await, "And so…");
}

#[tokio::test]
async fn a_model_hands_over_where_a_person_is_available() {
    let call = json!({ "choices": [{ "delta": { "tool_calls": [{ "index": 0, "id": "c1",
        "function": { "name": "hand_over", "arguments": "{}" } }] } }] });
    let upstream = Upstream::start(move |_, _| {
        Answer::events(vec![Piece::chunk(&call), Piece::finish("tool_calls"), Piece::done()])
    })
    .await;
    let stage = Stage::with_person(&definition(&upstream)).await;
    let thread = stage.conversation().await;
    let frames = thread.turn("a person please").await;
    assert!(names(&frames).contains(&"conversation.escalated"), "{frames:#?}");
    let tools = &upstream.request(0).await.json()["tools"];
    assert_eq!(tools[0]["function"]["name"], "hand_over");
}

#[tokio::test]
async fn the_model_is_told_who_asks_and_what_was_said_within_its_budget() {
    let upstream = Upstream::start(|_, _| Answer::completion(&["Noted: a short one."])).await;
    let mut definition = definition(&upstream);
    definition["system_prompt"] = json!("You help {{contact.name|someone}} on {{system.today}}.");
    // The last exchange fits, the one before does not.
    definition["history_tokens"] = json!(24);
    let stage = Stage::with_bot(&definition).await;
    let sent = stage.ask(None, "the first and rather long message of all").await;
    let conversation = sent["conversation_id"].as_str().expect("an id");
    stage.ask(Some(conversation), "the second").await;
    stage.ask(Some(conversation), "the third").await;
    let messages = upstream.request(2).await.json()["messages"].clone();
    let system = messages[0]["content"].as_str().expect("a prompt");
    assert!(system.starts_with("You help someone on 20"), "a guest has no name: {system}");
    let rest: Vec<_> = messages.as_array().expect("messages")[1..].to_vec();
    assert_eq!(
        rest,
        [
            json!({ "role": "user", "content": "the second" }),
            json!({ "role": "assistant", "content": "Noted: a short one." }),
            json!({ "role": "user", "content": "the third" }),
        ]
    );
}

#[tokio::test]
async fn a_stream_of_aloo_says_that_what_it_showed_is_not_kept() {
    let gate = Arc::new(Semaphore::new(0));
    let wait = gate.clone();
    let upstream = Upstream::start(move |_, _| {
        let pieces = vec![Piece::delta("It was "), Piece::Gate(wait.clone()), Piece::Cut];
        Answer::events(pieces)
    })
    .await;
    let stage = Stage::with_person(&definition(&upstream)).await;
    let client =
        stage.server.stranger().with("x-api-token", stage.credential("aloochat_api_token"));
    let form = reqwest::multipart::Form::new()
        .text("agent_key", stage.credential("aloochat_agent_key").to_owned())
        .text("query", "hello");
    let path = "/api/v1/chat/agent/stream";
    let request = client.request(reqwest::Method::POST, path).multipart(form);
    let mut feed = Feed::new(request.send().await.expect("an answer"));
    let shown = feed.until("agent_text_chunk").await;
    gate.add_permits(1);
    let rest = feed.rest().await;
    let kinds: Vec<_> = rest.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(kinds, ["error"], "no end: the chunks are not the reply");
    let path = format!("{path}/{}", shown[0].data["message_id"].as_str().expect("an id"));
    for seen in [shown.last().expect("a chunk"), &rest[0]] {
        let resumed = client.with("Last-Event-ID", &seen.id).stream(&path, None).await.rest().await;
        assert_eq!(resumed.last().map(|last| last.name.as_str()), Some("error"));
    }
}
