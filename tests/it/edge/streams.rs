//! Event streams over the wire: heartbeats, and clients that leave or do not read.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use parlor::server::{accept::Limits, sse};
use poem::{Request, endpoint::make};
use tokio::{sync::mpsc, time::timeout};

use super::harness::{PATIENCE, long, start, until};

const SHORT: Duration = Duration::from_millis(200);
const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_stream_speaks_at_once_and_in_every_silence() {
    let endpoint = make(|_: Request| async {
        let one = stream::iter([Bytes::from_static(b"data: 1\n\n")]).chain(stream::pending());
        sse::event_stream_response(sse::with_heartbeat(one, SHORT / 4))
    });
    let server = start(endpoint, long(), PATIENCE);
    let mut tcp = server.say(GET).await;
    let head = until(&mut tcp, "data: 1\n\n").await;
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    assert!(head.contains("cache-control: no-store\r\n"), "{head}");
    until(&mut tcp, ":\n\n").await;
    until(&mut tcp, ":\n\n").await;
}

#[tokio::test]
async fn the_stream_of_a_client_that_left_is_dropped() {
    let endpoint = make(|_: Request| async { sse::event_stream_response(stream::pending()) });
    let server = start(endpoint, long(), PATIENCE);
    let mut tcp = server.say(GET).await;
    until(&mut tcp, "text/event-stream").await;
    drop(tcp);
    server.tracker.close();
    let gone = timeout(PATIENCE, server.tracker.wait()).await;
    gone.expect("the connection's task must end with its client");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let (told, mut dropped) = mpsc::channel::<()>(1);
    let endpoint = make(move |_: Request| {
        let told = told.clone();
        async move {
            let flood = stream::repeat(Bytes::from_static(&[b'x'; 16 * 1024]));
            sse::event_stream_response(flood.map(move |bytes| {
                let _ = &told;
                bytes
            }))
        }
    });
    let limits = Limits { write_stall: SHORT, ..long() };
    let server = start(endpoint, limits, PATIENCE);
    let tcp = server.say(GET).await;
    server.drain.cancel();
    // Endless and unread: only the write stall can end it before the grace.
    let ended = timeout(SHORT * 20, server.ended).await.expect("must be cut").unwrap();
    assert_eq!(ended, parlor::server::accept::Drained::Clean);
    assert!(dropped.recv().await.is_none());
    drop(tcp);
}
