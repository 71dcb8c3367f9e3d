//! Filling a second keyspace from the log, against reading the log and doing nothing with it.
//!
//! The log is filled by a producer alone, with a real conversation's events under fresh ids, and no
//! node is running: what is measured is `parlor rebuild --into`, which then also compares every row
//! with the log. The raw consumer reads the same topic through the same driver.

use std::{
    io, thread,
    time::{Duration, Instant},
};

use parlor::{domain::event::Event, engine::cluster::kafka::record::partition_of};
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, Headers, Message, OwnedHeaders},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};

use super::{Place, nodes::Nodes, services::Services, topics::Topics};
use crate::{
    bulk::Mould,
    conversations::fill_one,
    figures::{Table, goal, median, millis, whole},
    server::Setting,
};

/// How much to rebuild.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Events in the log.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Messages of a conversation, and as many replies less one half.
    #[arg(long, default_value_t = 20)]
    messages: usize,
    /// Rounds; each reads the log both ways once, in turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Events a second.
#[derive(Default)]
struct Rates {
    raw: Vec<f64>,
    /// Filling alone.
    filled: Vec<f64>,
    /// Filling and comparing, the program's start included.
    all: Vec<f64>,
}

/// Measures, prints the table and the goal.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    let services = Services::start(&options.place)?;
    let mut nodes = Nodes::start(setting, &services, 1).await?;
    fill_one(&nodes.servers[0], options.messages).await?;
    nodes.servers.clear();
    let topics = Topics::open(&services, &nodes.name)?;
    fill(&services, &topics, options.events)?;
    let mut rates = Rates::default();
    let mut events = 0;
    for round in 0..options.rounds {
        let raw = topics.consume("events", None, |_| ())?;
        events = raw.records;
        rates.raw.push(raw.records as f64 / raw.wall.as_secs_f64());
        let into = format!("{}_{round}", nodes.name);
        let began = Instant::now();
        let (_, said) = setting.run(&["rebuild", "--into", &into], nodes.connection())?;
        rates.all.push(raw.records as f64 / began.elapsed().as_secs_f64());
        rates.filled.extend(filled_per_second(&said));
    }
    print(events, &rates);
    Ok(())
}

/// Produces events until the topic holds so many.
fn fill(services: &Services, topics: &Topics, events: u64) -> io::Result<()> {
    let mould = mould(topics)?;
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", &services.kafka)
        .set("compression.type", "lz4")
        .create()
        .map_err(io::Error::other)?;
    let topic = topics.topic("events");
    let mut count = 0;
    while count < events {
        for event in mould.cast()?.into_iter().flatten() {
            let partition = partition_of(event.key, services.partitions);
            produce(&producer, &topic, partition as i32, &event)?;
            count += 1;
        }
    }
    producer.flush(Duration::from_secs(60)).map_err(io::Error::other)
}

/// The events that are in the topic, as a mould.
fn mould(topics: &Topics) -> io::Result<Mould> {
    let mut found = Vec::new();
    topics.consume("events", None, |message| {
        let text =
            |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        let header = |name: &str| {
            let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
            let mut headers = headers.filter(|header| header.key == name);
            text(headers.next().and_then(|header| header.value))
        };
        found.push(format!(
            r#"{{"id":"{}","type":"{}","at":"{}","account":"{}","key":"{}","data":{}}}"#,
            header("ce_id"),
            header("ce_type"),
            header("ce_time"),
            header("account"),
            text(message.key()),
            text(message.payload()),
        ));
    })?;
    let events: Result<Vec<Event>, _> =
        found.iter().map(|text| serde_json::from_str(text)).collect();
    Mould::of(events?.iter())
}

fn produce(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    partition: i32,
    event: &Event,
) -> io::Result<()> {
    let (key, value) = (event.key.to_string(), event.body.data_json()?);
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", &event.id.to_string()),
        ("ce_type", event.body.name()),
        ("ce_source", "/parlor"),
        ("ce_subject", &key),
        ("ce_time", &event.at.to_string()),
        ("content-type", "application/json"),
        ("account", &event.account.to_string()),
    ];
    let none = OwnedHeaders::new_with_capacity(headers.len());
    let headers = headers
        .into_iter()
        .fold(none, |all, (key, value)| all.insert(Header { key, value: Some(value) }));
    let mut record =
        BaseRecord::to(topic).partition(partition).key(&key).payload(&value).headers(headers);
    // For as long as a broker may take to make room.
    let until = Instant::now() + Duration::from_secs(30);
    while let Err((error, refused)) = producer.send(record) {
        let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
        if error != full || Instant::now() > until {
            return Err(io::Error::other(error));
        }
        record = refused;
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// What the program said of its filling.
fn filled_per_second(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.contains("filling: done"))?;
    line.split("per_second=").nth(1)?.split_whitespace().next()?.parse().ok()
}

fn print(events: u64, rates: &Rates) {
    let mut table = Table::new(["rebuild", "events/s", "least to most", "of the raw consumer's"]);
    for (name, of) in [
        ("raw consumer", &rates.raw),
        ("parlor rebuild, filling", &rates.filled),
        ("parlor rebuild, with start and comparing", &rates.all),
    ] {
        let least = of.iter().copied().fold(f64::INFINITY, f64::min);
        let most = of.iter().copied().fold(0.0, f64::max);
        let pairs = of.iter().zip(&rates.raw);
        let ratio = median(pairs.map(|(ours, raw)| ours / raw).collect());
        table.row(vec![
            name.to_owned(),
            whole(median(of.clone())),
            format!("{}–{}", whole(least), whole(most)),
            millis(ratio),
        ]);
    }
    table.print();
    println!("{} events in the log", whole(events as f64));
    let pairs = rates.filled.iter().zip(&rates.raw);
    let ratio = median(pairs.map(|(ours, raw)| ours / raw).collect());
    goal("rebuild at least 1/3 of the raw consumer's events/s", &millis(ratio), ratio >= 1.0 / 3.0);
}
