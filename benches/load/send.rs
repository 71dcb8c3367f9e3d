//! Durable messages with the bot's answer, against the empty server and the bare writer.

use std::{io, sync::Arc};

use crate::{
    baseline::{Batches, Writer, appends, syncs},
    bulk,
    client::request,
    conversations::{body, start},
    drive::{Plan, drive},
    figures::{CELLS, Rounds, Table, goal, median, millis, whole},
    server::{Process, Server, Setting},
};

/// How to send.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Numbers of clients to try.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    pub(crate) clients: Vec<usize>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// Rounds; each measures all sides once, in turns.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Requests a second over all clients; without it each client sends back to back.
    #[arg(long)]
    pub(crate) rate: Option<f64>,
}

/// Measures, prints the tables and the goals.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let home = setting.fresh()?;
    let server = Server::start(setting, &home.path().join("data"))?;
    let empty = Process::empty()?;
    let mut logged = Vec::new();
    for &clients in &options.clients {
        let plan = Plan { seconds: options.seconds, rate: options.rate };
        let started = start(&server, clients).await?;
        let answer = started.first().map_or(0, |conversation| conversation.answer);
        let posts: Vec<_> = started.into_iter().map(|conversation| conversation.post).collect();
        let bare = request("POST", &format!("/empty/{answer}"), "", &body(None));
        let bare = vec![Arc::<[u8]>::from(bare); clients];
        let writer = Writer::start(&home.path().join(format!("bare-{clients}")))?;
        let (mut ours, mut http, mut rows) =
            (Rounds::default(), Rounds::default(), Rounds::default());
        let mut disk = Vec::new();
        for _ in 0..options.rounds {
            let before = Logged::by(&server).await?;
            let round = drive(&server, &posts, plan).await?;
            let of_round = Logged::by(&server).await?.since(&before);
            logged.push((clients, of_round, round.wall.as_secs_f64()));
            ours.0.push(round);
            http.0.push(drive(&empty, &bare, plan).await?);
            rows.0.push(writer.drive(clients, options.seconds).await);
            disk.push(syncs(home.path(), 0.5)?.at(0.5));
        }
        writer.finish()?;
        print(clients, [&ours, &http, &rows], median(disk), options.rate.is_some());
    }
    let (written, all) = (server.written(), Logged::by(&server).await?);
    server.stop();
    let events = bulk::event_bytes(&home.path().join("data")).await?;
    let each = events as f64 / all.events.max(1.0);
    let most = logged.iter().map(|(clients, ..)| *clients).max().unwrap_or(0);
    let mut ratios = Vec::new();
    for (_, of_round, wall) in logged.iter().filter(|(clients, ..)| *clients == most) {
        ratios.push(appends(home.path(), of_round.batches(each))? / wall);
    }
    let ratio = median(ratios);
    if options.rate.is_none() {
        println!("{most} clients, {} events in a batch", whole(all.events / all.commits.max(1.0)));
        let goal_of = "at least 1/2 of a bare loop that appends the same batches";
        goal(goal_of, &millis(ratio), ratio >= 0.5);
    }
    let ratio = written as f64 / events.max(1) as f64;
    println!("written {written} bytes for {events} bytes of events");
    goal("at most 1.1 bytes written for a byte of events", &millis(ratio), ratio <= 1.1);
    Ok(())
}

/// What a server's log has taken.
struct Logged {
    events: f64,
    commits: f64,
}

impl Logged {
    async fn by(server: &Server) -> io::Result<Self> {
        let counted = server.counted().await?;
        let of = |name: &str| counted.get(name).copied().unwrap_or(0.0);
        let (events, commits) =
            (of("parlor_log_batch_events_sum"), of("parlor_log_batch_events_count"));
        Ok(Self { events, commits })
    }

    fn since(self, before: &Self) -> Self {
        Self { events: self.events - before.events, commits: self.commits - before.commits }
    }

    /// Of events of so many bytes each.
    fn batches(&self, each: f64) -> Batches {
        Batches { count: self.commits as u64, bytes: (self.events * each) as u64 }
    }
}

fn print(clients: usize, [ours, http, rows]: [&Rounds; 3], sync: f64, paced: bool) {
    let mut table = Table::new(
        ["send, clients".to_owned()]
            .into_iter()
            .chain(CELLS.map(str::to_owned))
            .chain(["ours / it".to_owned()]),
    );
    let mut row = |name: &str, side: &Rounds, ratio: Option<f64>| {
        let mut cells = vec![format!("{name}, {clients}")];
        cells.extend(side.cells());
        cells.extend(ratio.map(millis));
        table.row(cells);
    };
    row("parlor, durable with the reply", ours, None);
    row("poem, empty, same bytes", http, Some(ours.ratio(http)));
    row("fjall, same rows, no HTTP", rows, Some(ours.ratio(rows)));
    table.print();
    println!("append 4 KiB + fdatasync: p50 {} ms", millis(sync));
    let p50 = ours.median(|round| round.latency.at(0.5));
    if clients == 1 {
        let most = 2.0 * sync + 0.1;
        let figure = format!("{} ms of {} ms", millis(p50), millis(most));
        goal("one client's p50 at most 2 syncs + 0.1 ms", &figure, p50 <= most);
    }
    if clients >= 256 && !paced {
        let third = 1.0 / 3.0;
        let ratio = ours.ratio(http);
        goal("at least 0.30 of the empty handler", &millis(ratio), ratio >= 0.3);
        let cpu = |side: &Rounds| side.median(|round| round.per_thousand(round.server_cpu));
        let times = cpu(ours) / cpu(http);
        goal("at most 5 times its server CPU", &millis(times), times <= 5.0);
        let ratio = ours.ratio(rows);
        goal("at least 1/3 of the bare group commit", &millis(ratio), ratio >= third);
    }
    if ours.failures() > 0 {
        goal("every post answered", &format!("{} failed", ours.failures()), false);
    }
}
