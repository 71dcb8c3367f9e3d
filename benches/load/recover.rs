//! Restart after kill -9 under load: the time until the server can serve again, and what it kept.
//!
//! The limit beside it is the store alone: the same data directory opened by fjall, left by a kill
//! of the same kind. Whatever a client was told is stored must be there afterwards.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio::time;

use crate::{
    bulk,
    client::{Connection, request},
    conversations::{self, Crowd, Witness},
    drive::{MOST, refused},
    figures::{Table, goal, median, whole},
    server::{Server, Setting, size_of},
};

/// How much to store and how often to crash.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Events to fill the data directory with.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) events: u64,
    /// Fill it by posting to the server, not through the engine.
    #[arg(long)]
    pub(crate) front_door: bool,
    /// Clients that post, before and during the crash.
    #[arg(long, default_value_t = 256)]
    pub(crate) clients: usize,
    /// Crashes of each kind.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Seconds of load before each crash.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// The filling ends after this many seconds in any case.
    #[arg(long, default_value_t = 1_800)]
    pub(crate) most: u64,
}

/// Measures, prints the table and the goals.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let home = setting.fresh()?;
    let data = home.path().join("data");
    let mut server = Server::start(setting, &data)?;
    let fresh = server.ready_after;
    let began = Instant::now();
    let mut events = if options.front_door {
        post(&server, options).await?
    } else {
        conversations::fill_one(&server, 20).await?;
        server.stop();
        let events = bulk::fill(&data, options.events, Duration::from_secs(options.most)).await?;
        server = Server::start(setting, &data)?;
        events
    };
    let took = began.elapsed().as_secs_f64();
    println!("{} events filled in {took:.0} s", whole(events as f64));
    if events < options.events {
        println!("that is fewer than the {} asked for", whole(options.events as f64));
    }

    let (mut ours, mut limit, mut lost, mut checked) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..options.rounds {
        let (witnesses, posts) = crash(server, options).await?;
        events += posts * 2;
        server = Server::start(setting, &data)?;
        ours.push(server.ready_after.as_secs_f64());
        checked += witnesses.len();
        lost += missing(&server, &witnesses).await?;

        let (witnesses, posts) = crash(server, options).await?;
        events += posts * 2;
        if let Some(store) = store_in(&data)? {
            let began = Instant::now();
            let database = fjall::Database::builder(store).open().map_err(io::Error::other)?;
            limit.push(began.elapsed().as_secs_f64());
            drop(database);
        } else {
            println!("no fjall store found in the data directory: no limit to compare with");
        }
        server = Server::start(setting, &data)?;
        checked += witnesses.len();
        lost += missing(&server, &witnesses).await?;
    }
    server.stop();

    let mut table = Table::new(["start", "median s", "longest s"]);
    for (name, times) in [("parlor, after kill -9 under load", &ours), ("fjall alone", &limit)] {
        if times.is_empty() {
            continue;
        }
        let longest = times.iter().copied().fold(0.0, f64::max);
        table.row(vec![name.into(), seconds(median(times.clone())), seconds(longest)]);
    }
    table.row(vec!["parlor, empty directory".into(), seconds(fresh.as_secs_f64())]);
    table.print();
    let mib = size_of(&data)? as f64 / f64::from(1 << 20);
    println!("{} events in {} MiB", whole(events as f64), whole(mib));
    let longest = ours.iter().copied().fold(0.0, f64::max);
    let goals = format!("ready within 3 s with {} events", whole(events as f64));
    goal(&goals, &format!("{} s", seconds(longest)), longest <= 3.0);
    let figure = format!("{lost} missing in {checked} conversations");
    goal("every answered post is there after the crash", &figure, lost == 0);
    Ok(())
}

/// Fills the data directory through the front door; how many events that made, two a post.
async fn post(server: &Server, options: &Options) -> io::Result<u64> {
    let until = Instant::now() + Duration::from_secs(options.most);
    let crowd = Crowd::start(server, options.clients, options.events / 2, until);
    let mut said = Instant::now();
    while !crowd.has_ended() {
        time::sleep(Duration::from_millis(50)).await;
        if said.elapsed() > Duration::from_secs(20) {
            println!("… {} events", whole(crowd.posted() as f64 * 2.0));
            said = Instant::now();
        }
    }
    let posts = crowd.posted();
    crowd.finish().await;
    Ok(posts * 2)
}

/// Kills the server while all clients post; what each was told last, and the posts answered.
async fn crash(server: Server, options: &Options) -> io::Result<(Vec<Witness>, u64)> {
    let until = Instant::now() + Duration::from_secs(60);
    let crowd = Crowd::start(&server, options.clients, MOST, until);
    time::sleep(Duration::from_secs_f64(options.seconds)).await;
    server.kill();
    let wait = async {
        while !crowd.has_ended() {
            time::sleep(Duration::from_millis(10)).await;
        }
    };
    time::timeout(Duration::from_secs(70), wait).await?;
    let posts = crowd.posted();
    Ok((crowd.finish().await, posts))
}

/// How many messages that clients were told of are not there.
async fn missing(server: &Server, witnesses: &[Witness]) -> io::Result<u64> {
    let mut connection = Connection::open(server.address).await?;
    let mut missing = 0;
    for witness in witnesses {
        let path = format!("/bot/v1/conversations/{}/messages?page=1&limit=50", witness.id);
        let bytes = request("GET", &path, &server.credential(), "");
        let (status, body) = connection.call(&bytes).await?;
        let stored = match status {
            200 => {
                let answer: serde_json::Value = serde_json::from_slice(body)?;
                answer["messages"].as_array().map_or(0, Vec::len) as u64
            }
            404 => 0,
            _ => return Err(refused(status, body)),
        };
        missing += (witness.posts * 2).saturating_sub(stored);
    }
    Ok(missing)
}

fn seconds(value: f64) -> String {
    format!("{value:.3}")
}

/// The directory under `data` that fjall keeps its keyspaces in.
fn store_in(data: &Path) -> io::Result<Option<PathBuf>> {
    if data.join("keyspaces").is_dir() {
        return Ok(Some(data.to_owned()));
    }
    for entry in std::fs::read_dir(data)? {
        let path = entry?.path();
        if path.join("keyspaces").is_dir() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
