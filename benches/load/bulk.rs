//! Filling a data directory through the engine, without the server.
//!
//! A conversation had through the front door is the mould: its events are read from the log and
//! appended again and again under fresh ids. So what is stored looks as the server stores it,
//! whatever fields events come to have, and ten million of them take minutes.

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use parlor::{
    domain::{event::Event, seq::Seq},
    engine::{
        Engine, EventLog, Observer, Recorded, SCHEMA, Topic,
        embedded::{Embedded, Options},
    },
};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::figures::whole;

/// Appends that wait at a time: enough to fill the engine's batches.
const WAITING: usize = 128;

/// How many bytes the events in a directory's log take as JSON; no server has it open.
///
/// # Errors
/// If the engine refuses.
pub(crate) async fn event_bytes(directory: &Path) -> io::Result<u64> {
    let options = Options {
        dir: directory.to_owned(),
        cache_bytes: 64 << 20,
        reserve_bytes: 0,
        schema: &SCHEMA,
    };
    let engine = Embedded::open(&options, Arc::new(Nobody)).map_err(io::Error::other)?;
    let (mut after, mut bytes) = (Seq::START, 0);
    loop {
        let page = engine.read(Topic::Events, 0, after, 1_000).await.map_err(io::Error::other)?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        for entry in &page {
            bytes += serde_json::to_vec(&*entry.event)?.len() as u64;
        }
    }
    engine.close().await;
    Ok(bytes)
}

/// Adds events to the log in `directory`, which no server has open and which holds one
/// conversation; how many events it then holds.
///
/// # Errors
/// If the engine refuses, or holds no event to copy.
pub(crate) async fn fill(directory: &Path, events: u64, most: Duration) -> io::Result<u64> {
    let options = Options {
        dir: directory.to_owned(),
        cache_bytes: 64 << 20,
        reserve_bytes: 256 << 20,
        schema: &SCHEMA,
    };
    let engine = Embedded::open(&options, Arc::new(Nobody)).map_err(io::Error::other)?;
    let engine = Arc::new(engine);
    let real = engine.read(Topic::Events, 0, Seq::START, 1_000).await.map_err(io::Error::other)?;
    let mould = Arc::new(Mould::of(real.iter().map(|entry| &*entry.event))?);
    let stored = Arc::new(AtomicU64::new(real.len() as u64));
    let until = Instant::now() + most;
    let mut tasks = JoinSet::new();
    for task in 0..WAITING {
        let (engine, mould, stored) = (engine.clone(), mould.clone(), stored.clone());
        tasks.spawn(async move {
            let mut said = Instant::now();
            while stored.load(Relaxed) < events && Instant::now() < until {
                for stream in mould.cast()? {
                    let count = stream.len() as u64;
                    engine.append(stream).await.map_err(io::Error::other)?;
                    stored.fetch_add(count, Relaxed);
                }
                if task == 0 && said.elapsed() > Duration::from_secs(20) {
                    println!("… {} events", whole(stored.load(Relaxed) as f64));
                    said = Instant::now();
                }
            }
            Ok::<_, io::Error>(())
        });
    }
    for outcome in tasks.join_all().await {
        outcome?;
    }
    engine.close().await;
    Ok(stored.load(Relaxed))
}

/// The events of one conversation, with holes where their ids were.
pub(crate) struct Mould {
    events: Vec<Vec<Part>>,
    /// An example of the id for each hole.
    ids: Vec<String>,
}

enum Part {
    Text(String),
    Id(usize),
}

impl Mould {
    /// Takes the events of one conversation, and of its contact.
    ///
    /// # Errors
    /// If there are none.
    pub(crate) fn of<'a>(real: impl Iterator<Item = &'a Event>) -> io::Result<Self> {
        let mut real = real.peekable();
        let Some(first) = real.peek() else {
            return Err(io::Error::other("the log holds no conversation to copy"));
        };
        let account = first.account.to_string();
        let mut ids = HashMap::new();
        let mut texts = Vec::new();
        for event in real {
            let json = serde_json::to_value(event)?;
            collect_ids(&json, &account, &mut ids);
            texts.push(json.to_string());
        }
        let events = texts.iter().map(|text| cut(text, &ids)).collect();
        let mut found = vec![String::new(); ids.len()];
        for (id, hole) in ids {
            found[hole] = id;
        }
        Ok(Self { events, ids: found })
    }

    /// The events under fresh ids, those of one stream together.
    ///
    /// # Errors
    /// If they can no longer be read as events.
    pub(crate) fn cast(&self) -> io::Result<Vec<Vec<Event>>> {
        let ids: Vec<String> = self.ids.iter().map(|id| fresh(id)).collect();
        let mut streams: Vec<Vec<Event>> = Vec::new();
        let mut json = String::new();
        for parts in &self.events {
            json.clear();
            for part in parts {
                json.push_str(match part {
                    Part::Text(text) => text,
                    Part::Id(hole) => &ids[*hole],
                });
            }
            let event: Event = serde_json::from_str(&json)?;
            match streams.last_mut().filter(|stream| stream[0].key == event.key) {
                Some(stream) => stream.push(event),
                None => streams.push(vec![event]),
            }
        }
        Ok(streams)
    }
}

/// Finds the values that are ids, by the names of their fields; the account stays as it is.
fn collect_ids(json: &Value, account: &str, ids: &mut HashMap<String, usize>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                let names_id = name == "id" || name == "in_reply_to" || name.ends_with("_id");
                match value.as_str() {
                    Some(id) if names_id && id != account => {
                        let next = ids.len();
                        ids.entry(id.to_owned()).or_insert(next);
                    }
                    _ => collect_ids(value, account, ids),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_ids(value, account, ids)),
        _ => {}
    }
}

/// Cuts the JSON of an event at every string that is one of the ids.
fn cut(json: &str, ids: &HashMap<String, usize>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = String::new();
    for (index, string) in json.split('"').enumerate() {
        if index > 0 {
            text.push('"');
        }
        match ids.get(string) {
            Some(hole) => {
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(Part::Id(*hole));
            }
            None => text.push_str(string),
        }
    }
    parts.push(Part::Text(text));
    parts
}

/// A new id that is written as this one is: a prefix and base 62, or hex digits.
fn fresh(like: &str) -> String {
    let id = uuid::Uuid::now_v7();
    match like.rsplit_once('_') {
        Some((prefix, _)) => format!("{prefix}_{}", base62::encode(id.as_u128())),
        None => id.simple().to_string(),
    }
}

/// Nobody reads while the log is filled.
struct Nobody;

impl Observer for Nobody {
    fn committed(&self, _: &[Recorded]) {}

    fn interrupted(&self) {}
}
