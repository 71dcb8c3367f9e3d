//! Slow, silent and greedy clients meet a limit each, and harm nobody else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parlor::server::{
    accept::Limits,
    body::{BodyError, limit_body, read_limited},
};
use poem::{EndpointExt, Request, endpoint::make};
use tokio::{
    io::AsyncWriteExt,
    sync::Semaphore,
    task::JoinSet,
    time::{interval, timeout},
};

use super::harness::{PATIENCE, long, start, until, until_closed};
use crate::harness::http::client;
use crate::harness::wait::eventually;

const SHORT: Duration = Duration::from_millis(200);
const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

fn hello() -> impl poem::Endpoint {
    make(|_: Request| async { "hello" })
}

fn near(took: Duration) {
    assert!(took >= SHORT - Duration::from_millis(20), "closed too early: {took:?}");
    assert!(took < SHORT * 10, "closed too late: {took:?}");
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let server = start(hello(), Limits { first_byte: SHORT, ..long() }, PATIENCE);
    let (said, took) = until_closed(&mut server.connect().await).await;
    assert_eq!(said, "");
    near(took);
}

#[tokio::test]
async fn half_a_head_is_closed() {
    let server = start(hello(), Limits { header: SHORT, ..long() }, PATIENCE);
    let mut tcp = server.say("GET / HTTP/1.1\r\nhos").await;
    near(until_closed(&mut tcp).await.1);
}

#[tokio::test]
async fn half_a_second_head_is_closed_too() {
    let server = start(hello(), Limits { header: SHORT, ..long() }, PATIENCE);
    let mut tcp = server.say(GET).await;
    until(&mut tcp, "hello").await;
    tcp.write_all(b"GET / HTTP/1.1\r\nhos").await.unwrap();
    near(until_closed(&mut tcp).await.1);
}

#[tokio::test]
async fn a_first_byte_of_either_protocol_does_not_escape_the_clock() {
    let server = start(hello(), Limits { first_byte: SHORT, ..long() }, PATIENCE);
    near(until_closed(&mut server.say("P").await).await.1);
    let server = start(hello(), Limits { header: SHORT, ..long() }, PATIENCE);
    near(until_closed(&mut server.say("PRI * HT").await).await.1);
}

#[tokio::test]
async fn a_dripped_head_is_closed() {
    let server = start(hello(), Limits { header: SHORT, ..long() }, PATIENCE);
    let (mut reading, mut writing) = server.say("GET / HTTP/1.1\r\n").await.into_split();
    let drip = tokio::spawn(async move {
        let mut tick = interval(SHORT / 10);
        while writing.write_all(b"a: b\r\n").await.is_ok() {
            tick.tick().await;
        }
    });
    let mut rest = Vec::new();
    let end = tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut rest);
    let _ = timeout(PATIENCE, end).await.expect("must be closed in time");
    timeout(PATIENCE, drip).await.expect("must be closed for writing").unwrap();
}

#[tokio::test]
async fn an_idle_connection_is_kept_for_its_own_time() {
    let limits = Limits { header: SHORT / 4, idle: SHORT, ..long() };
    let server = start(hello(), limits, PATIENCE);
    let mut tcp = server.say(GET).await;
    until(&mut tcp, "hello").await;
    near(until_closed(&mut tcp).await.1);
}

#[tokio::test]
async fn a_long_answer_is_not_idleness() {
    let slow = make(|_: Request| async {
        let _ = timeout(SHORT * 3, std::future::pending::<()>()).await;
        "hello"
    });
    let server = start(slow, Limits { header: SHORT, idle: SHORT, ..long() }, PATIENCE);
    until(&mut server.say(GET).await, "hello").await;
}

#[tokio::test]
async fn a_long_head_is_refused() {
    let server = start(hello(), long(), PATIENCE);
    let long_head = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "x".repeat(20_000));
    let (said, _) = until_closed(&mut server.say(&long_head).await).await;
    assert!(said.starts_with("HTTP/1.1 431"), "{said}");
}

#[tokio::test]
async fn a_slow_body_is_refused() {
    let reading = make(|mut request: Request| async move {
        let read = read_limited(request.take_body(), 100, SHORT).await;
        read.map(|_| "read").map_err(poem::Error::from)
    });
    let server = start(reading, long(), PATIENCE);
    let mut tcp = server.say("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc").await;
    let (said, took) = until_closed(&mut tcp).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    near(took);
}

#[tokio::test]
async fn an_endless_body_without_a_length_is_refused() {
    let echo = make(|mut request: Request| async move {
        request.take_body().into_string().await.map_err(poem::Error::from)
    });
    let echo = echo.with(limit_body(1000, PATIENCE)).catch_error(|error: BodyError| async move {
        assert_eq!(error, BodyError::TooLarge);
        poem::Response::builder().status(poem::http::StatusCode::PAYLOAD_TOO_LARGE).body("long")
    });
    let server = start(echo, long(), PATIENCE);
    let client = client().build().unwrap();
    let short = client.post(server.url("/")).body("short").send().await.unwrap();
    assert_eq!(short.text().await.unwrap(), "short");

    let head = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    let (mut reading, mut writing) = server.say(head).await.into_split();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    let sent = tokio::spawn(async move {
        let mut sent = 0;
        while writing.write_all(chunk.as_bytes()).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    let mut said = Vec::new();
    let end = tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut said);
    let _ = timeout(PATIENCE, end).await.expect("must be closed in time");
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 413") && said.ends_with("long"), "{said}");
    timeout(PATIENCE, sent).await.expect("the sender must be cut off").unwrap();
}

#[tokio::test]
async fn beyond_the_cap_connections_wait_for_a_place() {
    let server = start(hello(), Limits { max_connections: 2, ..long() }, PATIENCE);
    let mut first = server.say(GET).await;
    let mut second = server.say(GET).await;
    until(&mut first, "hello").await;
    until(&mut second, "hello").await;
    let mut third = server.say(GET).await;
    let mut none = [0; 1];
    let waits = timeout(SHORT, tokio::io::AsyncReadExt::read(&mut third, &mut none)).await;
    assert!(waits.is_err(), "the third connection must wait");
    drop(first);
    until(&mut third, "hello").await;
}

#[tokio::test]
async fn http2_is_served_on_the_same_port() {
    let echo = make(|request: Request| async move { format!("{:?}", request.version()) });
    let server = start(Arc::new(echo), long(), PATIENCE);
    let client = client().http2_prior_knowledge().build().unwrap();
    let answer = client.get(server.url("/")).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "HTTP/2.0");
    let mut tcp = server.say(GET).await;
    until(&mut tcp, "HTTP/1.1").await;
}

#[tokio::test]
async fn an_http2_connection_has_so_many_streams_at_a_time() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let gate = Arc::new(Semaphore::new(1));
    let (counted, highest, gated) = (now.clone(), most.clone(), gate.clone());
    let endpoint = make(move |_: Request| {
        let (now, most, gate) = (counted.clone(), highest.clone(), gated.clone());
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            gate.acquire().await.expect("open").forget();
            now.fetch_sub(1, Ordering::Relaxed);
            "done"
        }
    });
    let server = start(endpoint, Limits { max_streams: 4, ..long() }, PATIENCE);
    let client = client().http2_prior_knowledge().build().unwrap();
    // From here on there is one connection.
    client.get(server.url("/")).send().await.expect("an answer");
    let mut asked: JoinSet<_> = (0..12).map(|_| client.get(server.url("/")).send()).collect();
    eventually("as many as there may be", || async {
        (now.load(Ordering::Relaxed) >= 4).then_some(())
    })
    .await;
    gate.add_permits(12);
    while let Some(answer) = asked.join_next().await {
        assert_eq!(answer.unwrap().expect("an answer").status(), 200);
    }
    assert_eq!(most.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed() {
    let server = start(hello(), Limits { idle: SHORT, header: SHORT, ..long() }, PATIENCE);
    // The preface and empty SETTINGS, and never a request.
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";
    near(until_closed(&mut server.say(preface).await).await.1);
}

#[tokio::test]
async fn a_panic_is_answered_and_ends_nothing_else() {
    let fragile = make(|request: Request| async move {
        assert!(request.uri().path() != "/panic", "as asked");
        "hello"
    });
    let server = start(fragile, long(), PATIENCE);
    let mut tcp = server.say("GET /panic HTTP/1.1\r\nhost: x\r\n\r\n").await;
    until(&mut tcp, "HTTP/1.1 500").await;
    tcp.write_all(GET.as_bytes()).await.unwrap();
    until(&mut tcp, "hello").await;
}

#[tokio::test]
async fn a_request_of_http_1_1_names_one_host() {
    let server = start(hello(), long(), PATIENCE);
    for heads in ["", "host: x\r\nhost: x\r\n", "host: x\r\nHost: y\r\n"] {
        let mut tcp = server.say(&format!("GET / HTTP/1.1\r\n{heads}\r\n")).await;
        let (said, _) = until_closed(&mut tcp).await;
        assert!(said.starts_with("HTTP/1.1 400") && said.contains("Host"), "{heads:?}: {said}");
    }
    let mut tcp = server.say("GET / HTTP/1.0\r\n\r\n").await;
    until(&mut tcp, "hello").await;
}
