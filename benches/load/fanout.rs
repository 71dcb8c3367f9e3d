//! One event to many readers, over SSE and over WebSockets, beside a bare broadcast.
//!
//! People have the conversation, so that a message is one event and nobody answers it. The next is sent
//! once every reader has the one before. The limit is the empty server with nothing but a broadcast
//! channel of tokio's: it writes the same bytes to as many connections of the same kind.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tokio::{sync::Notify, task::JoinSet, time};

use crate::{
    client::{Connection, find, request},
    conversations,
    drive::refused,
    figures::{Latency, Table, goal, median, millis, whole},
    idle::{Kind, Opening, connect},
    server::{Process, Server, Setting},
};

/// How many readers, how often, how many events.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Readers of the conversation.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) readers: usize,
    /// Events of a round.
    #[arg(long, default_value_t = 300)]
    pub(crate) events: usize,
    /// Rounds; each measures both sides once, in turns.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
}

/// What every event contains once, on both sides.
const MARK: &[u8] = b"\"type\":\"message.inbound\"";
/// The text of a message, as long as people write.
const TEXT: &str =
    "The parcel came this morning, but the blue cup in it is broken. Can I have another one?";
/// For so long one event may take to all readers.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures, prints the table and the goals.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let mut table = Table::new([
        "one event to each",
        "server CPU µs",
        "deliveries/s",
        "to all p50 ms",
        "p99 ms",
        "bytes",
    ]);
    let mut ratios = Vec::new();
    for kind in [Kind::Events, Kind::Socket] {
        let home = setting.fresh()?;
        let data = home.path().join("data");
        Server::start(setting, &data)?.stop();
        Server::deploy(setting, &data, &bot())?;
        let server = Server::start(setting, &data)?;
        let empty = Process::empty()?;
        let (id, send) = with_people(&server).await?;
        let ours = Side { process: &server, opening: kind.opening(&server, &id), send };
        let bytes = ours.sample(kind).await?;
        let limit = Side {
            process: &empty,
            opening: kind.broadcast(),
            send: request("POST", "/fanout", "", &String::from_utf8_lossy(&bytes)),
        };
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            a.push(ours.round(options).await?);
            b.push(limit.round(options).await?);
        }
        for (name, side) in [("parlor", &a), ("bare broadcast", &b)] {
            let of = |figure: fn(&Round) -> f64| median(side.iter().map(figure).collect());
            table.row(vec![
                format!("{name}, {}", kind.name()),
                millis(of(Round::micros)),
                whole(of(|round| round.deliveries as f64 / round.wall)),
                millis(of(|round| round.to_all.at(0.5))),
                millis(of(|round| round.to_all.at(0.99))),
                whole(bytes.len() as f64),
            ]);
        }
        let pairs = a.iter().zip(&b);
        ratios.push((kind, median(pairs.map(|(a, b)| a.micros() / b.micros()).collect())));
    }
    table.print();
    for (kind, ratio) in ratios {
        let words = format!("CPU a delivery over {} at most 1.3 × a bare broadcast's", kind.name());
        goal(&words, &format!("{ratio:.2}"), ratio <= 1.3);
    }
    Ok(())
}

/// A bot that hands over whatever it is not taught.
fn bot() -> String {
    serde_json::json!({
        "kind": "faq",
        "name": "Doorkeeper",
        "default_language": "en",
        "intents": [{ "name": "hours", "examples": { "en": ["what are your opening hours?"] },
            "answers": { "en": "From nine to five." } }],
        "fallback": { "en": "I do not know." },
    })
    .to_string()
}

/// A conversation that people have, and the request that says something in it.
async fn with_people(server: &Server) -> io::Result<(String, Vec<u8>)> {
    let mut caller = Connection::open(server.address).await?;
    let id = conversations::demo(&mut caller).await?;
    let path = format!("/live/v1/conversations/{id}");
    let send = |text: &str| {
        let body = serde_json::json!({ "text": text }).to_string();
        request("POST", &format!("{path}/messages"), &server.credential(), &body)
    };
    let (status, body) = caller.call(&send("quux frobnicates")).await?;
    if status != 201 {
        return Err(refused(status, body));
    }
    let look = request("GET", &format!("{path}/events"), &server.credential(), "");
    let until = Instant::now() + PATIENCE;
    loop {
        let (_, events) = caller.call(&look).await?;
        if find(events, b"conversation.escalated").is_some() {
            return Ok((id, send(TEXT)));
        }
        if Instant::now() > until {
            return Err(io::Error::other("the bot did not hand over"));
        }
        time::sleep(Duration::from_millis(20)).await;
    }
}

/// One server, how its readers come, and what makes an event.
struct Side<'a> {
    process: &'a Process,
    opening: Opening,
    send: Vec<u8>,
}

/// The figures of one round.
struct Round {
    /// From the request to the last reader.
    to_all: Latency,
    deliveries: usize,
    /// Seconds.
    wall: f64,
    /// CPU seconds of the server.
    cpu: f64,
}

impl Round {
    /// CPU a delivery.
    fn micros(&self) -> f64 {
        self.cpu * 1e6 / self.deliveries.max(1) as f64
    }
}

/// What all readers of a round share.
#[derive(Default)]
struct Tally {
    seen: AtomicUsize,
    /// The count at which the sender is woken.
    wanted: AtomicUsize,
    all: Notify,
}

impl Side<'_> {
    /// The bytes that one event is for a reader, without what HTTP adds.
    async fn sample(&self, kind: Kind) -> io::Result<Vec<u8>> {
        let mut reader = connect(self.process.address, &self.opening).await?;
        let mut sender = Connection::open(self.process.address).await?;
        call(&mut sender, &self.send).await?;
        let whole = reader.bytes_with(MARK).await?;
        let (from, to) = match kind {
            // The events are chunks: a line with the size, the event, an empty line.
            Kind::Events => {
                let from = find(&whole, b"id: ");
                (from, find(&whole, b"\n\n\r\n").map(|end| end + 2))
            }
            // After a head of four bytes.
            Kind::Socket => (find(&whole, b"{"), Some(whole.len())),
        };
        match (from, to) {
            (Some(from), Some(to)) if from < to => Ok(whole[from..to].to_vec()),
            _ => Err(io::Error::other("an event came in another form than expected")),
        }
    }

    async fn round(&self, options: &Options) -> io::Result<Round> {
        let tally = Arc::new(Tally::default());
        let mut readers = JoinSet::new();
        for _ in 0..options.readers {
            let connection = connect(self.process.address, &self.opening).await?;
            readers.spawn(read(connection, tally.clone()));
        }
        let mut sender = Connection::open(self.process.address).await?;
        // The first is not counted: it finds what all readers need for the first time.
        self.tell(&mut sender, &tally, options.readers).await?;
        let to_all = Latency::new();
        let (cpu, began) = (self.process.cpu(), Instant::now());
        for _ in 0..options.events {
            let asked = Instant::now();
            self.tell(&mut sender, &tally, options.readers).await?;
            to_all.record(asked.elapsed());
        }
        let (wall, cpu) = (began.elapsed().as_secs_f64(), self.process.cpu() - cpu);
        readers.shutdown().await;
        Ok(Round { to_all, deliveries: options.events * options.readers, wall, cpu })
    }

    /// Makes an event and waits until every reader has it.
    async fn tell(&self, sender: &mut Connection, tally: &Tally, readers: usize) -> io::Result<()> {
        let wanted = tally.wanted.load(Relaxed) + readers;
        tally.wanted.store(wanted, Relaxed);
        call(sender, &self.send).await?;
        let all = async {
            while tally.seen.load(Relaxed) < wanted {
                tally.all.notified().await;
            }
        };
        let late = |_| io::Error::other("not every reader has the event");
        time::timeout(PATIENCE, all).await.map_err(late)
    }
}

async fn call(sender: &mut Connection, send: &[u8]) -> io::Result<()> {
    let (status, body) = sender.call(send).await?;
    if status / 100 == 2 { Ok(()) } else { Err(refused(status, body)) }
}

async fn read(mut connection: Connection, tally: Arc<Tally>) {
    while let Ok(count) = connection.count(MARK).await {
        let seen = tally.seen.fetch_add(count, Relaxed) + count;
        if seen >= tally.wanted.load(Relaxed) {
            tally.all.notify_one();
        }
    }
}

impl Kind {
    /// A reader of the bare broadcast.
    fn broadcast(self) -> Opening {
        self.bare_at("/fanout/sse", "/fanout/ws")
    }
}
