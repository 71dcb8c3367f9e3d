//! The cluster engine's handle: opening, appending, reading the log, closing.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::append::appends::{Appends, Here};
use super::append::applied::Tag;
use super::append::producer::{Producer, Record};
use super::core::Core;
use super::cql::{self, Cql};
use super::kafka::group::{self, Group};
use super::kafka::polling::Polling;
use super::kafka::reader::PageReader;
use super::kafka::record::{headers, partition_of};
use super::kafka::{self, Quiet, QuietConsumer, blocking, client_error};
use super::monitor;
use super::project::owned::OwnedPartitions;
use super::project::projector;
use super::relay::tail;
use super::relay::{ClusterRelay, Handle};
use super::releases::Releases;
use super::search::{self, Access, Indexer, OpenSearch};
use super::trouble::Troubles;
use super::views::SharedQuotas;
use crate::domain::conversation::{Effect, Why};
use crate::domain::event::Event;
use crate::domain::seq::Seq;
use crate::engine::feed::Follower;
use crate::engine::relay::{Relay, Whereabouts};
use crate::engine::{
    Appended, Engine, Error, EventLog, Health, Observer, Quotas, Recorded, Result, Search, Topic,
};

/// Events of this node that may be on their way.
const UNDER_WAY: usize = 65_536;
/// How long an append waits for room, and then for its events to be in the views.
const ROOM_TIMEOUT: Duration = Duration::from_secs(2);
const APPEND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an append waits for another group that is said to keep up.
const OTHERS_TIMEOUT: Duration = Duration::from_secs(10);
/// A note that has not come by now may be lost: the views are asked.
const NOTE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long closing waits for what was handed over.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where OpenSearch is. Not `Debug`: the URL may hold a password.
#[derive(Clone)]
pub struct SearchEndpoint {
    pub url: String,
    pub access: Access,
}

/// Where everything is.
#[derive(Clone)]
pub struct Settings {
    pub kafka: kafka::Settings,
    pub cql: cql::Settings,
    /// None leaves conversations unindexed.
    pub search: Option<SearchEndpoint>,
}

/// The engine of one node. Cheap to share.
pub struct Cluster {
    pub(super) core: Arc<Core>,
    room: Arc<Semaphore>,
    appending: TaskTracker,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
}

/// Makes what is missing: topics, keyspace, tables, the search index. Nodes may do it at once.
///
/// # Errors
/// [`Error::ReadOnly`] while something cannot be reached; [`Error::Storage`] when something is
/// there and not as the settings say.
pub async fn migrate(settings: &Settings) -> Result<()> {
    cql::check_build(&settings.cql)?;
    kafka::prepare(&settings.kafka).await.map_err(|error| named(error, &settings.kafka))?;
    cql::migrate(&settings.cql).await
}

/// Kafka's client says of a cluster that is away only that it is.
fn named(error: Error, settings: &kafka::Settings) -> Error {
    match error {
        Error::ReadOnly(problem) => Error::ReadOnly(format!(
            "{problem} (the setting kafka: {})",
            settings.brokers.join(",")
        )),
        other => other,
    }
}

impl Cluster {
    /// Joins the cluster; everything must have been migrated. One that does not project appends and
    /// reads alone: it owns no partition.
    ///
    /// # Errors
    /// As [`migrate`], of which it repeats the checks.
    pub async fn open(
        settings: &Settings,
        observer: Arc<dyn Observer>,
        projects: bool,
    ) -> Result<Self> {
        kafka::prepare(&settings.kafka).await.map_err(|error| named(error, &settings.kafka))?;
        let cql = Cql::open(&settings.cql).await?;
        let kafka = Arc::new(settings.kafka.clone());
        let config = kafka.tail();
        let consumer: Arc<QuietConsumer> =
            Arc::new(config.create_with_context(Quiet).map_err(client_error)?);
        let group = Group::of(&settings.cql.keyspace);
        let relay = ClusterRelay::new(kafka.replies(), group, kafka.partitions, consumer.clone());
        let appends = Arc::new(Appends::new(group));
        let node = Uuid::new_v4();
        let closing = CancellationToken::new();
        let core = Arc::new(Core {
            keyspace: settings.cql.keyspace.clone(),
            group,
            node,
            inbox: kafka.inbox_of(node),
            cql,
            producer: Arc::new(Producer::new(&kafka, appends.clone())?),
            appends,
            reader: PageReader::new(kafka.clone()),
            relay: Arc::new(relay),
            observer,
            clock: settings.cql.clock,
            settings: kafka,
            search: OnceLock::new(),
            owned: OwnedPartitions::new(&closing),
            releases: Releases::default(),
            polling: Polling::default(),
            troubles: Troubles::default(),
            closing,
        });
        core.relay.connect(&core);
        if let Some(endpoint) = &settings.search {
            core.search.set(start_search(&core, endpoint)?).ok();
        }
        let (assigning, assigned) = (core.clone(), consumer.clone());
        blocking(move || tail::assign(&assigning, &assigned)).await?;
        let mut threads = vec![tail::start(&core, consumer.clone())?];
        // Asked before the projector begins: what it has yet to do is seen.
        let begins = projects && group::is_empty(&core).await?;
        if projects {
            threads.push(projector::start(&core)?);
        }
        tokio::spawn(monitor::run(core.clone()));
        let cluster = Self {
            core: core.clone(),
            room: Arc::new(Semaphore::new(UNDER_WAY)),
            appending: TaskTracker::new(),
            threads: Mutex::new(threads),
        };
        let asking = core.clone();
        let others =
            projects && blocking(move || Ok(group::are_others(&asking, &consumer))).await?;
        if begins || others {
            group::keeps_up(&core).await?;
        }
        Ok(cluster)
    }

    fn check_writable(&self) -> Result<()> {
        if self.core.closing.is_cancelled() || self.appending.is_closed() {
            return Err(Error::ReadOnly("the server is stopping".into()));
        }
        self.core.trouble().map_or(Ok(()), |trouble| Err(Error::ReadOnly(trouble)))
    }
}

/// Produces, and waits until the views show it.
async fn append(
    core: Arc<Core>,
    room: Arc<Semaphore>,
    mut events: Vec<Event>,
) -> Result<Vec<Appended>> {
    core.releases.check(&mut events)?;
    let Some(first) = events.first() else { return Ok(Vec::new()) };
    let topic = Topic::of(first);
    debug_assert!(events.iter().all(|event| Topic::of(event) == topic && event.key == first.key));
    let partition = match topic {
        Topic::Events => partition_of(first.key, core.settings.partitions),
        Topic::Accounts => 0,
    };
    let count = u32::try_from(events.len().min(UNDER_WAY)).unwrap_or(u32::MAX);
    let room = tokio::time::timeout(ROOM_TIMEOUT, room.acquire_many_owned(count)).await;
    let Ok(Ok(_room)) = room else { return Err(Error::Overloaded) };
    let (number, outcome) = core.appends.begin(topic, events.len());
    let records = records(&core, number, &events);
    let handed_over = records.and_then(|records| {
        core.producer.append(&core.settings.log_now(topic), partition, number, &records)
    });
    if let Err(error) = handed_over {
        core.appends.failed(number, Error::Unknown);
        return Err(error);
    }
    let started = std::time::Instant::now();
    let results = settled(&core, number, outcome, &events, partition).await?;
    metrics::histogram!("parlor_log_append_seconds").record(started.elapsed());
    show(&core, &events, &results).await;
    Ok(results)
}

fn records(core: &Core, append: u64, events: &[Event]) -> Result<Vec<Record>> {
    let record = |(index, event): (usize, &Event)| {
        let index = u16::try_from(index)
            .map_err(|_| Error::Storage("an append has too many events".into()))?;
        let more = usize::from(index) + 1 < events.len();
        let tag = Tag { node: core.node, inbox: core.inbox, append, index, more };
        let value = event.body.data_json().map_err(|error| Error::Storage(error.to_string()))?;
        Ok(Record { key: event.key.to_string(), value, headers: headers(event, &tag) })
    };
    events.iter().enumerate().map(record).collect()
}

/// Waits for the partition's owner; where its word seems lost, looks at the views.
async fn settled(
    core: &Core,
    append: u64,
    mut outcome: oneshot::Receiver<Result<Vec<Appended>>>,
    events: &[Event],
    partition: u32,
) -> Result<Vec<Appended>> {
    let began = tokio::time::Instant::now();
    loop {
        match tokio::time::timeout(NOTE_TIMEOUT, &mut outcome).await {
            Ok(Ok(result)) => return result,
            Ok(Err(_)) => return Err(Error::Unknown),
            Err(_) => {}
        }
        let others_are_late = began.elapsed() >= OTHERS_TIMEOUT;
        match core.appends.here(append, others_are_late) {
            Here::Shown(results) => return Ok(results),
            Here::AwaitsOthers => continue,
            Here::NotYet => {}
        }
        if let Some(results) = look(core, append, events, partition).await {
            core.appends.failed(append, Error::Unknown);
            return Ok(results);
        }
        if began.elapsed() >= APPEND_TIMEOUT {
            core.appends.failed(append, Error::Unknown);
            return Err(Error::Unknown);
        }
    }
}

/// Search, and what keeps its index.
fn start_search(core: &Core, endpoint: &SearchEndpoint) -> Result<(Arc<Indexer>, OpenSearch)> {
    let search = OpenSearch::new(search::Settings {
        url: endpoint.url.clone(),
        access: endpoint.access.clone(),
        index: format!("{}-messages", core.settings.prefix.to_lowercase()),
        shards: core.settings.partitions.clamp(1, 6),
        replicas: core.settings.replication.saturating_sub(1).min(1),
    })?;
    Ok((Arc::new(Indexer::start(search.clone())), search))
}

/// What became of an append according to the views; none while they do not contain it all.
async fn look(core: &Core, append: u64, events: &[Event], partition: u32) -> Option<Vec<Appended>> {
    let places = core.appends.places(append)?;
    if Topic::of(events.first()?) == Topic::Accounts {
        return None;
    }
    let checkpoint = core.cql.checkpoint(partition).await.ok()??;
    if places.iter().any(|seq| *seq > checkpoint.seq) {
        return None;
    }
    let mut results = Vec::with_capacity(events.len());
    for (event, seq) in events.iter().zip(places) {
        let stands = match event.body.conversation() {
            Some(id) => core.cql.stands(event.account, id, seq).await.ok()?,
            None => true,
        };
        let effect = if stands { Effect::Applied } else { Effect::Discarded(Why::AlreadyApplied) };
        results.push(Appended { seq, effect });
    }
    Some(results)
}

/// Readers of this node see what was appended here before the caller has its answer.
async fn show(core: &Arc<Core>, events: &[Event], results: &[Appended]) {
    let mut last = None;
    for (event, result) in events.iter().zip(results) {
        if let Some(conversation) = event.body.conversation() {
            let (account, key) = (event.account, event.key);
            last = Some((Whereabouts { account, conversation, key }, result.seq));
        }
    }
    if let Some((place, seq)) = last {
        Handle(core.relay.clone()).shown(place, seq).await;
    }
}

#[async_trait]
impl EventLog for Cluster {
    fn partitions(&self, topic: Topic) -> u32 {
        match topic {
            Topic::Events => self.core.settings.partitions,
            Topic::Accounts => 1,
        }
    }

    async fn append(&self, events: Vec<Event>) -> Result<Vec<Appended>> {
        self.check_writable()?;
        let (core, room) = (self.core.clone(), self.room.clone());
        // A task of its own: whoever waits may go away.
        let task = self.appending.spawn(append(core, room, events));
        task.await.unwrap_or(Err(Error::Unknown))
    }

    async fn read(
        &self,
        topic: Topic,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        self.core.reader.read(topic, partition, after, limit).await
    }

    async fn end(&self, topic: Topic, partition: u32) -> Result<Seq> {
        self.core.reader.end(topic, partition).await
    }
}

#[async_trait]
impl Engine for Cluster {
    fn health(&self) -> Health {
        let readable = self.core.cql.is_reachable();
        let closed = || self.appending.is_closed().then(|| "closed".to_owned());
        let detail = self.core.trouble().or_else(closed);
        Health { writable: detail.is_none(), readable, detail }
    }

    fn relay(&self) -> Option<Arc<dyn Relay>> {
        Some(Arc::new(Handle(self.core.relay.clone())))
    }

    fn search(&self) -> Option<Arc<dyn Search>> {
        let (_, search) = self.core.search.get()?;
        Some(Arc::new(search.clone()))
    }

    fn followers(&self) -> Vec<Arc<dyn Follower>> {
        let search = self.core.search.get();
        search.map(|(indexer, _)| indexer.clone() as Arc<dyn Follower>).into_iter().collect()
    }

    fn quotas(&self) -> Option<Arc<dyn Quotas>> {
        Some(Arc::new(SharedQuotas(self.core.clone())))
    }

    async fn close(&self) {
        self.appending.close();
        self.appending.wait().await;
        self.core.closing.cancel();
        let core = self.core.clone();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            core.producer.flush(FLUSH_TIMEOUT);
            threads.into_iter().all(|thread| thread.join().is_ok())
        });
        if !matches!(joined.await, Ok(true)) {
            tracing::error!("a thread of the engine panicked");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.core.closing.cancel();
    }
}
