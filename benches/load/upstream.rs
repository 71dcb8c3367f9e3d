//! A model's answers on their way to readers: what the way through the server adds to each piece.
//!
//! An upstream in a thread of this process streams completions; every piece says when it was sent,
//! so that how long one took is known wherever it arrives. In turns it is read directly, as the bot
//! reads it, and through the server: by all readers of one conversation that the bot answers, or, with
//! `--each`, by readers of whom each has asked in a conversation of its own.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time,
};

use crate::{
    client::{Connection, request},
    conversations::{self, MESSAGES},
    figures::{Latency, Table, fine, goal, median, millis, whole},
    server::{Server, Setting},
};

/// How many readers, how fast, how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Readers, of one conversation.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) readers: usize,
    /// A conversation and an answer for each reader.
    #[arg(long)]
    pub(crate) each: bool,
    /// Pieces a second.
    #[arg(long, default_value_t = 50)]
    pub(crate) rate: usize,
    /// Seconds an answer takes.
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: usize,
    /// Rounds; each measures both sides once, in turns.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
}

/// The starts of answers spread over this long, so that their pieces do.
const RAMP: Duration = Duration::from_millis(1_500);
/// What has not come so long after it was sent shows as missing.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long each piece took, and the first since it was asked for.
struct Round {
    pieces: Latency,
    first: Latency,
    /// Frames in which they came.
    frames: AtomicU64,
    /// CPU seconds of the server.
    cpu: f64,
}

impl Round {
    fn new() -> Self {
        let (pieces, first) = (Latency::new(), Latency::new());
        Self { pieces, first, frames: AtomicU64::new(0), cpu: 0.0 }
    }

    fn frames(&self) -> f64 {
        self.frames.load(Relaxed) as f64
    }

    /// Notes the pieces in an event; says how many.
    fn note(&self, data: &[u8], asked: Instant, is_first: bool) -> usize {
        let now = Instant::now();
        let mut count = 0;
        for piece in data.split(|byte| *byte == b'@').skip(1) {
            let digits = piece.split(|byte| *byte == b';').next().unwrap_or_default();
            let sent = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
            let Some(sent) = sent.map(Duration::from_micros) else { continue };
            self.pieces.record(now.saturating_duration_since(epoch() + sent));
            count += 1;
        }
        self.frames.fetch_add(u64::from(count > 0), Relaxed);
        if is_first && count > 0 {
            self.first.record(now - asked);
        }
        count
    }
}

/// Measures, prints the table and the goals.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let pieces = options.rate * options.seconds;
    let address = start(pieces, Duration::from_millis(1_000 / options.rate.max(1) as u64))?;
    let home = setting.fresh()?;
    let data = home.path().join("data");
    Server::start(setting, &data)?.stop();
    Server::deploy(setting, &data, &bot(address))?;
    let server = Server::start_with(setting, &data, &["--allow-network", "127.0.0.0/8"])?;

    let (mut through, mut direct) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        if options.each {
            let ask = request("POST", "/v1/chat/completions", "", "{}");
            direct.push(read_each(address, ask, options.readers, pieces, None).await?);
            let headers = format!("{}accept: text/event-stream\r\n", server.credential());
            let ask = request("POST", MESSAGES, &headers, r#"{"message":"a story"}"#);
            let of = Some(&server);
            through.push(read_each(server.address, ask, options.readers, pieces, of).await?);
        } else {
            let ask = request("POST", "/v1/chat/completions", "", "{}");
            direct.push(read_each(address, ask, 1, pieces, None).await?);
            through.push(read_together(&server, options.readers, pieces).await?);
        }
    }
    let of = |side: &[Round], figure: fn(&Round) -> f64| median(side.iter().map(figure).collect());
    let mut table = Table::new([
        "read",
        "pieces",
        "took p50 ms",
        "p99 ms",
        "max ms",
        "first p50 ms",
        "p99 ms",
        "frames/s each",
        "server CPU s/1k",
    ]);
    let readers = options.readers as f64;
    let direct_readers = if options.each { readers } else { 1.0 };
    for (name, side, read_by) in
        [("through the bot", &through, readers), ("upstream itself", &direct, direct_readers)]
    {
        table.row(vec![
            name.into(),
            whole(of(side, |r| r.pieces.count() as f64)),
            millis(of(side, |r| r.pieces.at(0.5))),
            millis(of(side, |r| r.pieces.at(0.99))),
            millis(of(side, |r| r.pieces.longest())),
            millis(of(side, |r| r.first.at(0.5))),
            millis(of(side, |r| r.first.at(0.99))),
            millis(of(side, Round::frames) / read_by / options.seconds as f64),
            fine(of(side, |r| r.cpu * 1_000.0 / (r.pieces.count() as f64).max(1.0))),
        ]);
    }
    table.print();
    let added = |figure: fn(&Round) -> f64| {
        median(through.iter().zip(&direct).map(|(a, b)| figure(a) - figure(b)).collect())
    };
    let expected = (options.readers * pieces) as u64;
    let missing: u64 =
        through.iter().map(|round| expected.saturating_sub(round.pieces.count())).sum();
    goal("every piece to every reader", &format!("{missing} missing"), missing == 0);
    let usual = added(|r| r.pieces.at(0.5));
    goal("added to a piece at most 10 ms at p50", &format!("{} ms", millis(usual)), usual <= 10.0);
    let most = added(|r| r.pieces.at(0.99));
    goal("added to a piece below 50 ms at p99", &format!("{} ms", millis(most)), most < 50.0);
    let first = added(|r| r.first.at(0.5));
    if options.rate == 50 {
        let frames = of(&through, Round::frames) / readers / options.seconds as f64;
        let figure = format!("{} of {} pieces", millis(frames), options.rate);
        goal("at most 30 frames a second to each reader", &figure, frames <= 30.0);
    }
    if options.each {
        let each = of(&through, |r| r.cpu * 1e6 / (r.pieces.count() as f64).max(1.0));
        goal("server CPU a piece at most 10 µs", &format!("{} µs", millis(each)), each <= 10.0);
    }
    println!("added to the first piece: p50 {} ms", millis(first));
    Ok(())
}

fn bot(address: SocketAddr) -> String {
    serde_json::json!({
        "kind": "llm",
        "name": "Storyteller",
        "base_url": format!("http://{address}/v1"),
        "model": "story",
    })
    .to_string()
}

/// Asks over so many connections, and reads an answer on each.
async fn read_each(
    address: SocketAddr,
    ask: Vec<u8>,
    readers: usize,
    pieces: usize,
    server: Option<&Server>,
) -> io::Result<Round> {
    let round = Arc::new(Round::new());
    let ask: Arc<[u8]> = ask.into();
    let cpu_so_far = || server.map_or(0.0, |server| server.cpu());
    let (cpu, began) = (cpu_so_far(), Instant::now());
    let mut reading = JoinSet::new();
    for number in 0..readers {
        let (round, ask) = (round.clone(), ask.clone());
        let start = began + RAMP * number as u32 / readers as u32;
        reading.spawn(async move {
            time::sleep_until(start.into()).await;
            let mut connection = Connection::open(address).await?;
            let asked = Instant::now();
            let head = connection.start(&ask).await?;
            if head.status != 200 {
                return Err(io::Error::other(format!("a question was refused: {}", head.status)));
            }
            let mut told = 0;
            while told < pieces
                && let Some(event) = connection.event().await?
            {
                // The last word repeats the whole text.
                if event.kind != b"end" {
                    told += round.note(event.data, asked, told == 0);
                }
            }
            Ok(())
        });
    }
    let all = async {
        while let Some(outcome) = reading.join_next().await {
            outcome.map_err(io::Error::other)??;
        }
        Ok::<_, io::Error>(())
    };
    time::timeout(PATIENCE, all).await.unwrap_or(Ok(()))?;
    reading.shutdown().await;
    finish(round, cpu_so_far() - cpu)
}

fn finish(round: Arc<Round>, cpu: f64) -> io::Result<Round> {
    let round = Arc::into_inner(round);
    round.map(|round| Round { cpu, ..round }).ok_or_else(|| io::Error::other("a reader goes on"))
}

/// Reads one answer over so many connections.
async fn read_together(server: &Server, readers: usize, pieces: usize) -> io::Result<Round> {
    let mut caller = Connection::open(server.address).await?;
    let id = conversations::demo(&mut caller).await?;
    let path = format!("/live/v1/conversations/{id}");
    // A visitor's token may open few streams.
    let credential = server.credential();
    let follow = request("GET", &format!("{path}/stream"), &credential, "");
    let mut connections = Vec::with_capacity(readers);
    for _ in 0..readers {
        let mut connection = Connection::open(server.address).await?;
        let head = connection.start(&follow).await?;
        if head.status != 200 {
            return Err(io::Error::other(format!("a reader was refused: {}", head.status)));
        }
        connections.push(connection);
    }
    let round = Arc::new(Round::new());
    let cpu = server.cpu();
    let asked = Instant::now();
    let mut following = JoinSet::new();
    for mut connection in connections {
        let round = round.clone();
        following.spawn(async move {
            let mut told = 0;
            while told < pieces
                && let Ok(Some(event)) = connection.event().await
            {
                if event.kind == b"reply.chunk" {
                    told += round.note(event.data, asked, told == 0);
                }
            }
        });
    }
    let send = request("POST", &format!("{path}/messages"), &credential, r#"{"text":"a story"}"#);
    let (status, _) = caller.call(&send).await?;
    if status != 201 {
        return Err(io::Error::other(format!("the question was refused: {status}")));
    }
    let all = async { while following.join_next().await.is_some() {} };
    let _ = time::timeout(PATIENCE, all).await;
    following.shutdown().await;
    finish(round, server.cpu() - cpu)
}

/// What pieces tell their times from.
fn epoch() -> Instant {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    *EPOCH.get_or_init(Instant::now)
}

/// Starts the upstream; it ends with the process.
fn start(pieces: usize, pace: Duration) -> io::Result<SocketAddr> {
    epoch();
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::spawn(move || {
        runtime.block_on(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tell(stream, pieces, pace));
            }
        });
    });
    Ok(address)
}

/// Streams one completion, whatever is asked.
async fn tell(mut stream: TcpStream, pieces: usize, pace: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut asked = Vec::new();
    let is_whole = |asked: &[u8]| {
        let Some(head) = asked.windows(4).position(|four| four == b"\r\n\r\n") else {
            return false;
        };
        let text = String::from_utf8_lossy(&asked[..head]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        asked.len() >= head + 4 + length
    };
    while !is_whole(&asked) {
        if stream.read_buf(&mut asked).await? == 0 {
            return Ok(());
        }
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
        transfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let mut ticks = time::interval(pace);
    for _ in 0..pieces {
        ticks.tick().await;
        let sent = epoch().elapsed().as_micros();
        let event =
            format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"@{sent}; \"}}}}]}}\n\n");
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        stream.write_all(chunk.as_bytes()).await?;
    }
    let done = "data: [DONE]\n\n";
    stream.write_all(format!("{:x}\r\n{done}\r\n0\r\n\r\n", done.len()).as_bytes()).await?;
    stream.shutdown().await
}
