//! How the server ends: what runs may finish, what does not end is cut.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream;
use parlor::server::{accept::Drained, sse};
use poem::{Request, endpoint::make};
use tokio::{net::TcpStream, sync::Notify};
use tokio_util::sync::CancellationToken;

use super::harness::{PATIENCE, long, start, until, until_closed};
use crate::harness::http::client;

const SHORT: Duration = Duration::from_millis(200);
const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_request_in_flight_is_finished() {
    let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, wait) = (begun.clone(), finish.clone());
    let endpoint = make(move |_: Request| {
        let (told, wait) = (told.clone(), wait.clone());
        async move {
            told.notify_one();
            wait.notified().await;
            "finished"
        }
    });
    let server = start(endpoint, long(), PATIENCE);
    let mut tcp = server.say(GET).await;
    begun.notified().await;
    server.drain.cancel();
    // Once the port is closed the drain has begun.
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    finish.notify_one();
    let (said, _) = until_closed(&mut tcp).await;
    assert!(said.contains("connection: close") && said.ends_with("finished"), "{said}");
    assert_eq!(server.ended.await.unwrap(), Drained::Clean);
}

#[tokio::test]
async fn silent_and_idle_connections_do_not_delay_the_end() {
    let server = start(make(|_: Request| async { "hello" }), long(), PATIENCE);
    let _silent = server.connect().await;
    let mut idle = server.say(GET).await;
    until(&mut idle, "hello").await;
    let (ended, took) = server.stop().await;
    assert_eq!(ended, Drained::Clean);
    assert!(took < PATIENCE / 4, "{took:?}");
}

#[tokio::test]
async fn an_endless_stream_is_cut_when_the_grace_is_over() {
    let endpoint = make(|_: Request| async { sse::event_stream_response(stream::pending()) });
    let server = start(endpoint, long(), SHORT);
    let mut tcp = server.say(GET).await;
    until(&mut tcp, "text/event-stream").await;
    let tracker = server.tracker.clone();
    let (ended, took) = server.stop().await;
    assert_eq!(ended, Drained::Cut(1));
    assert!(took >= SHORT && took < SHORT * 10, "{took:?}");
    assert!(tracker.is_empty());
    until_closed(&mut tcp).await;
}

#[tokio::test]
async fn an_endless_http2_stream_is_cut_too() {
    let endpoint = make(|_: Request| async { sse::event_stream_response(stream::pending()) });
    let server = start(endpoint, long(), SHORT);
    let client = client().http2_prior_knowledge().build().unwrap();
    let answer = client.get(server.url("/")).send().await.unwrap();
    let tracker = server.tracker.clone();
    assert!(matches!(server.stop().await.0, Drained::Cut(_)));
    assert!(tracker.is_empty());
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn a_stream_that_heeds_the_drain_says_its_last_word() {
    let end = CancellationToken::new();
    let heeded = end.clone();
    let endpoint = make(move |_: Request| {
        let end = heeded.clone().cancelled_owned();
        let last = Bytes::from_static(b"retry: 1000\n\n");
        async { sse::event_stream_response(sse::ending_with(stream::pending(), end, last)) }
    });
    let server = start(endpoint, long(), PATIENCE);
    let mut tcp = server.say(GET).await;
    until(&mut tcp, "text/event-stream").await;
    end.cancel();
    assert_eq!(server.stop().await.0, Drained::Clean);
    assert!(until_closed(&mut tcp).await.0.contains("retry: 1000\n\n"));
}
