//! Four hundred HTTP/2 connections with as many requests on each as it takes, which heed no refusal.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::TcpSocket,
    task::spawn_local,
    time::{sleep, timeout},
};

use crate::{
    conversations::{self, MESSAGES, body},
    server::Setting,
};

use super::{
    Options,
    attacker::{Attacker, Tally, address},
    print, print_memory,
    stage::Stage,
};

/// Requests that a connection wants to have under way.
const REQUESTS: usize = 128;
/// Conversations that the requests go to.
const CONVERSATIONS: usize = 1_024;

pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let stage = Stage::start(setting, &[]).await?;
    let connections = 400 / options.smaller;
    let (to, credential) = (stage.server.address, stage.server.credential());
    let made = conversations::start_as(to, &credential, CONVERSATIONS / options.smaller).await?;
    let ids: Arc<Vec<_>> = Arc::new(made.into_iter().map(|one| one.id).collect());
    let (key, nice) = (stage.server.key.clone(), options.nice);
    let noticed = stage
        .rounds(options, 0, || {
            let (ids, key) = (ids.clone(), key.clone());
            Attacker::launch(nice, move |tally| async move {
                for number in 0..connections {
                    let (ids, key, tally) = (ids.clone(), key.clone(), tally.clone());
                    spawn_local(async move {
                        loop {
                            let _ = flood(number, to, &key, &ids, &tally).await;
                            tally.broken.fetch_add(1, Relaxed);
                            sleep(Duration::from_millis(100)).await;
                        }
                    });
                }
                std::future::pending().await
            })
        })
        .await?;
    print(&format!("{connections} HTTP/2 connections x {REQUESTS} requests"), &noticed);
    print_memory(&stage);
    Ok(())
}

/// Floods one connection until it breaks.
async fn flood(
    number: usize,
    to: SocketAddr,
    key: &str,
    ids: &Arc<Vec<String>>,
    tally: &Arc<Tally>,
) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((address(number, 200), 0)))?;
    let tcp = socket.connect(to).await?;
    let (client, connection) = h2::client::handshake(tcp).await.map_err(io::Error::other)?;
    let mut requests = tokio::task::JoinSet::new();
    for index in 0..REQUESTS {
        let (client, tally) = (client.clone(), tally.clone());
        let id = ids[(number * REQUESTS + index) % ids.len()].clone();
        let key = key.to_owned();
        requests.spawn_local(async move {
            loop {
                let status = ask(client.clone(), to, &key, &id).await;
                match status {
                    Ok(status) => tally.note(status),
                    Err(error) if error.is_reset() => tally.note(503),
                    Err(_) => return,
                }
            }
        });
    }
    connection.await.map_err(io::Error::other)
}

async fn ask(
    client: h2::client::SendRequest<Bytes>,
    to: SocketAddr,
    key: &str,
    id: &str,
) -> Result<u16, h2::Error> {
    let mut client = client.ready().await?;
    let request = http::Request::post(format!("http://{to}{MESSAGES}"))
        .header("x-aerochat-api-key", key)
        .header("content-type", "application/json")
        .body(())
        .expect("a request");
    let (answer, mut sending) = client.send_request(request, false)?;
    sending.send_data(body(Some(id)).into(), true)?;
    let answer = timeout(Duration::from_secs(60), answer).await;
    let answer = answer.map_err(|_| h2::Error::from(h2::Reason::CANCEL))??;
    let status = answer.status().as_u16();
    let mut rest = answer.into_body();
    while let Some(piece) = rest.data().await {
        rest.flow_control().release_capacity(piece?.len())?;
    }
    Ok(status)
}
