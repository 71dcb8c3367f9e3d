//! The WebSocket: who may open it, its commands one by one, and what it refuses.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::stage::{ASK, Stage, Thread};
use crate::harness::site::{Engine, apply, both_engines};
use crate::harness::socket::Socket;

async fn open(stage: &Stage) -> Socket {
    let headers = [("X-AeroChat-API-Key", stage.secret.as_str())];
    Socket::open(stage.site.address(), "", &headers).await.expect("opened")
}

fn command(kind: &str, thread: &Thread) -> Value {
    json!({ "type": kind, "conversation_id": thread.id })
}

fn with(mut command: Value, field: &str, value: impl Into<Value>) -> Value {
    command[field] = value.into();
    command
}

#[apply(both_engines)]
async fn only_a_credential_opens_it(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, _) = stage.conversation().await;
    let address = stage.site.address();
    assert_eq!(Socket::open(address, "", &[]).await.err(), Some(401));
    assert_eq!(Socket::open(address, "?token=live_x", &[]).await.err(), Some(401));
    let wrong = [("X-AeroChat-API-Key", "aero_wrong")];
    assert_eq!(Socket::open(address, "", &wrong).await.err(), Some(401));
    let body = json!({ "conversation_id": thread.id });
    let token = stage.key.post("/live/v1/tokens", &body).await.expect(201);
    let token = token["token"].as_str().expect("a token");
    let bearer = format!("Bearer {token}");
    for (query, headers) in [
        (format!("?token={token}"), vec![]),
        (String::new(), vec![("Authorization", bearer.as_str())]),
    ] {
        let mut socket = Socket::open(address, &query, &headers).await.expect("opened");
        let (answer, _) = socket.ask(command("subscribe", &thread)).await;
        assert_eq!(answer["type"], "ok", "{answer}");
    }
}

#[apply(both_engines)]
async fn only_pages_of_our_own_origin_open_it(engine: Engine) {
    let mut stage = Stage::with_pace(engine, 0).await;
    let settings = r#"{"allowed_origins":[]}"#;
    stage.site.set(settings).await;
    let address = stage.site.address();
    let own = format!("http://{address}");
    let tries = [
        ("http://evil.example", Some(403)),
        ("null", Some(403)),
        ("http://127.0.0.1:1", Some(403)),
        (own.as_str(), None),
    ];
    for (origin, expected) in tries {
        let headers = [("X-AeroChat-API-Key", stage.secret.as_str()), ("Origin", origin)];
        let opened = Socket::open(address, "", &headers).await;
        assert_eq!(opened.err(), expected, "from {origin}");
    }
}

#[apply(both_engines)]
async fn a_plain_request_is_told_to_upgrade(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let answer = stage.key.get("/live/v1/ws").await;
    assert_eq!((answer.status, answer.header("upgrade")), (426, "websocket"));
}

#[apply(both_engines)]
async fn every_command_is_answered_as_over_http_with_its_ref(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let mut socket = open(&stage).await;
    let (pong, _) = socket.ask(json!({ "type": "ping" })).await;
    assert_eq!(pong, json!({ "type": "pong", "ref": "asked" }));

    let now = thread.now(&client).await;
    let (subscribed, _) = socket.ask(command("subscribe", &thread)).await;
    assert_eq!((&subscribed["type"], &subscribed["cursor"]), (&json!("ok"), &now["cursor"]));

    let (sent, _) = socket.ask(with(command("send", &thread), "text", ASK)).await;
    assert_eq!((&sent["type"], &sent["conversation_id"]), (&json!("ok"), &json!(thread.id)));
    let stored = thread.events(&client).await;
    assert_eq!(stored[1]["data"]["message_id"], sent["message_id"]);
    assert_eq!((&stored[1]["id"], &stored[1]["at"]), (&sent["cursor"], &sent["created_at"]));

    let (stopped, _) = socket.ask(command("stop", &thread)).await;
    assert_eq!((&stopped["type"], stopped["stopped"].is_boolean()), (&json!("ok"), true));
    let (typing, _) = socket.ask(with(command("typing", &thread), "typing", true)).await;
    assert_eq!(typing, json!({ "type": "ok", "ref": "asked" }));
    let read = with(command("read", &thread), "message_id", sent["message_id"].clone());
    let (read, _) = socket.ask(read).await;
    assert_eq!(read, json!({ "type": "ok", "ref": "asked" }));
    let (gone, _) = socket.ask(command("unsubscribe", &thread)).await;
    assert_eq!(gone["type"], "ok");
    let reads = thread.events(&client).await;
    assert!(reads.iter().any(|frame| frame["type"] == "conversation.read"));
}

#[apply(both_engines)]
async fn a_ref_of_any_kind_comes_back_and_none_is_null(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let mut socket = open(&stage).await;
    for reference in [json!(1), json!("a"), json!({ "a": [1] }), Value::Null] {
        socket.send(&json!({ "type": "ping", "ref": reference })).await;
        assert_eq!(socket.next().await, json!({ "type": "pong", "ref": reference }));
    }
    socket.send(&json!({ "type": "ping" })).await;
    assert_eq!(socket.next().await["ref"], Value::Null);
}

#[apply(both_engines)]
async fn what_is_wrong_with_a_command_is_said_and_the_socket_stays(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, _) = stage.conversation().await;
    let mut socket = open(&stage).await;
    let unknown = Thread { id: "cv_1".into() };
    let tries = [
        (json!({ "type": "subscribe" }), "invalid_request", "conversation_id"),
        (command("dance", &thread), "invalid_request", "type"),
        (with(command("subscribe", &thread), "after", "x"), "invalid_request", "after"),
        (command("send", &thread), "invalid_request", "text"),
        (with(command("send", &thread), "text", " "), "invalid_request", "text"),
        (with(command("send", &thread), "text", "é".repeat(10_001)), "too_large", ""),
        (command("typing", &thread), "invalid_request", "typing"),
        (command("read", &thread), "invalid_request", "message_id"),
        (with(command("read", &thread), "message_id", "x"), "invalid_request", "message_id"),
        (command("subscribe", &unknown), "not_found", ""),
        (with(command("send", &unknown), "text", ASK), "not_found", ""),
        (command("stop", &unknown), "not_found", ""),
        (with(command("typing", &unknown), "typing", true), "not_found", ""),
    ];
    for (asked, kind, field) in tries {
        let (answer, _) = socket.ask(asked.clone()).await;
        assert_eq!((&answer["type"], &answer["error"]["type"]), (&json!("error"), &json!(kind)));
        assert!(answer["error"]["message"].is_string(), "{answer}");
        if !field.is_empty() {
            assert!(answer["error"]["fields"][field].is_string(), "{asked}: {answer}");
        }
    }
    for text in ["{", "[]", "5", "{}", r#"{"type":5}"#, r#"{"type":"ping","text":5}"#, ""] {
        socket.send_raw(Message::text(text)).await;
        let answer = socket.next().await;
        assert_eq!(answer["type"], "error", "{text}: {answer}");
    }
    socket.send_raw(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(socket.next().await["type"], "error");
    assert_eq!(socket.ask(json!({ "type": "ping" })).await.0["type"], "pong");
}

#[apply(both_engines)]
async fn a_wrong_field_does_not_lose_the_ref(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, _) = stage.conversation().await;
    let mut socket = open(&stage).await;
    socket.send(&with(with(command("typing", &thread), "typing", "yes"), "ref", 7)).await;
    let answer = socket.next().await;
    assert_eq!(answer["type"], "error");
    assert_eq!(answer["ref"], 7, "a client finds the command that failed by its ref: {answer}");
}

#[apply(both_engines)]
async fn a_message_that_is_too_long_closes_it_with_1009(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let mut socket = open(&stage).await;
    socket.send_raw(Message::text("x".repeat(256 * 1024 + 1))).await;
    assert_eq!(socket.try_next().await, Err(Some(1009)));
    // The server goes on.
    assert_eq!(open(&stage).await.ask(json!({ "type": "ping" })).await.0["type"], "pong");
}

#[apply(both_engines)]
async fn an_answer_that_would_be_too_long_is_an_error_and_the_socket_goes_on(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let mut socket = open(&stage).await;
    // Twice as long once it is escaped.
    let long = "\u{2028}".repeat(60_000);
    socket.send(&json!({ "type": "ping", "ref": long })).await;
    let answer = socket.next().await;
    assert_eq!((&answer["type"], &answer["ref"]), (&json!("error"), &Value::Null), "{answer}");
    assert_eq!(socket.ask(json!({ "type": "ping" })).await.0["type"], "pong");
}

#[apply(both_engines)]
async fn a_token_speaks_of_its_own_conversation_alone(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (mine, _) = stage.conversation().await;
    let (other, _) = stage.conversation().await;
    let body = json!({ "conversation_id": mine.id });
    let token = stage.key.post("/live/v1/tokens", &body).await.expect(201);
    let query = format!("?token={}", token["token"].as_str().expect("a token"));
    let mut socket = Socket::open(stage.site.address(), &query, &[]).await.expect("opened");
    for kind in ["subscribe", "unsubscribe", "send", "stop", "typing", "read"] {
        let asked = with(with(command(kind, &other), "text", ASK), "typing", true);
        let (answer, _) = socket.ask(with(asked, "message_id", "a".repeat(32))).await;
        assert_eq!(answer["error"]["type"], "not_found", "{kind}: {answer}");
    }
    let (answer, frames) = socket.ask(with(command("send", &mine), "text", ASK)).await;
    assert_eq!((&answer["type"], frames.len()), (&json!("ok"), 0), "it has not subscribed");
    assert_eq!(other.events(&stage.key).await.len(), 1);
}

#[apply(both_engines)]
async fn an_idempotency_key_sends_once_over_both(engine: Engine) {
    let stage = Stage::with_pace(engine, 0).await;
    let (thread, client) = stage.conversation().await;
    let mut socket = open(&stage).await;
    let asked = with(with(command("send", &thread), "text", ASK), "idempotency_key", "once");
    let (first, _) = socket.ask(asked.clone()).await;
    let (again, _) = socket.ask(asked).await;
    assert_eq!(first, again);
    let over_http = thread.send(&client.with("Idempotency-Key", "once"), ASK).await;
    assert_eq!(over_http["message_id"], first["message_id"]);
}
