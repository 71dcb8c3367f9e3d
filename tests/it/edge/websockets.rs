//! WebSockets from the handshake to the Close, with tungstenite as the client and raw bytes.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use parlor::server::{
    accept::{Drained, Limits},
    socket::Unsent,
    websocket::{Config, same_origin, upgrade},
};
use poem::{Request, Response, endpoint::make};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use super::harness::{PATIENCE, Server, long, start, until, until_closed};

const SHORT: Duration = Duration::from_millis(200);
const HANDSHAKE: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, Upgrade\r\n\
     upgrade: websocket\r\nsec-websocket-version: 13\r\n\
     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn echo(config: Config) -> Server {
    echo_within(config, long())
}

fn echo_within(config: Config, limits: Limits) -> Server {
    let endpoint = make(move |request: Request| {
        let config = config.clone();
        async move {
            upgrade(
                &request,
                config,
                |origin| same_origin(&request, origin),
                |mut socket| async move {
                    while let Some(message) = socket.receive().await {
                        let Message::Text(text) = message else { continue };
                        let mut sent = socket.send(text).await;
                        if sent == Err(Unsent::TooLong) {
                            sent = socket.send("too long").await;
                        }
                        if sent.is_err() {
                            return;
                        }
                    }
                },
            )
            .map_err(poem::Error::from)
        }
    });
    start(endpoint, limits, PATIENCE)
}

async fn open(server: &Server) -> WebSocketStream<TcpStream> {
    let url = format!("ws://{}/", server.address);
    client_async(url, server.connect().await).await.expect("a handshake").0
}

async fn next(client: &mut WebSocketStream<TcpStream>) -> Message {
    let next = timeout(PATIENCE, client.next()).await.expect("an answer in time");
    next.expect("an answer before the end").expect("no error")
}

/// Reads up to the Close and returns its code, then checks that the connection ends in order.
async fn close_code(client: &mut WebSocketStream<TcpStream>) -> u16 {
    loop {
        if let Message::Close(frame) = next(client).await {
            let rest = timeout(PATIENCE, client.next()).await.expect("an end in time");
            assert!(matches!(rest, None | Some(Err(Error::ConnectionClosed))), "{rest:?}");
            return frame.expect("a code").code.into();
        }
    }
}

async fn refusal(request: &str) -> String {
    let server = echo(Config::default());
    until(&mut server.say(request).await, "\r\n\r\n").await
}

#[tokio::test]
async fn messages_come_back() {
    let server = echo(Config::default());
    let mut client = open(&server).await;
    for text in ["", "hello", "grüße", &"x".repeat(64 * 1024)] {
        client.send(Message::text(text)).await.unwrap();
        assert_eq!(next(&mut client).await, Message::text(text));
    }
    client.close(None).await.unwrap();
    assert!(matches!(next(&mut client).await, Message::Close(None)));
    assert_eq!(server.stop().await.0, Drained::Clean);
}

#[tokio::test]
async fn the_handshake_is_answered_as_the_standard_says() {
    let head = refusal(HANDSHAKE).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
}

#[tokio::test]
async fn a_frame_sent_along_with_the_handshake_is_not_lost() {
    let server = echo(Config::default());
    let mut tcp = server.connect().await;
    let mut bytes = HANDSHAKE.as_bytes().to_vec();
    bytes.extend_from_slice(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
    tcp.write_all(&bytes).await.unwrap();
    until(&mut tcp, "\u{2}hi").await;
}

#[tokio::test]
async fn bad_handshakes_are_refused() {
    assert!(refusal("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.starts_with("HTTP/1.1 426"));
    let version = refusal(&HANDSHAKE.replace("version: 13", "version: 8")).await;
    assert!(version.starts_with("HTTP/1.1 426"), "{version}");
    assert!(version.contains("sec-websocket-version: 13\r\n"), "{version}");
    let key = refusal(&HANDSHAKE.replace("dGhlIHN", "dGhlIH")).await;
    assert!(key.starts_with("HTTP/1.1 400"), "{key}");
}

#[tokio::test]
async fn only_the_same_origin_is_let_in() {
    let with = |origin| HANDSHAKE.replace("host: x", &format!("host: x\r\norigin: {origin}"));
    assert!(refusal(&with("https://x")).await.starts_with("HTTP/1.1 101"));
    for foreign in
        ["https://evil.example", "null", "x", "https://x:8", "https://x\r\norigin: https://y"]
    {
        let head = refusal(&with(foreign)).await;
        assert!(head.starts_with("HTTP/1.1 403"), "{foreign}: {head}");
    }
}

#[tokio::test]
async fn a_subprotocol_is_agreed_on() {
    let server = echo(Config { protocols: &["chat.v2", "chat.v1"], ..Config::default() });
    let mut request = format!("ws://{}/", server.address).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "chat.v1, other".parse().unwrap());
    let (_, response) = client_async(request, server.connect().await).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat.v1");
}

#[tokio::test]
async fn a_long_message_ends_in_1009() {
    for frames in [1, 2] {
        let server = echo(Config { max_message: 1000, ..Config::default() });
        let mut client = open(&server).await;
        if frames == 1 {
            // Far longer than all buffers, so that the Close must overtake it.
            let mut frame = vec![0x81, 0xff, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0];
            frame.resize(frame.len() + 0x20_0000, b'x');
            let _ = client.get_mut().write_all(&frame).await;
        } else {
            let half = [0x01, 0xfe, 0x02, 0x58, 0, 0, 0, 0];
            let more = [0x80, 0xfe, 0x02, 0x58, 0, 0, 0, 0];
            let bytes = [&half[..], &[b'x'; 600], &more, &[b'x'; 600]].concat();
            client.get_mut().write_all(&bytes).await.unwrap();
        }
        assert_eq!(close_code(&mut client).await, 1009);
    }
}

#[tokio::test]
async fn what_is_too_long_to_be_sent_is_told_and_the_socket_goes_on() {
    let server = echo(Config { max_unsent: 1000, ..Config::default() });
    let mut client = open(&server).await;
    client.send(Message::text("x".repeat(2_000))).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("too long"));
    client.send(Message::text("short")).await.unwrap();
    assert_eq!(next(&mut client).await, Message::text("short"));
}

#[tokio::test]
async fn bad_text_ends_in_1007_and_bad_frames_in_1002() {
    let bad: [(&[u8], u16); 4] = [
        (&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007),
        (&[0x81, 0x02, b'h', b'i'], 1002),
        (&[0x83, 0x80, 0, 0, 0, 0], 1002),
        (&[0xc1, 0x80, 0, 0, 0, 0], 1002),
    ];
    for (frame, code) in bad {
        let server = echo(Config::default());
        let mut client = open(&server).await;
        client.get_mut().write_all(frame).await.unwrap();
        assert_eq!(close_code(&mut client).await, code, "{frame:x?}");
        assert_eq!(server.stop().await.0, Drained::Clean);
    }
}

#[tokio::test]
async fn a_drain_closes_with_1012() {
    let server = echo(Config::default());
    let mut client = open(&server).await;
    client.send(Message::text("here")).await.unwrap();
    next(&mut client).await;
    server.drain.cancel();
    assert_eq!(close_code(&mut client).await, 1012);
    assert_eq!(server.stop().await.0, Drained::Clean);
}

#[tokio::test]
async fn a_drain_does_not_wait_for_a_client_that_ignores_it() {
    let server = echo(Config { close_wait: SHORT, ..Config::default() });
    let mut tcp = server.say(HANDSHAKE).await;
    until(&mut tcp, "\r\n\r\n").await;
    let (ended, took) = server.stop().await;
    assert_eq!(ended, Drained::Clean);
    assert!(took < PATIENCE / 4, "{took:?}");
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_and_a_dead_one_is_closed() {
    let config = Config { ping_every: SHORT, close_wait: SHORT, ..Config::default() };
    let idle = Limits { idle: SHORT, header: SHORT, ..long() };
    let server = echo_within(config, idle);
    let mut alive = open(&server).await;
    let mut dead = server.say(HANDSHAKE).await;
    let mut pings = 0;
    let dead = tokio::spawn(async move { until_closed(&mut dead).await });
    while pings < 5 {
        // Reading answers pings.
        pings += u32::from(matches!(next(&mut alive).await, Message::Ping(_)));
    }
    let (said, took) = timeout(PATIENCE, dead).await.expect("the dead must be closed").unwrap();
    assert!(said.contains("nothing was heard from you"), "{said:?}");
    assert!(took >= SHORT * 2, "{took:?}");
    alive.send(Message::text("still here")).await.unwrap();
    while next(&mut alive).await != Message::text("still here") {}
}

#[tokio::test]
async fn other_endpoints_answer_upgrades_as_plain_requests() {
    let server = start(make(|_: Request| async { Response::from("plain") }), long(), PATIENCE);
    until(&mut server.say(HANDSHAKE).await, "plain").await;
}
