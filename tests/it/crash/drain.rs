//! SIGTERM: readers are told to come back, what was asked is answered, and no reply is lost or
//! said twice, whether it is finished before the end or after the next start.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::bots::deploy;
use super::judge::{events, history};
use crate::harness::feed::{Feed, SseEvent, assembled, assert_chained};
use crate::harness::server::PACED;
use crate::harness::socket::Socket;
use crate::harness::wait::within;
use crate::harness::{Client, Server};

const QUESTION: &str = "where is my order?";
const MESSAGES: &str = "/bot/v1/conversations/messages";
/// The default grace and what ending takes besides.
const AT_MOST: Duration = Duration::from_secs(11);

#[tokio::test]
async fn idle_readers_are_told_to_resume_and_do_not_hold_the_server() {
    let mut server = Server::start().await;
    let mut readers = Vec::new();
    for _ in 0..10 {
        let (id, visitor) = server.stranger().demo().await;
        let path = format!("/live/v1/conversations/{id}/stream?after=0");
        let request = visitor.request(Method::GET, &path);
        let response = request.send().await.expect("a stream");
        readers.push(tokio::spawn(response.text()));
    }
    let began = Instant::now();
    server.terminate().await;
    let took = began.elapsed();
    assert!(took < AT_MOST / 2, "nothing was under way, but ending took {took:?}");
    for reader in readers {
        let text = within("the stream's end", reader).await.expect("it ends").expect("cleanly");
        assert!(text.starts_with("retry: "), "how soon to come back: {text:?}");
        let last = text.trim_end().rsplit("\n\n").next().expect("a last event");
        assert!(last.contains("event: resume\n") && last.contains("id: "), "last word: {last:?}");
    }
}

#[tokio::test]
async fn a_server_that_says_it_listens_drains_from_then_on() {
    let mut server = Server::start().await;
    for _ in 0..10 {
        server.terminate().await;
        server.restart().await;
    }
}

#[tokio::test]
async fn a_websocket_is_closed_with_a_code_that_means_come_back() {
    let mut server = Server::start().await;
    let id = conversation(&server).await;
    let key = server.credential("aerochat_api_key");
    let key = [("X-AeroChat-API-Key", key.as_str())];
    let mut socket = Socket::open(server.address(), "", &key).await.expect("a socket");
    let subscribe = json!({ "type": "subscribe", "conversation_id": id });
    assert_eq!(socket.ask(subscribe).await.0["type"], "ok");
    server.signal_terminate();
    let code = loop {
        match socket.try_next().await {
            Ok(frame) => assert_eq!(frame["type"], "resume", "nothing else happens now"),
            Err(code) => break code,
        }
    };
    assert!(matches!(code, Some(1012 | 1001)), "restart or going away, not {code:?}");
    server.terminate().await;
}

#[tokio::test]
async fn a_post_in_flight_is_answered_and_its_reader_gets_the_rest_after_the_restart() {
    let mut server = Server::start().await;
    let client = server.client();
    let id = conversation(&server).await;
    // Somebody watches: the reply is made slowly, and the caller waits for it.
    let path = format!("/live/v1/conversations/{id}/stream");
    let mut feed = client.stream(&path, None).await;
    let asked = tokio::spawn(ask(client.clone(), id.clone()));
    let mut seen = feed.until("reply.chunk").await;
    let began = Instant::now();
    server.terminate().await;
    assert!(began.elapsed() < AT_MOST, "ending took {:?}", began.elapsed());
    let answer = within("the answer", asked).await.expect("it comes").expect("in one piece");
    let answer = answer.expect(200);
    assert_eq!(answer["intent"], "order_status");
    seen.extend(feed.rest().await);
    assert_eq!(seen.last().expect("events").name, "resume", "the reader is told to come back");

    server.restart().await;
    let feed = client.stream(&format!("{path}?after={}", feed.last_id), None).await;
    let message = rest_of_turn(&client, &id, seen, feed).await;
    assert_eq!(answer["reply"]["text"], message["text"], "both were told the same");
}

#[tokio::test]
async fn a_reply_that_outlives_the_grace_is_finished_by_the_next_process() {
    let mut server = Server::start_with(&["--drain-s", "1", PACED[0], PACED[1]]).await;
    server.kill().await;
    deploy(server.dir(), |bot| bot["pace_ms"] = 250.into()).await;
    server.restart().await;
    let client = server.client();
    let id = conversation(&server).await;
    let body = json!({ "message": QUESTION, "conversation_id": id });
    let mut feed = client.stream(MESSAGES, Some(&body)).await;
    feed.until("chunk").await;
    let began = Instant::now();
    server.terminate().await;
    assert!(began.elapsed() < AT_MOST / 2, "1 s of grace, but it took {:?}", began.elapsed());
    let last = feed.rest().await.pop().expect("a last word");
    assert_eq!(last.name, "resume", "AeroChat's stream says it too: {last:?}");

    server.restart().await;
    assert_eq!(history(&client, &id).await.len(), 3, "the reply is still owed");
    let path = format!("/live/v1/conversations/{id}/stream");
    let from_start = client.stream(&format!("{path}?after={}", last.id), None).await;
    let rest = within("the reply", until_message(from_start)).await;
    assert_chained(&rest);
    assert!(rest.iter().all(|event| event.name != "reply.restarted"), "it goes on: {rest:?}");
    let first = rest.iter().find(|event| event.name == "reply.chunk").expect("a rest");
    let offset = first.data["data"]["offset"].as_u64().expect("an offset");
    assert!(offset > 0, "not from the beginning again");
    let text = rest.last().expect("a message").data["data"]["text"].clone();
    let chunks = rest.iter().filter(|event| event.name == "reply.chunk");
    let shown: String = chunks.filter_map(|chunk| chunk.data["data"]["text"].as_str()).collect();
    let wanted: String =
        text.as_str().expect("a text").chars().skip(offset.try_into().expect("small")).collect();
    assert_eq!(shown, wanted, "exactly the rest");
    assert_eq!(replies(&client, &id).await.len(), 2, "hello's and this one, each once");
}

/// A conversation in which hello was said and answered.
async fn conversation(server: &Server) -> String {
    let hello = server.client().say(None, "hello").await;
    hello["conversation_id"].as_str().expect("an id").to_owned()
}

async fn ask(client: Client, id: String) -> reqwest::Result<crate::harness::http::Answer> {
    let body = json!({ "message": QUESTION, "conversation_id": id });
    client.try_send(client.request(Method::POST, MESSAGES).json(&body)).await
}

async fn until_message(mut feed: Feed) -> Vec<SseEvent> {
    feed.until("message.outbound").await
}

/// Reads on to the end of the turn, and checks all that a reader saw of it.
async fn rest_of_turn(client: &Client, id: &str, mut seen: Vec<SseEvent>, feed: Feed) -> Value {
    seen.extend(until_message(feed).await);
    assert_chained(&seen);
    assert!(seen.iter().all(|event| event.name != "reply.restarted"), "it goes on: {seen:?}");
    let message = seen.last().expect("a message").data["data"].clone();
    let reply = message["message_id"].as_str().expect("an id");
    assert_eq!(message["text"], assembled(&seen, reply), "the chunks are the reply");
    let replies = replies(client, id).await;
    assert_eq!(replies.len(), 2, "hello's and this one, each once: {replies:?}");
    assert_eq!(replies[1], message);
    message
}

async fn replies(client: &Client, id: &str) -> Vec<Value> {
    let frames = events(client, id).await.into_iter();
    let replies = frames.filter(|frame| frame["type"] == "message.outbound");
    replies.map(|mut frame| frame["data"].take()).collect()
}
