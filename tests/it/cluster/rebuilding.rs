//! The views are a function of the log: they are compared with it and filled from it while nodes
//! write.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use parlor::domain::seq::Seq;
use parlor::engine::cluster::cql::{Cql, Stored, Table};
use parlor::engine::cluster::{Cluster, Settings, cql, kafka, migrate, rebuild, verify};
use parlor::engine::{Engine, EventLog, Topic};
use rand::RngExt;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::response::query_result::QueryResult;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::engines::samples::Thread;
use crate::harness::cluster::Nobody;
use crate::harness::server::parlor;
use crate::harness::services::Services;
use crate::harness::wait::{eventually_in, within_time};

/// A busy machine needs this for some ten thousand events.
const PATIENCE: Duration = Duration::from_secs(120);

/// A keyspace and topics of its own.
async fn ground(partitions: u32) -> Settings {
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
        keyspace: name,
        replication: 1,
    };
    let settings = Settings { kafka, cql, search: None, clock: parlor::app::clock::now };
    migrate(&settings).await.expect("migrated");
    settings
}

async fn open(settings: &Settings) -> Arc<Cluster> {
    let engine = Cluster::open(settings, Arc::new(Nobody), true).await;
    Arc::new(engine.expect("the cluster opens"))
}

/// The same cluster with its views in another keyspace.
fn within_keyspace(settings: &Settings, keyspace: &str) -> Settings {
    let cql = cql::Settings { keyspace: keyspace.to_owned(), ..settings.cql.clone() };
    Settings { cql, ..settings.clone() }
}

fn second(settings: &Settings) -> String {
    format!("{}_2", settings.cql.keyspace)
}

/// Whatever may happen in a conversation next; gives how many events that were.
async fn happens(engine: &Cluster, thread: &Thread) -> usize {
    let (message, inbound) = thread.inbound("hello");
    let events = match rand::rng().random_range(0..10) {
        0 => vec![inbound],
        1 => vec![inbound, thread.resolved()],
        2 => vec![inbound, thread.escalated(message)],
        3 => vec![thread.assigned(), inbound],
        4 => vec![inbound, thread.assigned(), thread.reply(message, "too late")],
        5 => vec![thread.inbound_with_key(&rand::random::<u64>().to_string()).1],
        _ => vec![inbound, thread.reply(message, "hi"), thread.read(message)],
    };
    let count = events.len();
    engine.append(events).await.expect("appended");
    count
}

/// So many conversations at once, of so many steps each; gives them and how many events.
async fn traffic(engine: &Arc<Cluster>, threads: usize, steps: usize) -> (Vec<Thread>, usize) {
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
struct Load {
    stop: CancellationToken,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    events: Arc<AtomicUsize>,
}

impl Load {
    fn begin(engine: &Arc<Cluster>, threads: usize) -> Self {
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

    fn so_far(&self) -> usize {
        self.events.load(Ordering::Relaxed)
    }

    async fn end(self) -> usize {
        self.stop.cancel();
        for task in self.tasks {
            task.await.expect("no append fails");
        }
        self.events.load(Ordering::Relaxed)
    }
}

async fn clean(settings: &Settings) -> usize {
    let (events, difference) = verify(settings).await.expect("verified");
    assert_eq!(difference, None);
    usize::try_from(events).expect("few")
}

async fn rows(settings: &Settings) -> BTreeMap<(Table, String), String> {
    let cql = Cql::open(&settings.cql).await.expect("opened");
    let mut rows = BTreeMap::new();
    for table in Table::ALL {
        let found: Vec<Stored> = cql.scan(table).try_collect().await.expect("scanned");
        rows.extend(found.into_iter().map(|row| ((table, row.key), row.value)));
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nodes_write_is_what_the_log_says_at_any_moment() {
    let settings = ground(3).await;
    let engine = open(&settings).await;
    let (_, before) = traffic(&engine, 20, 10).await;
    assert_eq!(clean(&settings).await, before, "all events were folded");
    let load = Load::begin(&engine, 16);
    for _ in 0..4 {
        let known = before + load.so_far();
        assert!(clean(&settings).await >= known, "what was written before is there");
    }
    let all = before + load.end().await;
    engine.close().await;
    assert_eq!(clean(&settings).await, all);
}

/// Changes views behind the engine's back.
struct Hand {
    session: Session,
    settings: Settings,
}

/// A row, how to find it, and how to make it another.
struct Row {
    /// As differences name it.
    table: &'static str,
    key: &'static [&'static str],
    columns: Value,
    /// A column that is no key, and something else to stand there.
    change: (&'static str, Value),
    /// A column of the key, and another place.
    another: (&'static str, Value),
}

impl Row {
    fn with(&self, (column, value): &(&str, Value)) -> Value {
        let mut columns = self.columns.clone();
        columns[*column] = value.clone();
        columns
    }

    fn at(&self, columns: &Value) -> String {
        let literal =
            |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let equals = |column: &&str| format!("{column} = {}", literal(&columns[*column]));
        self.key.iter().map(equals).collect::<Vec<_>>().join(" AND ")
    }
}

impl Hand {
    async fn new(settings: &Settings) -> Self {
        let session = SessionBuilder::new().known_node(&settings.cql.hosts[0]).build().await;
        Self { session: session.expect("connected"), settings: settings.clone() }
    }

    async fn does(&self, statement: &str) -> QueryResult {
        let keyspace = &self.settings.cql.keyspace;
        let statement = statement.replace("ks.", &format!("{keyspace}."));
        let done = self.session.query_unpaged(statement.clone(), ()).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"))
    }

    /// The first row of a view that has a turn, or any.
    async fn finds(&self, table: &str) -> Value {
        let found = self.does(&format!("SELECT JSON * FROM ks.{table} LIMIT 1")).await;
        let row = found.into_rows_result().expect("rows").first_row::<(String,)>();
        serde_json::from_str(&row.expect("a row").0).expect("JSON")
    }

    async fn puts(&self, table: &str, columns: &Value) {
        let columns = columns.to_string().replace('\'', "''");
        self.does(&format!("INSERT INTO ks.{table} JSON '{columns}'")).await;
    }

    /// Verifies; the difference must be in this table.
    async fn is_found_out(&self, table: &str, what: &str) -> String {
        let (_, difference) = verify(&self.settings).await.expect("verified");
        let difference = difference.unwrap_or_else(|| panic!("{what} of {table} is not found"));
        let of_it = format!("{}.{table} ", self.settings.cql.keyspace);
        assert!(difference.starts_with(&of_it), "{what} of {table}: {difference}");
        difference
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifying_names_what_was_changed_by_hand() {
    let settings = ground(2).await;
    let engine = open(&settings).await;
    let (threads, _) = traffic(&engine, 4, 4).await;
    for thread in &threads {
        // Whatever happened, this turn is owed.
        let events = vec![thread.resolved(), thread.inbound("hello").1];
        engine.append(events).await.expect("appended");
    }
    engine.close().await;
    clean(&settings).await;
    let hand = Hand::new(&settings).await;
    let other = json!(uuid::Uuid::new_v4().to_string());
    let rows = [
        (
            "timeline",
            &["account", "conversation", "seq"][..],
            ("event", json!("{}")),
            ("seq", json!(5)),
        ),
        ("contacts", &["account", "contact"], ("state", json!("{}")), ("contact", other.clone())),
        ("pages", &["account", "conversation", "block"], ("seq", json!(7)), ("block", json!(7))),
        ("turns_due", &["log_partition", "seq"], ("turn", json!("{}")), ("seq", json!(5))),
        (
            "totals",
            &["account", "log_partition"],
            ("inbound", json!(77)),
            ("log_partition", json!(7)),
        ),
    ];
    for (table, key, change, another) in rows {
        let row = Row { table, key, columns: hand.finds(table).await, change, another };
        hand.puts(table, &row.with(&row.change)).await;
        let difference = hand.is_found_out(row.table, "a changed row").await;
        let [found, expected] = [": found ", "; expected "].map(|word| difference.contains(word));
        assert!(found && expected && !difference.contains("no such row"), "{difference}");

        hand.does(&format!("DELETE FROM ks.{table} WHERE {}", row.at(&row.columns))).await;
        let difference = hand.is_found_out(row.table, "a missing row").await;
        assert!(difference.contains("found no such row"), "{difference}");

        hand.puts(table, &row.columns).await;
        let too_many = row.with(&row.another);
        hand.puts(table, &too_many).await;
        let difference = hand.is_found_out(row.table, "a row too many").await;
        assert!(difference.contains("expected no such row"), "{difference}");
        hand.does(&format!("DELETE FROM ks.{table} WHERE {}", row.at(&too_many))).await;
        clean(&settings).await;
    }
    let columns = hand.finds("timeline").await;
    let of = |column: &str| columns[column].as_str().expect("a text").to_owned();
    let at = format!("account = {} AND conversation = {}", of("account"), of("conversation"));
    hand.does(&format!("UPDATE ks.timeline SET state = 'tampered' WHERE {at}")).await;
    let difference = hand.is_found_out("timeline.state", "a changed state").await;
    assert!(difference.contains("found tampered"), "{difference}");
    hand.does(&format!("DELETE state FROM ks.timeline WHERE {at}")).await;
    hand.is_found_out("timeline.state", "a missing state").await;
    // What is written by hand wins over the log for ever: only another keyspace mends it.
    let into = second(&settings);
    rebuild(&settings, &into)
        .await
        .expect("a keyspace that is wrong does not keep from filling another");
    clean(&within_keyspace(&settings, &into)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyspace_is_filled_under_load() {
    let settings = ground(3).await;
    let engine = open(&settings).await;
    let (threads, _) = traffic(&engine, 30, 10).await;
    let keyed = threads[0].inbound_with_key("remembered");
    engine.append(vec![keyed.1]).await.expect("appended");
    let load = Load::begin(&engine, 16);
    let into = second(&settings);
    let known = load.so_far();
    let filled = within_time(PATIENCE, "the rebuild", rebuild(&settings, &into)).await;
    assert!(filled.expect("filled") > known as u64);
    load.end().await;
    let other = within_keyspace(&settings, &into);
    clean(&settings).await;
    let again =
        rebuild(&settings, &into).await.expect("run again, it brings it up to the log's end");
    assert_eq!(clean(&other).await as u64, again);
    engine.close().await;
    assert!(rows(&settings).await == rows(&other).await, "both have the same rows");
    let cql = Cql::open(&other.cql).await.expect("opened");
    let claim = cql.claim(threads[0].account, "remembered").await.expect("readable");
    let claim = claim.expect("a key is remembered");
    assert!(claim.kept && claim.row.message_id == keyed.0, "{claim:?}");
    let mut stolen = claim.row.clone();
    stolen.message_id = keyed.0.reply();
    let holder = cql.try_claim(&stolen).await.expect("asked");
    assert_eq!(holder, Some(claim.row), "a node on the new keyspace refuses who comes again");
    assert!(rebuild(&settings, &settings.cql.keyspace).await.is_err(), "not the live one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_was_killed_goes_on_where_it_was() {
    let settings = ground(2).await;
    let engine = open(&settings).await;
    // Several batches of each partition, since a batch has so many bytes.
    let text = "so much to say ".repeat(600);
    let threads = join_all((0..20).map(|_| Thread::begun(&*engine))).await;
    let says = threads.iter().map(|thread| async {
        for _ in 0..50 {
            let (message, inbound) = thread.inbound(&text);
            let events = vec![inbound, thread.reply(message, &text)];
            engine.append(events).await.expect("appended");
        }
    });
    join_all(says).await;
    engine.close().await;

    let into = second(&settings);
    let other = within_keyspace(&settings, &into);
    cql::migrate(&other.cql).await.expect("migrated");
    let cql = Cql::open(&other.cql).await.expect("opened");
    let reached = async || {
        let ends = join_all((0..2).map(|partition| cql.checkpoint(partition))).await;
        ends.into_iter().map(|end| end.expect("readable").unwrap_or_default().seq).max()
    };
    let mut command = parlor();
    command.args(["rebuild", "--into", &into, "--engine", "cluster"]);
    command.args(["--kafka", &settings.kafka.brokers[0], "--cql", &settings.cql.hosts[0]]);
    command.args(["--keyspace", &settings.cql.keyspace, "--topic-prefix", &settings.kafka.prefix]);
    command.args(["--partitions", "2", "--replication", "1", "--min-insync", "1"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().expect("it runs");
    eventually_in(PATIENCE, "the rebuild has begun", async || {
        reached().await.filter(|seq| *seq > Seq::START)
    })
    .await;
    child.kill().await.expect("killed");
    let left = reached().await.expect("two partitions");
    let (_, difference) = verify(&other).await.expect("verified");
    assert_eq!(difference, None, "what is there by then is right");
    let ends = join_all((0..2).map(|partition| engine.end(Topic::Events, partition))).await;
    let end = ends.into_iter().map(|end| end.expect("readable")).max().expect("two");
    assert!(left < end, "it was killed in the middle; give it more to do");

    rebuild(&settings, &into).await.expect("it goes on");
    clean(&other).await;
    assert!(rows(&settings).await == rows(&other).await, "both have the same rows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_partitions_keep_the_order_of_every_conversation() {
    let mut settings = ground(3).await;
    let engine = open(&settings).await;
    let (mut threads, before) = traffic(&engine, 20, 5).await;
    engine.close().await;
    (settings.kafka.generation, settings.kafka.partitions) = (2, 5);
    migrate(&settings).await.expect("migrated");
    let engine = open(&settings).await;
    let going_on = threads.iter().map(|thread| happens(&engine, thread));
    let more: usize = join_all(going_on).await.into_iter().sum();
    let (new, after) = traffic(&engine, 10, 5).await;
    threads.extend(new);
    engine.close().await;
    assert_eq!(clean(&settings).await, before + more + after, "both generations are folded");
    let into = second(&settings);
    rebuild(&settings, &into).await.expect("filled");
    let other = within_keyspace(&settings, &into);
    clean(&other).await;
    assert!(rows(&settings).await == rows(&other).await, "both have the same rows");
    let cql = Cql::open(&other.cql).await.expect("opened");
    for thread in &threads {
        let timeline = cql.timeline(thread.account, thread.id, Seq::START, 1_000).await;
        let at: Vec<_> = timeline.expect("readable").iter().map(|entry| entry.event.at).collect();
        assert!(at.len() > 5 && at.is_sorted(), "as it happened, over both generations");
    }
    let first = Settings {
        kafka: kafka::Settings { generation: 1, partitions: 3, ..settings.kafka.clone() },
        ..settings.clone()
    };
    assert!(verify(&first).await.is_err(), "half a log is not compared with");
}
