//! Kafka's clients: their settings, and the topics they use.

pub(super) mod group;
pub(super) mod polling;
pub(super) mod reader;
pub mod record;

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};
use uuid::Uuid;

use crate::engine::{Error, Result, Topic};

/// How long an answer of a broker is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Tells those who debug of a broker that is away: each client says so again and again, and whoever
/// waits for one of them says it once, with what it means.
pub(super) fn note_away(error: &KafkaError, reason: &str) {
    tracing::debug!(%error, reason, "a broker cannot be reached");
}

/// The context of a client that has nothing else to hear.
pub(super) struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        note_away(&error, reason);
    }
}

impl ConsumerContext for Quiet {}

/// A consumer that is quiet about brokers that are away.
pub(super) type QuietConsumer = BaseConsumer<Quiet>;

/// Which brokers, and how the topics are to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `host:port` of some brokers.
    pub brokers: Vec<String>,
    /// Any of librdkafka's properties, such as those of TLS and SASL; they win over ours.
    pub options: BTreeMap<String, String>,
    /// What all topics' names begin with, before a dot.
    pub prefix: String,
    /// Partitions of the events; the count of a topic never changes.
    pub partitions: u32,
    pub replication: u32,
    pub min_insync: u32,
    /// Which generation of the events is written, from 1.
    pub generation: u32,
}

impl Settings {
    /// The name of a log's topic; events have one for each generation.
    pub(super) fn log(&self, topic: Topic, generation: u32) -> String {
        match topic {
            Topic::Events if generation > 1 => format!("{}.events.g{generation}", self.prefix),
            Topic::Events => format!("{}.events", self.prefix),
            Topic::Accounts => format!("{}.accounts", self.prefix),
        }
    }

    /// The topic that is written now.
    pub(super) fn log_now(&self, topic: Topic) -> String {
        self.log(topic, self.generation)
    }

    /// Chunks and notices for readers; partitioned as the events.
    pub(super) fn replies(&self) -> String {
        match self.generation {
            0 | 1 => format!("{}.replies", self.prefix),
            generation => format!("{}.replies.g{generation}", self.prefix),
        }
    }

    /// Notes to the nodes that appended.
    pub(super) fn applied(&self) -> String {
        match self.generation {
            0 | 1 => format!("{}.applied", self.prefix),
            generation => format!("{}.applied.g{generation}", self.prefix),
        }
    }

    /// Partitions of those notes: where each node owns a partition of the events there are no more
    /// nodes than inboxes, so that a node reads few notes besides its own, however many nodes there
    /// are.
    pub(super) fn inboxes(&self) -> u32 {
        self.partitions.max(1)
    }

    /// The inbox of a node: any, as long as it is always the same.
    pub(super) fn inbox_of(&self, node: Uuid) -> u32 {
        u32::try_from(node.as_u128() % u128::from(self.inboxes())).unwrap_or(0)
    }

    /// The consumer group of those that project into a keyspace.
    pub(super) fn group(&self, keyspace: &str) -> String {
        format!("{}.projector.{keyspace}", self.prefix)
    }

    /// What every client is configured with.
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.brokers.join(","))
            .set("client.id", super::releases::client_id())
            .set("socket.nagle.disable", "true")
            .set("socket.keepalive.enable", "true")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.refresh.interval.ms", "30000");
        config
    }

    fn with_options(&self, mut config: ClientConfig) -> ClientConfig {
        for (name, value) in &self.options {
            config.set(name, value);
        }
        config
    }

    /// A producer's: what is acknowledged is in all in-sync replicas, once and in order.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            .set("linger.ms", "0")
            .set("statistics.interval.ms", "5000")
            .set("message.timeout.ms", "25000")
            .set("request.timeout.ms", "10000")
            .set("retry.backoff.ms", "50")
            .set("retry.backoff.max.ms", "500")
            .set("queue.buffering.max.messages", "200000")
            .set("queue.buffering.max.kbytes", "262144")
            .set("message.max.bytes", "1000000");
        self.with_options(config)
    }

    /// A consumer's that is told its partitions by us.
    pub(super) fn tail(&self) -> ClientConfig {
        let mut config = self.client();
        config
            // A group is named but never joined.
            .set("group.id", format!("{}.tail", self.prefix))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest")
            // A partition that is added waits for the fetch under way to end.
            .set("fetch.wait.max.ms", "50")
            .set("fetch.error.backoff.ms", "100")
            .set("fetch.queue.backoff.ms", "50")
            .set("queued.max.messages.kbytes", "16384")
            .set("allow.auto.create.topics", "false");
        self.with_options(config)
    }

    /// The projector's: one member of the group owns a partition.
    pub(super) fn projector(&self, keyspace: &str) -> ClientConfig {
        let mut config = self.tail();
        config
            .set("group.id", self.group(keyspace))
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", "6000")
            .set("heartbeat.interval.ms", "1000")
            .set("max.poll.interval.ms", "60000")
            .set("fetch.wait.max.ms", "100")
            .set("queued.max.messages.kbytes", "65536");
        self.with_options(config)
    }
}

/// Makes the topics that are not there and checks those that are. Two nodes may do it at once.
///
/// # Errors
/// [`Error::ReadOnly`] while no broker answers; [`Error::Storage`] when a topic is not as the
/// settings say, in words for the operator.
pub(super) async fn prepare(settings: &Settings) -> Result<()> {
    let config = settings.with_options(settings.client());
    let admin: AdminClient<Quiet> = config.create_with_context(Quiet).map_err(client_error)?;
    let options = AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(Duration::from_secs(20)));
    let wanted = wanted(settings);
    let replication = i32::try_from(settings.replication).unwrap_or(i32::MAX);
    let min_insync = settings.min_insync.to_string();
    let older = older(settings);
    let names = wanted.iter().map(|topic| &topic.name).chain(&older).cloned();
    let found = partitions_of(settings, names).await?;
    for name in &older {
        check_older(name, found.get(name), settings)?;
    }
    let missing: Vec<_> = wanted.iter().filter(|topic| !found.contains_key(&topic.name)).collect();
    if !missing.is_empty() {
        let new = missing.iter().map(|topic| {
            let mut new = NewTopic::new(
                &topic.name,
                i32::try_from(topic.partitions).unwrap_or(i32::MAX),
                TopicReplication::Fixed(replication),
            )
            .set("min.insync.replicas", &min_insync);
            for (name, value) in topic.settings {
                new = new.set(name, value);
            }
            new
        });
        let new: Vec<_> = new.collect();
        for made in admin.create_topics(&new, &options).await.map_err(client_error)? {
            match made {
                Ok(topic) => tracing::info!(topic, "made a topic"),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, RDKafkaErrorCode::InvalidReplicationFactor)) => {
                    let problem = format!(
                        "the topic {topic} cannot have {replication} copies: Kafka has fewer brokers; \
                         start more, or set `replication` and `min_insync` to fewer"
                    );
                    return Err(Error::Storage(problem));
                }
                Err((topic, code)) => {
                    let problem = format!("the topic {topic} cannot be made: {code}");
                    return Err(Error::Storage(problem));
                }
            }
        }
    }
    for topic in &wanted {
        if let Some(found) = found.get(&topic.name) {
            check(topic, *found, settings)?;
        }
    }
    check_logs(&admin, &options, settings).await
}

/// The topics of older generations of the events.
fn older(settings: &Settings) -> Vec<String> {
    (1..settings.generation).map(|older| settings.log(Topic::Events, older)).collect()
}

/// A partition of an older generation is finished by who owns the one of its number: there must be one.
fn check_older(name: &str, found: Option<&Found>, settings: &Settings) -> Result<()> {
    let (partitions, generation) = (settings.partitions, settings.generation);
    match found {
        None => Err(Error::Storage(format!(
            "there is no topic {name}: it is the beginning of the log, and generation {generation} needs it"
        ))),
        Some((older, _)) if *older > partitions => Err(Error::Storage(format!(
            "generation {generation} of the events is to have {partitions} partitions, and {name} has \
             {older}: a new generation never has fewer"
        ))),
        Some(_) => Ok(()),
    }
}

/// A topic as it must be.
struct Wanted {
    name: String,
    partitions: u32,
    settings: &'static [(&'static str, &'static str)],
}

/// Nothing of a log is ever forgotten.
const LOG: &[(&str, &str)] =
    &[("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];

fn wanted(settings: &Settings) -> [Wanted; 4] {
    let hour =
        &[("cleanup.policy", "delete"), ("retention.ms", "3600000"), ("segment.ms", "600000")];
    let minutes =
        &[("cleanup.policy", "delete"), ("retention.ms", "300000"), ("segment.ms", "60000")];
    let partitions = settings.partitions;
    [
        Wanted { name: settings.log_now(Topic::Events), partitions, settings: LOG },
        Wanted { name: settings.log_now(Topic::Accounts), partitions: 1, settings: LOG },
        Wanted { name: settings.replies(), partitions, settings: hour },
        Wanted { name: settings.applied(), partitions: settings.inboxes(), settings: minutes },
    ]
}

/// Partitions, and the fewest replicas one of them has.
type Found = (u32, u32);

fn check(wanted: &Wanted, (partitions, replicas): Found, settings: &Settings) -> Result<()> {
    let name = &wanted.name;
    if partitions != wanted.partitions {
        return Err(Error::Storage(format!(
            "the topic {name} has {partitions} partitions and the settings say {}: a topic's count \
             never changes, a new generation does (docs/operations.md)",
            wanted.partitions
        )));
    }
    if replicas < settings.replication {
        return Err(Error::Storage(format!(
            "the topic {name} has {replicas} replicas and the settings ask for {}: reassign its \
             partitions, or set `replication`",
            settings.replication
        )));
    }
    Ok(())
}

/// A log forgets nothing, and acknowledges only what is kept.
async fn check_logs(
    admin: &AdminClient<Quiet>,
    options: &AdminOptions,
    settings: &Settings,
) -> Result<()> {
    let written = [settings.log_now(Topic::Events), settings.log_now(Topic::Accounts)];
    let names: Vec<_> = written.iter().cloned().chain(older(settings)).collect();
    let resources: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let described = admin.describe_configs(&resources, options).await.map_err(client_error)?;
    for (name, config) in names.iter().zip(described) {
        let config = config.map_err(|code| Error::Storage(format!("the topic {name}: {code}")))?;
        let value = |setting| config.get(setting).and_then(|entry| entry.value.as_deref());
        for (setting, wanted) in LOG {
            check_kept(name, setting, value(setting), wanted)?;
        }
        let found = value("min.insync.replicas").and_then(|value| value.parse().ok());
        let found: u32 = found.unwrap_or(1);
        if written.contains(name) && found < settings.min_insync {
            return Err(Error::Storage(format!(
                "the topic {name} has min.insync.replicas {found} and the settings ask for {}: \
                 what is acknowledged might be lost",
                settings.min_insync
            )));
        }
    }
    Ok(())
}

/// Brokers that do not know a setting do not forget by it.
fn check_kept(name: &str, setting: &str, found: Option<&str>, wanted: &str) -> Result<()> {
    match found {
        Some(found) if found != wanted => Err(Error::Storage(format!(
            "the topic {name} has {setting} {found}, and what it holds is for ever: set it to {wanted} \
             before something is lost"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Of those topics that are there.
async fn partitions_of(
    settings: &Settings,
    names: impl Iterator<Item = String>,
) -> Result<BTreeMap<String, Found>> {
    let config = settings.tail();
    let names: Vec<_> = names.collect();
    blocking(move || {
        let consumer: QuietConsumer = config.create_with_context(Quiet).map_err(client_error)?;
        let metadata = consumer.fetch_metadata(None, PATIENCE).map_err(client_error)?;
        let topics = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let of_ours = topics.filter(|topic| names.iter().any(|name| name == topic.name()));
        Ok(of_ours
            .map(|topic| {
                let replicas = topic.partitions().iter().map(|part| part.replicas().len()).min();
                let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                let found = (count(topic.partitions().len()), count(replicas.unwrap_or(0)));
                (topic.name().to_owned(), found)
            })
            .collect())
    })
    .await
}

/// Runs what waits for a broker where waiting is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Error::Storage("a task of the engine panicked".into())))
}

/// Whether a broker cannot be reached.
pub(super) fn is_away(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::RequestTimedOut
                | RDKafkaErrorCode::Resolve
        )
    )
}

/// Brokers say so of a partition while it is new or moves, too.
pub(super) fn is_settling(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
        )
    )
}

/// A failure before anything was written.
pub(super) fn client_error(error: KafkaError) -> Error {
    if is_away(&error) {
        Error::ReadOnly(format!("Kafka cannot be reached: {error}"))
    } else {
        Error::Storage(format!("Kafka: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::KafkaResult;
    use rdkafka::producer::BaseProducer;

    use super::*;

    #[test]
    fn every_codec_of_kafkas_is_there() {
        for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
            let made: KafkaResult<BaseProducer> =
                ClientConfig::new().set("compression.codec", codec).create();
            assert!(made.is_ok(), "{codec}: {:?}", made.err());
        }
    }
}
