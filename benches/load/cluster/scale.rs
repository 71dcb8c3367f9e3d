//! What a message costs with one node, with two, with three.
//!
//! On one machine more nodes cannot be faster; what shows whether they would be elsewhere is that a
//! message costs the same however many there are: CPU seconds of all nodes together, records,
//! statements. Each number of nodes is measured idle, at a rate that grows with it, and with clients
//! back to back. A message costs less where more of them are written together; so what decides is the
//! rate that grows: there a node has as much to do, however many there are.

use std::{io, time::Duration};

use super::{
    Place,
    cost::{Cost, Others, print_others},
    messages::{of_each, print_costs},
    nodes::Nodes,
    services::Services,
    topics::Topics,
};
use crate::{
    drive::{Plan, drive_all},
    figures::{Measure, Rounds, Table, goal, median, millis, whole},
    server::Setting,
};

/// How to send.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Numbers of nodes to compare.
    #[arg(long, value_delimiter = ',', default_value = "1,2,3")]
    nodes: Vec<usize>,
    /// Clients, spread over the nodes.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Messages a second for each node; a quarter of what one takes, where it is not given.
    #[arg(long)]
    rate: Option<f64>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Rounds; each measures every number of nodes, in turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of load before anything counts: the services compile themselves.
    #[arg(long, default_value_t = 20.0)]
    warm: f64,
}

/// A number of nodes, with the rounds of it.
#[derive(Default)]
struct Size {
    nodes: usize,
    /// CPU seconds a second, of all nodes.
    idle: Vec<f64>,
    paced: Kind,
    full: Kind,
    /// Cores that others took.
    others: Vec<f64>,
}

#[derive(Default)]
struct Kind {
    rounds: Rounds,
    /// Of each message.
    costs: Vec<Cost>,
    /// CPU seconds of the nodes for each message, without what they take when idle.
    net: Vec<f64>,
}

/// Measures, prints the tables and the goals.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let services = Services::start(&options.place)?;
    let rate = warm(setting, &services, options).await?;
    let rate = options.rate.unwrap_or(rate / 4.0);
    let sizes = options.nodes.iter().map(|&nodes| Size { nodes, ..Size::default() });
    let mut sizes: Vec<_> = sizes.collect();
    for _ in 0..options.rounds {
        for size in &mut sizes {
            round(setting, &services, options, rate, size).await?;
        }
    }
    print(options, rate, &sizes);
    Ok(())
}

/// Loads the services through one node, without counting; the rate it reaches in the end.
async fn warm(setting: &Setting, services: &Services, options: &Options) -> io::Result<f64> {
    let nodes = Nodes::start(setting, services, 1).await?;
    let started = nodes.conversations(options.clients).await?;
    let posts: Vec<_> = started.into_iter().map(|conversation| conversation.post).collect();
    let plan = |seconds| Plan { seconds, rate: None };
    if options.warm > 0.0 {
        drive_all(&nodes.processes(), &posts, plan(options.warm), None).await?;
    }
    Ok(drive_all(&nodes.processes(), &posts, plan(options.seconds), None).await?.rate())
}

async fn round(
    setting: &Setting,
    services: &Services,
    options: &Options,
    rate: f64,
    size: &mut Size,
) -> io::Result<()> {
    let nodes = Nodes::start(setting, services, size.nodes).await?;
    let topics = Topics::open(services, &nodes.name)?;
    let started = nodes.conversations(options.clients).await?;
    let posts: Vec<_> = started.into_iter().map(|conversation| conversation.post).collect();
    // What starting has left behind is done first.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = nodes.cpu();
    tokio::time::sleep(Duration::from_secs_f64(options.seconds / 2.0)).await;
    let idle = (nodes.cpu() - before) / (options.seconds / 2.0);
    size.idle.push(idle);
    let rest = Others::since_now(&nodes, services);
    let rate = rate * size.nodes as f64;
    for (kind, rate) in [(&mut size.paced, Some(rate)), (&mut size.full, None)] {
        let plan = Plan { seconds: options.seconds, rate };
        let before = Cost::now(&nodes, services, &topics).await?;
        let measure = drive_all(&nodes.processes(), &posts, plan, None).await?;
        let after = Cost::now(&nodes, services, &topics).await?;
        let messages = measure.latency.count() + options.clients as u64;
        let cost = after.each(&before, messages);
        let of_idling = idle * measure.wall.as_secs_f64() / (messages as f64).max(1.0);
        kind.net.push(cost.nodes - of_idling);
        kind.costs.push(cost);
        kind.rounds.0.push(measure);
    }
    size.others.push(rest.cores(&nodes, services));
    Ok(())
}

fn print(options: &Options, rate: f64, sizes: &[Size]) {
    let mut table = Table::new([
        "scale, nodes",
        "/s",
        "p50 ms",
        "p99 ms",
        "CPU ms each: nodes",
        "least to most",
        "without idling",
        "Kafka",
        "Cassandra",
        "records",
        "CQL requests",
        "messages a commit",
        "failed",
    ]);
    let paced = format!("{}/s each", whole(rate));
    let full = format!("{} clients", options.clients);
    for (name, of) in [(&paced, (|size| &size.paced) as fn(&Size) -> &Kind), (&full, |s| &s.full)] {
        for size in sizes {
            table.row(cells(format!("{} at {name}", size.nodes), of(size)));
        }
    }
    table.print();
    print_others(&sizes.iter().flat_map(|size| size.others.clone()).collect::<Vec<_>>());
    for size in sizes {
        let idle = median(size.idle.clone()) * 1_000.0 / size.nodes as f64;
        println!("\n{} nodes; an idle one takes {} ms of CPU a second", size.nodes, millis(idle));
        print_costs(&size.paced.costs);
    }
    let (Some(least), Some(most)) = (sizes.first(), sizes.last()) else { return };
    let growth = |of: fn(&Size) -> &Kind| {
        let of_all = |size: &Size| median(of(size).net.clone());
        of_all(most) / of_all(least).max(1e-9)
    };
    for (name, times) in [(paced, growth(|s| &s.paced)), (full, growth(|s| &s.full))] {
        let goals = format!(
            "{name}: a message costs the nodes the same with {} as with {} (within 25 %)",
            most.nodes, least.nodes
        );
        goal(&goals, &format!("{} times", millis(times)), times <= 1.25);
    }
}

fn cells(name: String, kind: &Kind) -> Vec<String> {
    let cpu = |of: fn(&Cost) -> f64| millis(of_each(&kind.costs, of) * 1_000.0);
    let nodes: Vec<f64> = kind.costs.iter().map(|cost| cost.nodes * 1_000.0).collect();
    let least = nodes.iter().copied().fold(f64::INFINITY, f64::min);
    let most = nodes.iter().copied().fold(0.0, f64::max);
    vec![
        name,
        whole(kind.rounds.median(Measure::rate)),
        millis(kind.rounds.median(|m| m.latency.at(0.5))),
        millis(kind.rounds.median(|m| m.latency.at(0.99))),
        cpu(|cost| cost.nodes),
        format!("{}–{}", millis(least), millis(most)),
        millis(median(kind.net.clone()) * 1_000.0),
        cpu(|cost| cost.kafka),
        cpu(|cost| cost.cassandra),
        millis(of_each(&kind.costs, |cost| cost.records.iter().sum())),
        millis(of_each(&kind.costs, Cost::statements)),
        millis(1.0 / of_each(&kind.costs, |cost| cost.commits).max(1e-9)),
        kind.rounds.failures().to_string(),
    ]
}
