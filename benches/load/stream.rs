//! Many answers streamed at once, each chunk against its own stream's schedule.
//!
//! A stream's first chunk sets its schedule: the i-th is due i paces later. Beside it stands the
//! delay against a schedule that begins with the question, as a first chunk that comes late would
//! excuse all others. Chunks that the server joins for a slow reader count as the pieces they hold,
//! all as late as the last. Every text is compared with what was deployed, and a sample with what
//! the server stored.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time};

use crate::{
    baseline::syncs,
    client::{Connection, request, text_in},
    conversations::MESSAGES,
    figures::{Latency, Table, fine, goal, median, millis, whole},
    readers::{Round, Script, Tally, follow},
    server::{Process, Server, Setting, own_cpu},
    story::Story,
};

/// How many streams, how fast, how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Numbers of streams to try.
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000,5000")]
    pub(crate) streams: Vec<usize>,
    /// Chunks a second of each stream.
    #[arg(long, default_value_t = 50)]
    pub(crate) rate: usize,
    /// Seconds each answer takes.
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: usize,
    /// Rounds; each measures both sides once, in turns.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
}

/// The starts spread over this long, so that the streams' phases do.
const RAMP: Duration = Duration::from_millis(1_500);

/// Measures, prints the tables and the goals.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let home = setting.fresh()?;
    let data = home.path().join("data");
    let pace = Duration::from_millis(1_000 / options.rate.max(1) as u64);
    let story = Story::new(options.rate * options.seconds);
    // The first start makes the demo account that the bot is then given to.
    Server::start(setting, &data)?.stop();
    Server::deploy(setting, &data, &bot(&story.text, pace))?;
    let server = Server::start_with(setting, &data, &["--pace", "1000"])?;
    let empty = Process::empty()?;

    let ours = Side::new(&server, ask(&server, "tell me a story"), {
        let script = probe(&server, &ask(&server, "tell me a story"), pace).await?;
        if script.text != story.text {
            return Err(io::Error::other("the bot did not answer with the story deployed"));
        }
        script
    });
    let pieces = ours.script.ends.len();
    let words = (options.rate * options.seconds).div_ceil(pieces.max(1));
    println!("a story of {pieces} chunks of {words} word(s), {} bytes each", ours.script.event);
    let path = bare_path(pieces, pace, words, ours.script.event);
    let bare = request("POST", &path, "", "{}");
    let script = probe(&empty, &bare, pace).await?;
    let limit = Side::new(&empty, bare, script);

    first_chunk(&home, [&server, &empty], ask(&server, "say hello"), pace).await?;
    for &streams in &options.streams {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            a.push(ours.round(streams).await?);
            b.push(limit.round(streams).await?);
        }
        let mut stored = 0;
        for round in &a {
            stored += compare_stored(&server, &round.sample, &ours.script.text).await?;
        }
        print(streams, &a, &b, stored);
    }
    Ok(())
}

/// One server, what it is asked, and what it should answer.
struct Side<'a> {
    server: &'a Process,
    request: Arc<[u8]>,
    script: Arc<Script>,
}

impl<'a> Side<'a> {
    fn new(server: &'a Process, request: Vec<u8>, script: Script) -> Self {
        Self { server, request: request.into(), script: Arc::new(script) }
    }

    /// Runs this many streams at once; those that take over twice their time are given up.
    async fn round(&self, streams: usize) -> io::Result<Round> {
        let mut connections = Vec::with_capacity(streams);
        for _ in 0..streams {
            connections.push(Connection::open(self.server.address).await?);
        }
        let tally = Arc::new(Tally::new());
        let (cpu, own) = (self.server.cpu(), own_cpu());
        let began = Instant::now();
        let mut readers = JoinSet::new();
        for (index, connection) in connections.into_iter().enumerate() {
            let start = began + RAMP * index as u32 / streams as u32;
            let (request, script) = (self.request.clone(), self.script.clone());
            let sampled = index % 50 == 0;
            readers.spawn(follow(connection, request, script, start, tally.clone(), sampled));
        }
        let limit = RAMP + self.script.pace * self.script.ends.len() as u32 * 2;
        let all = async { while readers.join_next().await.is_some() {} };
        // What has not come by then shows as chunks that were not delivered.
        let _ = time::timeout(limit + Duration::from_secs(10), all).await;
        let wall = began.elapsed();
        let cpu = (self.server.cpu() - cpu, own_cpu() - own);
        Ok(Round::new(&tally, streams * self.script.ends.len(), wall, cpu))
    }
}

/// Asks the idle server again and again for a short answer: the time to its first chunk.
async fn first_chunk(
    home: &tempfile::TempDir,
    [server, empty]: [&Process; 2],
    hello: Vec<u8>,
    pace: Duration,
) -> io::Result<()> {
    let bare = request("POST", &bare_path(3, pace, 1, 60), "", "{}");
    let (ours, limit) = (Latency::new(), Latency::new());
    let mut disk = Vec::new();
    for _ in 0..5 {
        for (process, bytes, latency) in [(server, &hello, &ours), (empty, &bare, &limit)] {
            for _ in 0..10 {
                let mut connection = Connection::open(process.address).await?;
                let asked = Instant::now();
                connection.start(bytes).await?;
                while let Some(event) = connection.event().await? {
                    if event.kind == b"chunk" {
                        latency.record(asked.elapsed());
                        break;
                    }
                }
                while connection.event().await?.is_some() {}
            }
        }
        disk.push(syncs(home.path(), 0.2)?.at(0.5));
    }
    let sync = median(disk);
    let mut table = Table::new(["first chunk, nothing else running", "p50 ms", "p99 ms"]);
    for (name, latency) in [("parlor", &ours), ("poem, empty", &limit)] {
        table.row(vec![name.into(), millis(latency.at(0.5)), millis(latency.at(0.99))]);
    }
    table.print();
    println!("append 4 KiB + fdatasync: p50 {} ms", millis(sync));
    let most = 2.0 * sync + 1.0;
    let figure = format!("{} ms of {} ms", millis(ours.at(0.5)), millis(most));
    goal("first chunk of an idle server within 2 syncs + 1 ms", &figure, ours.at(0.5) <= most);
    Ok(())
}

fn print(streams: usize, ours: &[Round], limit: &[Round], stored: usize) {
    let of = |side: &[Round], figure: fn(&Round) -> f64| median(side.iter().map(figure).collect());
    let mut table = Table::new([
        "streams",
        "chunks/s",
        "late p50 ms",
        "p99 ms",
        "max ms",
        "first p50 ms",
        "p99 ms",
        "asked p50 ms",
        "p99 ms",
        "delivered",
        "server CPU s/1k",
        "client CPU s/1k",
        "broken",
    ]);
    for (name, side) in [("parlor", ours), ("poem, same bytes", limit)] {
        table.row(vec![
            format!("{name}, {streams}"),
            whole(of(side, |r| r.delivered as f64 / r.wall.as_secs_f64())),
            millis(of(side, |r| r.late.at(0.5))),
            millis(of(side, |r| r.late.at(0.99))),
            millis(of(side, |r| r.late.longest())),
            millis(of(side, |r| r.first.at(0.5))),
            millis(of(side, |r| r.first.at(0.99))),
            millis(of(side, |r| r.since_asked.at(0.5))),
            millis(of(side, |r| r.since_asked.at(0.99))),
            format!("{:.2} %", 100.0 * of(side, Round::share)),
            fine(of(side, |r| r.cpu.0 * 1_000.0 / (r.delivered as f64).max(1.0))),
            fine(of(side, |r| r.cpu.1 * 1_000.0 / (r.delivered as f64).max(1.0))),
            side.iter().map(|r| r.broken).sum::<u64>().to_string(),
        ]);
    }
    table.print();
    println!("{stored} stored replies compared with what was streamed");
    if streams == 1_000 {
        let missing: u64 = ours.iter().map(Round::missing).sum();
        goal("1,000 streams: every chunk", &format!("{missing} missing"), missing == 0);
        let p99 = of(ours, |r| r.late.at(0.99));
        goal("1,000 streams: p99 below 50 ms", &format!("{} ms", millis(p99)), p99 < 50.0);
        let pairs = ours.iter().zip(limit);
        let added =
            median(pairs.map(|(a, b)| a.since_asked.at(0.5) - b.since_asked.at(0.5)).collect());
        let figure = format!("{} ms", millis(added));
        goal("1,000 streams: p50 since asked at most 1 ms over bare poem", &figure, added <= 1.0);
    }
}

/// Compares the stored replies of these conversations with the text; says how many.
async fn compare_stored(server: &Server, sample: &[String], text: &str) -> io::Result<usize> {
    let mut connection = Connection::open(server.address).await?;
    for id in sample {
        let path = format!("/bot/v1/conversations/{id}/messages?page=1&limit=50");
        let (_, answer) = connection.call(&request("GET", &path, &server.credential(), "")).await?;
        let answer: serde_json::Value = serde_json::from_slice(answer)?;
        let stored = answer["messages"].as_array().and_then(|messages| {
            messages.iter().find(|message| message["direction"] == "outbound")
        });
        if stored.and_then(|message| message["text"].as_str()) != Some(text) {
            return Err(io::Error::other(format!(
                "{id}: the stored reply is not the streamed one"
            )));
        }
    }
    Ok(sample.len())
}

/// Reads one stream of an idle server: its pieces are what every other stream must hold.
async fn probe(server: &Process, request: &[u8], pace: Duration) -> io::Result<Script> {
    let mut connection = Connection::open(server.address).await?;
    connection.start(request).await?;
    let (mut text, mut ends, mut bytes) = (String::new(), Vec::new(), 0);
    while let Some(event) = connection.event().await? {
        if event.kind == b"chunk" {
            text.push_str(&String::from_utf8_lossy(text_in(event.data)));
            ends.push(text.len());
            bytes += event.size;
        }
    }
    let event = bytes / ends.len().max(1);
    Ok(Script { text, ends, pace, event })
}

/// The empty server's path for a stream with events of this size.
fn bare_path(pieces: usize, pace: Duration, words: usize, event: usize) -> String {
    let rest = "id: \nevent: chunk\ndata: {\"text\":\"\"}\n\n".len() + words * 8;
    let pad = event.saturating_sub(rest).max(1);
    format!("/stream/{pieces}/{}/{words}/{pad}", pace.as_millis())
}

fn ask(server: &Server, message: &str) -> Vec<u8> {
    let headers = format!("{}accept: text/event-stream\r\n", server.credential());
    request("POST", MESSAGES, &headers, &format!(r#"{{"message":"{message}"}}"#))
}

/// The definition of a bot that tells the story, or says hello in three words.
fn bot(story: &str, pace: Duration) -> String {
    let intent = |name: &str, example: &str, answer: &str| serde_json::json!({"name": name, "examples": {"en": [example]}, "answers": {"en": answer}});
    serde_json::json!({
        "kind": "faq",
        "name": "Storyteller",
        "default_language": "en",
        "pace_ms": pace.as_millis(),
        "intents": [
            intent("story", "tell me a story", story),
            intent("hello", "say hello", "Hello, my, friend."),
        ],
        "handover": {"phrases": {"en": ["talk to a human"]}},
        "fallback": {"en": "Ask me for a story."},
    })
    .to_string()
}
