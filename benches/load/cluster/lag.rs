//! How far the views trail the log at half of full load.
//!
//! Full load is what as many clients as asked for get through back to back. Then as many messages come
//! at half that rate, each due at its own moment. The lag of a message is from its record's timestamp
//! to its caller's answer, which comes only when every node can read its rows; so it includes the
//! way of the answer through the node and the client. Beside it stands the nodes' own metric.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rdkafka::message::Message;

use super::{
    Place,
    cost::{Others, print_others},
    nodes::Nodes,
    services::Services,
    topics::Topics,
};
use crate::{
    client::find,
    drive::{Plan, Witness, drive_all},
    figures::{Latency, Measure, Table, goal, median, millis, whole},
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
    /// Clients.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// Seconds of each measurement at half load; full load is measured for half as long before each.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load before anything counts: the services compile themselves.
    #[arg(long, default_value_t = 20.0)]
    warm: f64,
}

const PROJECTED: &str = "parlor_projector_latency_seconds_bucket{le=\"";
const ID: &[u8] = b"\"message_id\":\"";

/// One round.
struct Round {
    full: f64,
    half: Measure,
    lag: Latency,
    /// The nodes' metric: the bound that 99 % of the commits' oldest events do not exceed, in ms.
    metric: f64,
    /// Cores that others took at half load.
    others: f64,
}

/// Measures, prints the table and the goal.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let services = Services::start(&options.place)?;
    let nodes = Nodes::start(setting, &services, options.nodes).await?;
    let topics = Topics::open(&services, &nodes.name)?;
    let started = nodes.conversations(options.clients).await?;
    let posts: Vec<_> = started.into_iter().map(|conversation| conversation.post).collect();
    let full = |seconds| Plan { seconds, rate: None };
    if options.warm > 0.0 {
        drive_all(&nodes.processes(), &posts, full(options.warm), None).await?;
    }
    let mut rounds = Vec::new();
    for _ in 0..options.rounds {
        let all = drive_all(&nodes.processes(), &posts, full(options.seconds / 2.0), None).await?;
        let half = Plan { seconds: options.seconds, rate: Some(all.rate() / 2.0) };
        let (begin, counted) = (topics.ends("events")?, nodes.counted().await?);
        let answered = Arc::new(Mutex::new(Vec::new()));
        let witness = note_into(answered.clone());
        let rest = Others::since_now(&nodes, &services);
        let measure = drive_all(&nodes.processes(), &posts, half, Some(witness)).await?;
        let others = rest.cores(&nodes, &services);
        let metric = quantile(&counted, &nodes.counted().await?, 0.99);
        let taken = taken_at(&topics, &begin)?;
        let lag = Latency::new();
        for (id, at) in answered.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if let Some(taken) = taken.get(id) {
                let late = u64::try_from(at - taken).unwrap_or(0);
                lag.record(Duration::from_millis(late));
            }
        }
        rounds.push(Round { full: all.rate(), half: measure, lag, metric, others });
    }
    print(options, &rounds);
    Ok(())
}

type Id = [u8; 32];

/// Notes which message was answered, and when, in milliseconds since 1970.
fn note_into(answered: Arc<Mutex<Vec<(Id, i64)>>>) -> Witness {
    Arc::new(move |body| {
        if let Some(id) = id_in(body) {
            let at = parlor::app::clock::now().millis();
            answered.lock().unwrap_or_else(PoisonError::into_inner).push((id, at));
        }
    })
}

/// When each inbound message's record was made.
fn taken_at(topics: &Topics, begin: &Vec<i64>) -> io::Result<HashMap<Id, i64>> {
    let mut taken = HashMap::new();
    topics.consume("events", Some(begin), |message| {
        let id = message.payload().and_then(id_in);
        if let (Some(id), Some(at)) = (id, message.timestamp().to_millis()) {
            taken.insert(id, at);
        }
    })?;
    Ok(taken)
}

/// The first message id in a piece of JSON.
fn id_in(json: &[u8]) -> Option<Id> {
    let at = find(json, ID)? + ID.len();
    json.get(at..at + 32)?.try_into().ok()
}

/// The bound, in milliseconds, of the bucket that a share of what came between two scrapes is in.
fn quantile(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>, share: f64) -> f64 {
    let mut buckets: Vec<(f64, f64)> = after
        .iter()
        .filter_map(|(name, count)| {
            let bound = name.strip_prefix(PROJECTED)?.trim_end_matches("\"}");
            let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
            Some((bound, count - before.get(name).copied().unwrap_or(0.0)))
        })
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all = buckets.last().map_or(0.0, |(_, count)| *count);
    let found = buckets.iter().find(|(_, count)| *count >= all * share);
    found.map_or(0.0, |(bound, _)| bound * 1_000.0)
}

fn print(options: &Options, rounds: &[Round]) {
    let mut table = Table::new([
        "lag, half of full load",
        "full /s",
        "half /s",
        "lag p50 ms",
        "p99 ms",
        "max ms",
        "metric p99 up to ms",
        "answer p50 ms",
        "p99 ms",
        "failed",
    ]);
    for (number, round) in rounds.iter().enumerate() {
        table.row(vec![
            format!("round {}", number + 1),
            whole(round.full),
            whole(round.half.rate()),
            millis(round.lag.at(0.5)),
            millis(round.lag.at(0.99)),
            millis(round.lag.longest()),
            whole(round.metric),
            millis(round.half.latency.at(0.5)),
            millis(round.half.latency.at(0.99)),
            round.half.failures.to_string(),
        ]);
    }
    table.print();
    print_others(&rounds.iter().map(|round| round.others).collect::<Vec<_>>());
    let told: u64 = rounds.iter().map(|round| round.lag.count()).sum();
    println!("{} answers matched with their records", whole(told as f64));
    let p99 = median(rounds.iter().map(|round| round.lag.at(0.99)).collect());
    let goals = format!("{} nodes: p99 of the lag below 250 ms at half load", options.nodes);
    goal(&goals, &format!("{} ms", millis(p99)), p99 < 250.0 && told > 0);
}
