//! Who reads has a share: of a token, of an address, of a conversation; and visitors of calls.

use parlor::domain::ids::MessageId;
use serde_json::{Value, json};

use crate::harness::http::Answer;
use crate::harness::socket::Socket;
use crate::harness::wait::{eventually, within};
use crate::harness::{Client, Server};

/// How a stream is refused, read whole.
async fn refused(client: &Client, path: &str) -> Answer {
    let answer = within("a refusal, no endless stream", client.get(path)).await;
    let error = answer.expect(429)["error"].clone();
    assert_eq!(error["type"], "rate_limited", "{error}");
    let wait: u64 = answer.header("Retry-After").parse().expect("seconds to wait");
    assert!(wait > 0);
    answer
}

fn stream_of(conversation: &str) -> String {
    format!("/live/v1/conversations/{conversation}/stream")
}

/// Opens a stream once there is a place for it.
async fn opens_again(client: &Client, path: &str) {
    eventually("a place is free again", async || client.try_stream(path, None).await.ok()).await;
}

#[tokio::test]
async fn a_token_has_its_streams_and_gets_them_back() {
    let server = Server::start_with(&["--max-readers-per-token", "2"]).await;
    let (id, visitor) = server.stranger().demo().await;
    let path = stream_of(&id);
    let (first, _second) = (visitor.stream(&path, None).await, visitor.stream(&path, None).await);
    let told = refused(&visitor, &path).await;
    assert!(told.text.contains("too many streams of this credential"), "{}", told.text);
    let message = format!("/live/v1/conversations/{id}/messages/stream");
    let said = json!({ "text": "hello" });
    within("a refusal", visitor.post(&message, &said)).await.expect(429);
    // The account's own key is its server's, which reads for many.
    let own = server.client();
    let _own = [own.stream(&path, None).await, own.stream(&path, None).await];
    let (_, other) = server.stranger().demo().await;
    let _other = other.stream(&stream_of("current"), None).await;
    drop(first);
    opens_again(&visitor, &path).await;
}

#[tokio::test]
async fn a_conversation_and_an_address_have_their_streams() {
    let flags = ["--max-readers-per-conversation", "2", "--max-readers-per-address", "3"];
    let server = Server::start_with(&flags).await;
    let own = server.client();
    let (id, visitor) = server.stranger().demo().await;
    let _two =
        (own.stream(&stream_of(&id), None).await, visitor.stream(&stream_of(&id), None).await);
    let told = refused(&own, &stream_of(&id)).await;
    assert!(told.text.contains("of this conversation"), "{}", told.text);
    let (other, _) = server.stranger().demo().await;
    let third = own.stream(&stream_of(&other), None).await;
    let told = refused(&own, &stream_of(&other)).await;
    assert!(told.text.contains("of this address"), "{}", told.text);
    // The streams of the other surfaces are counted as well, before anything is kept of the message.
    let ask = json!({ "message": "what are your opening hours?", "conversation_id": other });
    let asked = own.post("/bot/v1/conversations/messages/stream", &ask).await;
    asked.expect(429);
    assert!(!asked.header("Retry-After").is_empty());
    let kept = own.get(&format!("/bot/v1/conversations/{other}/messages")).await.expect(200);
    assert_eq!(kept["messages"].as_array().map(Vec::len), Some(0), "{kept}");
    let aloo = server.stranger().with("x-api-token", &server.credential("aloochat_api_token"));
    let message = parlor::app::clock::mint::<MessageId>();
    let path = format!("/api/v1/chat/agent/stream/{message}?conversation_id={other}");
    let resumed = within("a refusal", aloo.get(&path)).await;
    assert_eq!(resumed.expect(429)["error"], "RateLimitExceeded");
    drop(third);
    opens_again(&own, &stream_of(&other)).await;
}

#[tokio::test]
async fn a_subscription_is_a_stream() {
    let server = Server::start_with(&["--max-readers-per-address", "2"]).await;
    let key = server.credential("aerochat_api_key");
    let headers = [("X-AeroChat-API-Key", key.as_str())];
    let mut socket = Socket::open(server.address(), "", &headers).await.expect("opened");
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(server.stranger().demo().await.0);
    }
    let subscribe = |id: &str| json!({ "type": "subscribe", "conversation_id": id });
    for id in &ids[..2] {
        let (answer, _) = socket.ask(subscribe(id)).await;
        assert_eq!(answer["type"], "ok", "{answer}");
    }
    let (answer, _) = socket.ask(subscribe(&ids[2])).await;
    assert_eq!(answer["error"]["type"], "rate_limited", "{answer}");
    // Whoever subscribes again has a place already, and who unsubscribes gives it up.
    let (answer, _) = socket.ask(subscribe(&ids[1])).await;
    assert_eq!(answer["type"], "ok", "{answer}");
    socket.ask(json!({ "type": "unsubscribe", "conversation_id": ids[0] })).await;
    let (answer, _) = socket.ask(subscribe(&ids[2])).await;
    assert_eq!(answer["type"], "ok", "{answer}");
}

/// A server whose visitors may say three things a minute, and read three times.
async fn strict() -> Server {
    let server = Server::start().await;
    let settings = r#"{"limits":{"widget_send":3,"widget_read":3}}"#;
    let arguments = ["account", "set", "--settings", settings];
    let (done, said) = Server::command(server.dir(), &arguments).await;
    assert!(done, "{said}");
    server
}

#[tokio::test]
async fn a_live_token_opens_no_way_around_the_limits_of_visitors() {
    let server = strict().await;
    let (id, visitor) = server.stranger().demo().await;
    let path = format!("/live/v1/conversations/{id}/messages");
    for left in ["2", "1", "0"] {
        let sent = visitor.post(&path, &json!({ "text": "hello" })).await;
        sent.expect(201);
        assert_eq!(sent.header("RateLimit-Remaining"), left);
    }
    let more = visitor.post(&path, &json!({ "text": "hello" })).await;
    assert_eq!(more.expect(429)["error"]["type"], "rate_limited");
    assert!(!more.header("Retry-After").is_empty());
    // Neither does the WebSocket, where each command is a call.
    let token = visitor_token(&server).await;
    let mut socket =
        Socket::open(server.address(), &format!("?token={token}"), &[]).await.expect("opened");
    let say = json!({ "type": "send", "conversation_id": "current", "text": "hello" });
    for _ in 0..3 {
        assert_eq!(socket.ask(say.clone()).await.0["type"], "ok");
    }
    let (answer, _) = socket.ask(say).await;
    assert_eq!(answer["error"]["type"], "rate_limited", "{answer}");
    let own = server.client();
    for _ in 0..10 {
        own.post(&path, &json!({ "text": "hello" })).await.expect(201);
    }
}

async fn visitor_token(server: &Server) -> String {
    let demo = server.stranger().post("/live/v1/demo", &Value::Null).await.expect(201);
    demo["token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn guesses_of_visitors_tokens_are_counted_wherever_they_are_made() {
    let server = strict().await;
    let site = server.credential("widget_site_key");
    let page = server.stranger().with("X-Site-Key", &site);
    let guess = |number: u32| {
        let guessing = page.with("X-Visitor-Token", &format!("guess-{number}"));
        async move { guessing.get("/live/v1/conversations/current").await }
    };
    // One on the widget's surface, two here: that is all of a minute.
    page.get("/api/v1/chat/conversations/guess-0/messages").await.expect(404);
    guess(1).await.expect(404);
    guess(2).await.expect(404);
    guess(3).await.expect(429);
    page.get("/api/v1/chat/conversations/guess-4/messages").await.expect(429);
    let query = format!("?site_key={site}&visitor_token=guess-5");
    let socket = Socket::open(server.address(), &query, &[]).await;
    assert_eq!(socket.err(), Some(429), "nor over a WebSocket");
}
