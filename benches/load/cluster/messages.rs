//! Durable messages with the bot's reply through three nodes, against the bare loop.

use std::io;

use super::{
    Place,
    bare::Bare,
    cost::{Cost, Others, print_others},
    nodes::{Nodes, prepare},
    services::Services,
    topics::Topics,
};
use crate::{
    conversations::fill_one,
    drive::{Plan, drive_all},
    figures::{Measure, Rounds, Table, goal, median, millis, whole},
    server::Setting,
};

/// How to send.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Nodes; the clients are spread over them.
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// Numbers of clients to try, each back to back.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64,256")]
    clients: Vec<usize>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Rounds; each measures both sides once, in turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load on either side before anything counts: the services compile themselves.
    #[arg(long, default_value_t = 20.0)]
    warm: f64,
}

/// The rounds of one side.
#[derive(Default)]
struct Side {
    rounds: Rounds,
    /// Of each message.
    costs: Vec<Cost>,
}

/// Measures, prints the tables and the goals.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let services = Services::start(&options.place)?;
    let nodes = Nodes::start(setting, &services, options.nodes).await?;
    let topics = Topics::open(&services, &nodes.name)?;
    fill_one(&nodes.servers[0], 4).await?;
    let bare = Bare::open(&services, &nodes, prepare(setting, &services)?.0).await?;
    warm(&nodes, &bare, options.warm).await?;
    for &clients in &options.clients {
        let plan = Plan { seconds: options.seconds, rate: None };
        let (mut ours, mut limit) = (Side::default(), Side::default());
        let mut others = Vec::new();
        for _ in 0..options.rounds {
            // Other ones each time: a single client's is projected on its own node, or on another.
            let started = nodes.conversations(clients).await?;
            let posts: Vec<_> = started.into_iter().map(|one| one.post).collect();
            let rest = Others::since_now(&nodes, &services);
            let before = Cost::now(&nodes, &services, &topics).await?;
            let measure = drive_all(&nodes.processes(), &posts, plan, None).await?;
            let after = Cost::now(&nodes, &services, &topics).await?;
            // One post on each connection was not measured.
            let messages = measure.latency.count() + clients as u64;
            ours.costs.push(after.each(&before, messages));
            ours.rounds.0.push(measure);

            let [kafka, cassandra] = services.cpu();
            let measure = bare.drive(clients, options.seconds).await?;
            let [kafka_then, cassandra_then] = services.cpu();
            let after = Cost {
                nodes: measure.server_cpu,
                kafka: kafka_then,
                cassandra: cassandra_then,
                ..Cost::default()
            };
            let before = Cost { kafka, cassandra, ..Cost::default() };
            limit.costs.push(after.each(&before, measure.latency.count()));
            limit.rounds.0.push(measure);
            others.push(rest.cores(&nodes, &services));
        }
        print(clients, &ours, &limit);
        print_others(&others);
    }
    Ok(())
}

/// Loads both sides without counting.
async fn warm(nodes: &Nodes, bare: &Bare, seconds: f64) -> io::Result<()> {
    if seconds <= 0.0 {
        return Ok(());
    }
    let posts: Vec<_> = nodes.conversations(64).await?.into_iter().map(|one| one.post).collect();
    drive_all(&nodes.processes(), &posts, Plan { seconds, rate: None }, None).await?;
    bare.drive(64, seconds).await.map(drop)
}

fn print(clients: usize, ours: &Side, limit: &Side) {
    let mut table = Table::new([
        "cluster, clients",
        "/s",
        "least to most",
        "p50 ms",
        "p99 ms",
        "CPU ms each: nodes",
        "Kafka",
        "Cassandra",
        "client",
        "failed",
        "ours / it",
    ]);
    let ratio = ours.rounds.ratio(&limit.rounds);
    table.row(cells(format!("parlor, durable with the reply, {clients}"), ours, None));
    table.row(cells(format!("bare loop, same records and rows, {clients}"), limit, Some(ratio)));
    table.print();
    print_costs(&ours.costs);
    let p50 = |measure: &Measure| measure.latency.at(0.5);
    if clients == 1 {
        let pairs = ours.rounds.0.iter().zip(&limit.rounds.0);
        let added = median(pairs.map(|(a, b)| p50(a) - p50(b)).collect());
        let goals = "one client's p50 less than 3 ms over the bare loop's";
        goal(goals, &format!("{} ms", millis(added)), added < 3.0);
    } else {
        let goals = format!("{clients} clients: at least 1/2 of the bare loop's messages/s");
        goal(&goals, &millis(ratio), ratio >= 0.5);
    }
    if ours.rounds.failures() > 0 {
        goal("every post answered", &format!("{} failed", ours.rounds.failures()), false);
    }
}

fn cells(name: String, side: &Side, ratio: Option<f64>) -> Vec<String> {
    let rounds = &side.rounds;
    let rates: Vec<f64> = rounds.0.iter().map(Measure::rate).collect();
    let least = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let most = rates.iter().copied().fold(0.0, f64::max);
    let cpu = |of: fn(&Cost) -> f64| millis(of_each(&side.costs, of) * 1_000.0);
    let client = |m: &Measure| m.client_cpu * 1_000.0 / (m.latency.count() as f64).max(1.0);
    let mut cells = vec![
        name,
        whole(rounds.median(Measure::rate)),
        format!("{}–{}", whole(least), whole(most)),
        millis(rounds.median(|m| m.latency.at(0.5))),
        millis(rounds.median(|m| m.latency.at(0.99))),
        cpu(|cost| cost.nodes),
        cpu(|cost| cost.kafka),
        cpu(|cost| cost.cassandra),
        millis(rounds.median(client)),
        rounds.failures().to_string(),
    ];
    cells.extend(ratio.map(millis));
    cells
}

/// Prints what each message costs besides CPU time.
pub(crate) fn print_costs(costs: &[Cost]) {
    let of = |figure: fn(&Cost) -> f64| millis(of_each(costs, figure));
    println!(
        "each message: Kafka records {} events, {} replies, {} applied ({}, {} and {} bytes stored); \
         {} CQL requests; {} commits",
        of(|cost| cost.records[0]),
        of(|cost| cost.records[1]),
        of(|cost| cost.records[2]),
        whole(of_each(costs, |cost| cost.bytes[0])),
        whole(of_each(costs, |cost| cost.bytes[1])),
        whole(of_each(costs, |cost| cost.bytes[2])),
        of(Cost::statements),
        of(|cost| cost.commits),
    );
    let names = costs.last().into_iter().flat_map(|cost| cost.statements.keys());
    let counts = names.filter_map(|name| {
        let count = of_each(costs, |cost| cost.statements.get(name).copied().unwrap_or(0.0));
        (count >= 0.005).then(|| format!("{name} {}", millis(count)))
    });
    println!("CQL: {}", counts.collect::<Vec<_>>().join(", "));
}

/// The median over the rounds.
pub(crate) fn of_each(costs: &[Cost], figure: impl Fn(&Cost) -> f64) -> f64 {
    median(costs.iter().map(figure).collect())
}
