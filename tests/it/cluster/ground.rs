//! An engine in this process with a keyspace and topics of its own, and traffic there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use parlor::engine::EventLog;
use parlor::engine::cluster::cql::{Cql, Kept, Stored};
use parlor::engine::cluster::{Cluster, Settings, cql, kafka, migrate, verify};
use rand::RngExt;
use tokio_util::sync::CancellationToken;

use crate::engines::samples::Thread;
use crate::engines::toy;
use crate::harness::cluster::Nobody;
use crate::harness::services::Services;

/// A keyspace and topics of its own.
pub async fn ground(partitions: u32) -> Settings {
    let services = Services::shared().await;
    let name = format!("rebuilt_{:08x}", rand::random::<u32>());
    let kafka = kafka::Settings {
        brokers: vec![services.kafka.clone()],
        options: BTreeMap::new(),
        prefix: name.clone(),
        partitions,
        replication: 1,
        min_insync: 1,
        generation: 1,
    };
    let cql = cql::Settings {
        hosts: vec![services.cql.clone()],
        user: None,
        password: None,
        tls: false,
        ca: None,
        keyspace: name,
        replication: 1,
        schema: toy::schema(),
        clock: parlor::app::clock::now,
    };
    let settings = Settings { kafka, cql, search: None };
    migrate(&settings).await.expect("migrated");
    settings
}

pub async fn open(settings: &Settings) -> Arc<Cluster> {
    let engine = Cluster::open(settings, Arc::new(Nobody), true).await;
    Arc::new(engine.expect("the cluster opens"))
}

/// One that reads and appends, and owns no partition.
pub async fn reader(settings: &Settings) -> Cluster {
    Cluster::open(settings, Arc::new(Nobody), false).await.expect("the cluster opens")
}

/// The same cluster with its views in another keyspace.
pub fn within_keyspace(settings: &Settings, keyspace: &str) -> Settings {
    let cql = cql::Settings { keyspace: keyspace.to_owned(), ..settings.cql.clone() };
    Settings { cql, ..settings.clone() }
}

pub fn second(settings: &Settings) -> String {
    format!("{}_2", settings.cql.keyspace)
}

/// Whatever may happen in a conversation next; gives how many events that were.
pub async fn happens(engine: &Cluster, thread: &Thread) -> usize {
    let (message, inbound) = thread.inbound("hello");
    let events = match rand::rng().random_range(0..10) {
        0 => vec![inbound],
        1 => vec![inbound, thread.resolved()],
        2 => vec![inbound, thread.escalated(message)],
        // Made in the order in which it happens: times must not run backwards.
        3 => vec![thread.assigned(), thread.inbound("hello").1],
        4 => vec![inbound, thread.assigned(), thread.reply(message, "too late")],
        5 => vec![thread.inbound_with_key(&rand::random::<u64>().to_string()).1],
        _ => vec![inbound, thread.reply(message, "hi"), thread.read(message)],
    };
    let count = events.len();
    engine.append(events).await.expect("appended");
    if rand::random_ratio(1, 10) {
        return count + comes_and_goes(engine, thread).await;
    }
    count
}

/// Another conversation of the contact, which is deleted; gives how many events that were.
async fn comes_and_goes(engine: &Cluster, thread: &Thread) -> usize {
    let brief = Thread { id: parlor::app::clock::mint(), ..thread.clone() };
    let begin = brief.begin().split_off(1);
    engine.append(begin).await.expect("appended");
    let end = vec![brief.inbound("hello").1, brief.deleted()];
    engine.append(end).await.expect("appended");
    3
}

/// So many conversations at once, of so many steps each; gives them and how many events.
pub async fn traffic(engine: &Arc<Cluster>, threads: usize, steps: usize) -> (Vec<Thread>, usize) {
    let each = (0..threads).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let thread = Thread::begun(&*engine).await;
            let mut events = 2;
            for _ in 0..steps {
                events += happens(&engine, &thread).await;
            }
            (thread, events)
        })
    });
    let done = join_all(each).await.into_iter().map(|task| task.expect("no task fails"));
    let (threads, events): (Vec<_>, Vec<usize>) = done.unzip();
    (threads, events.into_iter().sum())
}

/// Traffic without an end, until it is told; gives how many events.
pub struct Load {
    stop: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    events: Arc<AtomicUsize>,
}

impl Load {
    pub fn begin(engine: &Arc<Cluster>, threads: usize) -> Self {
        let (stop, events) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
        let tasks = (0..threads).map(|_| {
            let (engine, stop, events) = (engine.clone(), stop.clone(), events.clone());
            tokio::spawn(async move {
                let mut thread = Thread::begun(&*engine).await;
                events.fetch_add(2, Ordering::Relaxed);
                while !stop.is_cancelled() {
                    if rand::rng().random_range(0..20) == 0 {
                        thread = Thread::begun(&*engine).await;
                        events.fetch_add(2, Ordering::Relaxed);
                    }
                    events.fetch_add(happens(&engine, &thread).await, Ordering::Relaxed);
                }
            })
        });
        let tasks = tasks.collect();
        Self { stop, tasks, events }
    }

    pub fn so_far(&self) -> usize {
        self.events.load(Ordering::Relaxed)
    }

    pub async fn end(self) -> usize {
        self.stop.cancel();
        for task in self.tasks {
            task.await.expect("no append fails");
        }
        self.events.load(Ordering::Relaxed)
    }
}

pub async fn clean(settings: &Settings) -> usize {
    let (events, difference) = verify(settings).await.expect("verified");
    assert_eq!(difference, None);
    usize::try_from(events).expect("few")
}

pub async fn rows(settings: &Settings) -> BTreeMap<(Kept, String), String> {
    let cql = Cql::open(&settings.cql).await.expect("opened");
    let mut rows = BTreeMap::new();
    for kept in cql.kept() {
        let found: Vec<Stored> = cql.scan(kept).try_collect().await.expect("scanned");
        rows.extend(found.into_iter().map(|row| ((kept, row.key), row.value)));
    }
    rows
}
