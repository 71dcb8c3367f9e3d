//! The first promise, as a story: ask, read a part of the answer, the server is killed in the
//! middle of it, starts again, and the reader gets exactly the rest. Over SSE, over WebSocket, on
//! AeroChat's own stream; and a caller that never got its answer asks again and is answered once.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::bots::deploy;
use super::judge::{events, history};
use crate::harness::feed::{Feed, SseEvent, assembled, assert_chained};
use crate::harness::socket::Socket;
use crate::harness::upstream::{Answer, Piece, Upstream};
use crate::harness::wait::{eventually, within};
use crate::harness::{Client, Server};

const QUESTION: &str = "where is my order?";
const MESSAGES: &str = "/bot/v1/conversations/messages";

/// Asks over SSE, reads four pieces, kills the server and starts it again: the conversation, its
/// visitor who resumes from the last id, and what was seen.
async fn cut_in_mid_reply(server: &mut Server) -> (String, Client, Vec<SseEvent>) {
    let (id, visitor) = server.stranger().demo().await;
    let question = json!({ "text": QUESTION });
    let path = format!("/live/v1/conversations/{id}/messages");
    let mut feed = visitor.stream(&path, Some(&question)).await;
    let seen = pieces(&mut feed, 4).await;
    server.kill().await;
    server.restart().await;
    let visitor = visitor.with("Last-Event-ID", &feed.last_id);
    (id, visitor, seen)
}

#[tokio::test]
async fn who_asked_over_sse_gets_exactly_the_rest_of_the_reply_after_a_kill() {
    let mut server = Server::start().await;
    let (id, visitor, mut seen) = cut_in_mid_reply(&mut server).await;
    let path = format!("/live/v1/conversations/{id}");
    let mut feed = visitor.stream(&format!("{path}/stream"), None).await;
    seen.extend(feed.until("message.outbound").await);

    whole_and_stored(&server.client(), &id, &seen).await;
}

#[tokio::test]
async fn who_comes_back_when_the_reply_is_finished_gets_the_rest_in_one_piece() {
    let mut server = Server::start().await;
    let (id, visitor, mut seen) = cut_in_mid_reply(&mut server).await;
    let path = format!("/live/v1/conversations/{id}");
    let client = server.client();
    eventually("the reply is finished with nobody watching", || async {
        (history(&client, &id).await.len() == 2).then_some(())
    })
    .await;
    let rest =
        visitor.stream(&format!("{path}/stream"), None).await.until("message.outbound").await;
    let names: Vec<_> = rest.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["reply.chunk", "message.outbound"]);
    seen.extend(rest);
    whole_and_stored(&client, &id, &seen).await;
}

#[tokio::test]
async fn a_reply_that_is_made_anew_in_other_words_is_restarted() {
    // A model says the same thing in other words each time.
    let other = "We have moved. Your order is looked after from our new house, and will be late.";
    let upstream = Upstream::start(move |number, _| match number {
        0 => {
            let never = Arc::new(Semaphore::new(0));
            Answer::events(vec![Piece::delta("Your order is on its way "), Piece::Gate(never)])
        }
        _ => Answer::completion(&[other]),
    })
    .await;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let create = ["account", "create", "--template", "demo", "--name", "Demo"];
    let (made, said) = Server::command(dir.path(), &create).await;
    assert!(made, "{said}");
    let model = json!({
        "kind": "llm", "name": "Desk", "base_url": upstream.url("/v1"), "model": "any"
    });
    deploy(dir.path(), |bot| *bot = model).await;
    let mut server = Server::open(dir.path(), &["--allow-network", "127.0.0.0/8"]).await;
    let (id, visitor) = server.stranger().demo().await;
    let path = format!("/live/v1/conversations/{id}");
    let question = json!({ "text": QUESTION });
    let mut feed = visitor.stream(&format!("{path}/messages"), Some(&question)).await;
    let mut seen = pieces(&mut feed, 1).await;
    server.kill().await;
    server.restart().await;
    let visitor = visitor.with("Last-Event-ID", &feed.last_id);
    let rest =
        visitor.stream(&format!("{path}/stream"), None).await.until("message.outbound").await;
    assert_eq!(rest[0].name, "reply.restarted", "no words of both are mixed: {rest:#?}");
    seen.extend(rest);

    assert_chained(&seen);
    let restarts = seen.iter().filter(|event| event.name == "reply.restarted").count();
    assert_eq!(restarts, 1, "the reader is told to forget, once: {seen:#?}");
    let message = &seen.last().expect("a message").data["data"];
    assert_eq!(message["text"], other);
    assert_eq!(assembled(&seen, message["message_id"].as_str().expect("an id")), other);
}

#[tokio::test]
async fn who_asked_over_a_websocket_gets_exactly_the_rest_of_the_reply_after_a_kill() {
    let mut server = Server::start().await;
    let (id, _) = server.stranger().demo().await;
    let key = server.credential("aerochat_api_key");
    let key = [("X-AeroChat-API-Key", key.as_str())];

    let mut socket = Socket::open(server.address(), "", &key).await.expect("a socket");
    let subscribe = json!({ "type": "subscribe", "conversation_id": id });
    let (answer, _) = socket.ask(subscribe.clone()).await;
    assert_eq!(answer["type"], "ok", "{answer}");
    let send = json!({ "type": "send", "conversation_id": id, "text": QUESTION });
    let (answer, mut frames) = socket.ask(send).await;
    assert_eq!(answer["type"], "ok", "{answer}");
    for _ in 0..4 {
        frames.extend(socket.until("reply.chunk").await);
    }
    server.kill().await;
    server.restart().await;
    let mut socket = Socket::open(server.address(), "", &key).await.expect("a socket");
    let mut resume = subscribe;
    resume["after"] = frames.last().expect("frames")["id"].clone();
    let (answer, more) = socket.ask(resume).await;
    assert_eq!(answer["type"], "ok", "{answer}");
    frames.extend(more);
    frames.extend(socket.until("message.outbound").await);

    let seen: Vec<_> = frames.into_iter().map(as_event).collect();
    whole_and_stored(&server.client(), &id, &seen).await;
}

#[tokio::test]
async fn aerochats_own_stream_goes_on_on_the_live_surface_after_a_kill() {
    let mut server = Server::start().await;
    let mut feed = server.client().stream(MESSAGES, Some(&json!({ "message": QUESTION }))).await;
    let start = feed.next().await;
    let id = start.data["conversation_id"].as_str().expect("an id").to_owned();
    let mut text = String::new();
    for _ in 0..4 {
        let chunk = feed.next().await;
        assert_eq!(chunk.name, "chunk");
        text.push_str(chunk.data["text"].as_str().expect("a text"));
    }
    server.kill().await;
    server.restart().await;

    let wanted = json!({ "conversation_id": id });
    let token = server.client().post("/live/v1/tokens", &wanted).await.expect(201);
    let token = token["token"].as_str().expect("a token");
    let visitor = server.stranger().with("Authorization", &format!("Bearer {token}"));
    let path = format!("/live/v1/conversations/{id}/stream?after={}", feed.last_id);
    let rest = visitor.stream(&path, None).await.until("message.outbound").await;

    assert_chained(&rest);
    assert_eq!(rest[0].data["prev"], feed.last_id.as_str(), "the rest begins where it was cut");
    let (message, chunks) = rest.split_last().expect("a message");
    for chunk in chunks {
        assert_eq!(chunk.name, "reply.chunk", "nothing but the rest of the reply: {chunk:?}");
        let data = &chunk.data["data"];
        assert_eq!(data["offset"], text.chars().count(), "it goes on at the very character");
        text.push_str(data["text"].as_str().expect("a text"));
    }
    assert_eq!(message.data["data"]["text"], text);
    assert_eq!(message.data["data"]["in_reply_to"], start.data["message_id"]);
    let stored = history(&server.client(), &id).await;
    assert_eq!(stored.len(), 2, "one question, one answer: {stored:?}");
    assert_eq!(stored[1].1, text);
}

#[tokio::test]
async fn a_question_killed_before_its_answer_and_asked_again_is_answered_once() {
    let mut server = Server::start().await;
    let client = server.client();
    let id = client.say(None, "hello").await["conversation_id"].as_str().expect("id").to_owned();
    // Somebody watches: the reply is made slowly, and the caller must wait for it.
    let mut feed = client.stream(&format!("/live/v1/conversations/{id}/stream"), None).await;
    let keyed = client.with("Idempotency-Key", "where 1");
    let body = json!({ "message": QUESTION, "conversation_id": id });
    let first = {
        let (keyed, body) = (keyed.clone(), body.clone());
        tokio::spawn(async move {
            keyed.try_send(keyed.request(Method::POST, MESSAGES).json(&body)).await
        })
    };
    pieces(&mut feed, 2).await;
    server.kill().await;
    let first = within("the killed call's end", first).await.expect("it ends");
    assert!(first.is_err(), "the caller was never answered, but got {first:?}");
    server.restart().await;

    let again = keyed.post(MESSAGES, &body).await;
    let answer = again.expect(200);
    assert_eq!(answer["intent"], "order_status");
    let third = keyed.post(MESSAGES, &body).await;
    assert_eq!(third.text, again.text, "whoever asks again is told the same");
    let stored = history(&client, &id).await;
    assert_eq!(stored.len(), 4, "hello, its answer, one question, one answer: {stored:?}");
    assert_eq!(stored[2], (answer["message_id"].clone(), QUESTION.into()));
    assert_eq!(stored[3].1, answer["reply"]["text"]);
}

#[tokio::test]
async fn a_stream_asked_for_after_a_kill_shows_its_own_turn_alone() {
    let mut server = Server::start().await;
    let client = server.client();
    let mut feed = client.stream(MESSAGES, Some(&json!({ "message": QUESTION }))).await;
    let start = feed.next().await;
    assert_eq!(feed.next().await.name, "chunk", "the reply is under way");
    server.kill().await;
    server.restart().await;

    let id = &start.data["conversation_id"];
    let next = json!({ "message": "what are your opening hours?", "conversation_id": id });
    let events = client.stream(MESSAGES, Some(&next)).await.until("end").await;
    let chunks = events.iter().filter(|event| event.name == "chunk");
    let shown: String = chunks.filter_map(|chunk| chunk.data["text"].as_str()).collect();
    let (start, end) = (&events[0].data, &events.last().expect("an end").data);
    assert_eq!(end["message_id"], start["message_id"], "the end is of the message that was sent");
    assert_eq!(end["reply"]["text"], shown, "the chunks are this reply and no other");
}

/// Reads until so many pieces of a reply were seen.
async fn pieces(feed: &mut Feed, count: usize) -> Vec<SseEvent> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.extend(feed.until("reply.chunk").await);
    }
    events
}

/// Checks what a reader saw of one turn over two lives of the server.
async fn whole_and_stored(client: &Client, id: &str, seen: &[SseEvent]) {
    assert_chained(seen);
    let names: Vec<_> = seen.iter().map(|event| event.name.as_str()).collect();
    assert!(!names.contains(&"reply.restarted"), "what was seen stays: {names:?}");
    let starts = names.iter().filter(|name| **name == "reply.started").count();
    assert_eq!(starts, 1, "a reply starts once: {names:?}");
    let message = &seen.last().expect("a message").data["data"];
    let reply = message["message_id"].as_str().expect("an id");
    assert_eq!(message["text"], assembled(seen, reply), "the chunks are the reply");
    let stored: Vec<Value> = events(client, id).await;
    let replies: Vec<_> =
        stored.iter().filter(|frame| frame["type"] == "message.outbound").collect();
    assert_eq!(replies.len(), 1, "one reply: {stored:#?}");
    assert_eq!(replies[0]["data"], *message, "what was shown is what is stored");
}

/// A frame of the WebSocket as it would stand in an event stream.
fn as_event(frame: Value) -> SseEvent {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    SseEvent { id: text(&frame["id"]), name: text(&frame["type"]), data: frame }
}
