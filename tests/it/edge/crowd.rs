//! One address opens all the connections that it can: others are served, and storage has its
//! descriptors.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::harness::{PATIENCE, long, start, until, until_closed};
use crate::harness::Server;
use crate::harness::server::{BINARY, Home};
use crate::harness::wait::within;

const GET: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

async fn from(local: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(format!("{local}:0").parse().expect("an address")).expect("bound");
    within("a connection", socket.connect(to)).await.expect("the server must accept")
}

/// Whether a connection is served; else it was closed.
async fn is_served(tcp: &mut TcpStream) -> bool {
    let mut first = [0; 12];
    let asked = tcp.write_all(GET.as_bytes()).await;
    let answered = within("an answer or the end", tcp.read_exact(&mut first)).await;
    asked.is_ok() && answered.is_ok()
}

#[tokio::test]
async fn an_address_that_has_its_share_is_closed_and_another_is_served() {
    let limits = parlor::server::accept::Limits {
        max_connections: 10,
        max_connections_per_address: 2,
        ..long()
    };
    let endpoint = poem::endpoint::make(|_: poem::Request| async { "hello" });
    let server = start(endpoint, limits, PATIENCE);
    let (mut first, mut second) = (server.say(GET).await, server.say(GET).await);
    until(&mut first, "hello").await;
    until(&mut second, "hello").await;
    let (said, _) = until_closed(&mut server.connect().await).await;
    assert_eq!(said, "");
    let mut other = from("127.0.0.2", server.address).await;
    assert!(is_served(&mut other).await);
    drop(first);
    // The server sees the end of the first when it reads it.
    within("a place", async {
        loop {
            if is_served(&mut server.connect().await).await {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn idle_connections_of_one_address_take_neither_all_places_nor_storages_descriptors() {
    let home = tempfile::tempdir().expect("a directory");
    let (script, data) = (home.path().join("parlor"), home.path().join("data"));
    let lines = format!("#!/bin/sh\nulimit -n 600\nexec '{BINARY}' \"$@\"\n");
    std::fs::write(&script, lines).expect("written");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("set");
    let arguments = ["--data-dir", data.to_str().expect("UTF-8")].map(str::to_owned).into();
    let script = script.to_str().expect("UTF-8").to_owned();
    let server = Server::launch_of(&script, Home::Directory(data.clone()), arguments).await;
    server.says(&["max_connections is lowered", "ulimit -n"]).await;
    let address: SocketAddr = server.address().parse().expect("an address");
    let mut crowd = Vec::new();
    let mut served = 0;
    for _ in 0..700 {
        let mut tcp = from("127.0.0.3", address).await;
        served += usize::from(is_served(&mut tcp).await);
        crowd.push(tcp);
    }
    // 600 descriptors less 512 are 88, of which calls of bots have 22; and of what is left a quarter.
    assert_eq!(served, 16);
    let client = server.client();
    for _ in 0..20 {
        let sent = client.say(None, "what are your opening hours?").await;
        assert_eq!(sent["intent"], "business_hours", "{sent}");
    }
}
