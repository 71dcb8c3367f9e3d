//! Attacks by mere number, over HTTP/1.1: clients, readers, idle connections, senders.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{task::spawn_local, time::sleep};

use crate::{
    client::{Connection, request},
    conversations,
    drive::{Plan, drive},
    figures::{goal, median, millis, whole},
    server::{Setting, raise_open_files},
};

use super::{
    Options,
    attacker::{Attacker, Tally, address},
    print, print_memory,
    stage::Stage,
};

/// Connections from one address; of all it may have a quarter.
const EACH: usize = 2_500;
/// Readers from one address.
const READERS_EACH: usize = 900;
/// What a client that cannot connect waits.
const PAUSE: Duration = Duration::from_millis(100);

/// An account at two thousand clients that heed no `Retry-After`.
pub(crate) async fn crowd(setting: &Setting, options: &Options) -> io::Result<()> {
    let stage = Stage::start(setting, &[]).await?;
    let clients = 2_000 / options.smaller;
    let (to, credential) = (stage.server.address, stage.server.credential());
    let posts = Arc::new(conversations::start_many(to, &credential, clients).await?);
    let nice = options.nice;
    let noticed = stage
        .rounds(options, 0, || {
            let posts = posts.clone();
            Attacker::launch(nice, move |tally| back_to_back(to, posts, tally))
        })
        .await?;
    print(&format!("{clients} clients of one account"), &noticed);
    print_memory(&stage);
    Ok(())
}

/// Twice as many clients as there are places for requests, of four accounts.
pub(crate) async fn overload(setting: &Setting, options: &Options) -> io::Result<()> {
    let stage = Stage::start(setting, &[]).await?;
    let to = stage.server.address;
    let clients = 8_192 / options.smaller;
    let mut posts = Vec::new();
    for number in 0..4 {
        let account = stage.account(setting, &format!("Crowd {number}"))?;
        let made = conversations::start_many(to, &account.credential(), clients / 4).await?;
        posts.push(made);
    }
    // Clients of all accounts next to each other, so that each has its connections from all addresses.
    let posts: Vec<_> = (0..clients).map(|number| posts[number % 4][number / 4].clone()).collect();
    let usual: Vec<_> = posts.iter().take(256).cloned().collect();
    let posts = Arc::new(posts);
    let (mut ratios, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        let plan = Plan { seconds: options.seconds, rate: None };
        let capacity = drive(&stage.server, &usual, plan).await?.rate();
        let own = posts.clone();
        let attacker = Attacker::launch(0, move |tally| back_to_back(to, own, tally))?;
        sleep(Duration::from_secs(options.settle)).await;
        let before = attacker.tally.counts();
        stage.watch(sleep(Duration::from_secs_f64(options.seconds))).await;
        let after = attacker.tally.counts();
        drop(attacker);
        ratios.push((after[0] - before[0]) as f64 / options.seconds / capacity);
        refused.push((after[1] - before[1]) as f64 / options.seconds);
        sleep(Duration::from_secs(2)).await;
    }
    let (ratio, refused) = (median(ratios), median(refused));
    println!("{clients} clients; refused a second: {}", whole(refused));
    goal("goodput at least 90 % of capacity", &millis(ratio), ratio >= 0.9);
    print_memory(&stage);
    Ok(())
}

/// Eight thousand readers of one conversation, into which somebody writes all the time.
pub(crate) async fn readers(setting: &Setting, options: &Options) -> io::Result<()> {
    let stage = Stage::start(setting, &[]).await?;
    let readers = 8_000 / options.smaller;
    let (to, credential) = (stage.server.address, stage.server.credential());
    let one = conversations::start_as(to, &credential, 1).await?.remove(0);
    let headers = format!("{credential}accept: text/event-stream\r\n");
    let path = format!("/live/v1/conversations/{}/stream", one.id);
    let stream: Arc<[u8]> = request("GET", &path, &headers, "").into();
    let nice = options.nice;
    let noticed = stage
        .rounds(options, readers, || {
            let (stream, posts) = (stream.clone(), Arc::new(vec![one.post.clone()]));
            Attacker::launch(nice, move |tally| async move {
                for number in 0..readers {
                    let (stream, tally) = (stream.clone(), tally.clone());
                    spawn_local(async move {
                        let from = address(number, READERS_EACH);
                        let _ = read(from, to, &stream, &tally).await;
                    });
                    if number % 100 == 99 {
                        sleep(Duration::from_millis(20)).await;
                    }
                }
                back_to_back(to, posts, tally).await;
            })
        })
        .await?;
    print(&format!("{readers} readers of one conversation"), &noticed);
    print_memory(&stage);
    Ok(())
}

/// Twenty thousand connections of one address that say nothing.
pub(crate) async fn idle(setting: &Setting, options: &Options) -> io::Result<()> {
    let stage = Stage::start(setting, &[]).await?;
    let files = usize::try_from(raise_open_files()).unwrap_or(usize::MAX);
    let wanted = 20_200 / options.smaller;
    let connections = wanted.min(files.saturating_sub(200));
    if connections < wanted {
        println!("{connections} of {wanted}: this process may open {files} files");
    }
    let (to, nice) = (stage.server.address, options.nice);
    let noticed = stage
        .rounds(options, 0, || {
            Attacker::launch(nice, move |tally| async move {
                let mut open = Vec::new();
                loop {
                    open.retain(|connection: &Connection| !connection.has_ended());
                    while open.len() < connections {
                        match Connection::open_from(address(0, EACH), to).await {
                            Ok(connection) => open.push(connection),
                            Err(_) => break,
                        }
                        tally.note(200);
                    }
                    sleep(PAUSE).await;
                }
            })
        })
        .await?;
    print(&format!("{connections} idle connections of one address"), &noticed);
    Ok(())
}

/// Two senders to one conversation, beside one.
pub(crate) async fn senders(setting: &Setting, options: &Options) -> io::Result<()> {
    let stage = Stage::start(setting, &[]).await?;
    let (to, credential) = (stage.server.address, stage.server.credential());
    let post = conversations::start_as(to, &credential, 1).await?.remove(0).post;
    let (one, two) = (vec![post.clone()], vec![post.clone(), post]);
    let mut ratios = Vec::new();
    for _ in 0..options.rounds {
        let plan = Plan { seconds: options.seconds, rate: None };
        let alone = drive(&stage.server, &one, plan).await?.rate();
        let both = drive(&stage.server, &two, plan).await?.rate();
        println!("one sender {} /s, two {} /s", whole(alone), whole(both));
        ratios.push(both / alone);
    }
    let ratio = median(ratios);
    goal("two senders get at least half of what one gets", &millis(ratio), ratio >= 0.5);
    Ok(())
}

/// A client for each request, which sends it over and over whatever is answered.
async fn back_to_back(to: SocketAddr, posts: Arc<Vec<Arc<[u8]>>>, tally: Arc<Tally>) {
    for (number, post) in posts.iter().enumerate() {
        let (post, tally) = (post.clone(), tally.clone());
        spawn_local(async move {
            loop {
                let from = address(number, EACH);
                if send(from, to, &post, &tally).await.is_err() {
                    tally.broken.fetch_add(1, Relaxed);
                    sleep(PAUSE).await;
                }
            }
        });
    }
    std::future::pending().await
}

async fn send(
    from: std::net::Ipv4Addr,
    to: SocketAddr,
    post: &[u8],
    tally: &Tally,
) -> io::Result<()> {
    let mut connection = Connection::open_from(from, to).await?;
    loop {
        tally.note(connection.call(post).await?.0);
    }
}

async fn read(
    from: std::net::Ipv4Addr,
    to: SocketAddr,
    stream: &[u8],
    tally: &Tally,
) -> io::Result<()> {
    let mut connection = Connection::open_from(from, to).await?;
    let head = connection.start(stream).await?;
    if head.status != 200 {
        tally.note(head.status);
        return std::future::pending().await;
    }
    tally.standing.fetch_add(1, Relaxed);
    while connection.event().await?.is_some() {}
    Ok(())
}
