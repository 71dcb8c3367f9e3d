//! Reading a partition of a log from any place, over all its generations.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::kafka::{PATIENCE, Settings, blocking, client_error};
use super::record::{event_of, place_of, seq_of};
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result, Topic};

/// Consumers kept for the next call.
const IDLE: usize = 4;
/// How long a partition that is new or moves may take to be found, and the pause between looks.
const SETTLES: Duration = Duration::from_secs(3);
const SETTLING_PAUSE: Duration = Duration::from_millis(50);
/// How long the next record may take while there is one.
const SILENCE: Duration = Duration::from_secs(10);

/// Reads pages; consumers are kept between calls.
#[derive(Clone)]
pub(super) struct Reader {
    settings: Arc<Settings>,
    idle: Arc<Mutex<Vec<BaseConsumer>>>,
}

impl Reader {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, idle: Arc::default() }
    }

    /// Up to `limit` events of a partition after `after`. A record that is no event is left out.
    pub(super) async fn read(
        &self,
        topic: Topic,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let mut found = Vec::new();
        let (from, _) = place_of(after);
        for generation in from.max(1)..=self.last_generation(topic) {
            let (at, offset) = place_of(after);
            let offset = if at == generation { offset + 1 } else { 0 };
            let name = self.settings.log(topic, generation);
            let left = limit - found.len();
            let read = move |consumer: &BaseConsumer| {
                page(consumer, &name, partition, generation, offset, left)
            };
            found.extend(self.with_consumer(read).await?);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// The position of the last event of a partition.
    pub(super) async fn end(&self, topic: Topic, partition: u32) -> Result<Seq> {
        self.end_before(topic, partition, self.last_generation(topic) + 1).await
    }

    /// The same, in the generations before one.
    pub(super) async fn end_before(
        &self,
        topic: Topic,
        partition: u32,
        generation: u32,
    ) -> Result<Seq> {
        for generation in (1..generation).rev() {
            let name = self.settings.log(topic, generation);
            let next = move |consumer: &BaseConsumer| {
                watermarks(consumer, &name, partition).map(|(_, high)| high)
            };
            let next = self.with_consumer(next).await?;
            if next > 0 {
                return Ok(seq_of(generation, next - 1));
            }
        }
        Ok(Seq::START)
    }

    fn last_generation(&self, topic: Topic) -> u32 {
        match topic {
            Topic::Events => self.settings.generation,
            Topic::Accounts => 1,
        }
    }

    async fn with_consumer<T: Send + 'static>(
        &self,
        act: impl FnOnce(&BaseConsumer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (config, idle) = (self.settings.tail(), self.idle.clone());
        blocking(move || {
            let consumer = match kept {
                Some(consumer) => consumer,
                None => config.create().map_err(client_error)?,
            };
            let outcome = act(&consumer)?;
            consumer.unassign().map_err(client_error)?;
            let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE {
                idle.push(consumer);
            }
            Ok(outcome)
        })
        .await
    }
}

/// The first offset that is there and the one after the last; nothing where there is no such
/// partition.
pub(super) fn watermarks(
    consumer: &BaseConsumer,
    topic: &str,
    partition: u32,
) -> Result<(i64, i64)> {
    let number = i32::try_from(partition).unwrap_or(i32::MAX);
    let began = Instant::now();
    loop {
        let error = match consumer.fetch_watermarks(topic, number, PATIENCE) {
            Ok(marks) => return Ok(marks),
            Err(error) if !is_settling(&error) => return Err(client_error(error)),
            Err(error) => error,
        };
        if is_beyond(consumer, topic, number)? {
            return Ok((0, 0));
        }
        if began.elapsed() >= SETTLES {
            return Err(Error::ReadOnly(format!("partition {partition} of {topic}: {error}")));
        }
        std::thread::sleep(SETTLING_PAUSE);
    }
}

/// Brokers say so of a partition while it is new or moves, too.
fn is_settling(error: &KafkaError) -> bool {
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

/// Whether a topic certainly has fewer partitions.
fn is_beyond(consumer: &BaseConsumer, topic: &str, partition: i32) -> Result<bool> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).map_err(client_error)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.filter(|found| found.error().is_none()).map(|found| found.partitions().len());
    let count = found.and_then(|count| i32::try_from(count).ok());
    Ok(count.is_some_and(|count| count > 0 && partition >= count))
}

fn page(
    consumer: &BaseConsumer,
    topic: &str,
    partition: u32,
    generation: u32,
    from: i64,
    limit: usize,
) -> Result<Vec<Recorded>> {
    let (low, high) = watermarks(consumer, topic, partition)?;
    let mut next = from.max(low);
    let mut found = Vec::new();
    if next >= high || limit == 0 {
        return Ok(found);
    }
    let mut place = TopicPartitionList::new();
    let partition = i32::try_from(partition).unwrap_or(i32::MAX);
    place
        .add_partition_offset(topic, partition, Offset::Offset(next))
        .and_then(|()| consumer.assign(&place))
        .map_err(client_error)?;
    let mut heard = Instant::now();
    while next < high && found.len() < limit {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let seq = seq_of(generation, message.offset());
                next = message.offset() + 1;
                match event_of(&message) {
                    Ok((event, _)) => found.push(Recorded { seq, event: Arc::new(event) }),
                    Err(error) => tracing::warn!(%error, %seq, topic, "a record is no event"),
                }
            }
            Some(Err(error)) if heard.elapsed() > SILENCE => return Err(client_error(error)),
            None if heard.elapsed() > SILENCE => {
                return Err(Error::ReadOnly(format!("Kafka sends nothing of {topic}")));
            }
            Some(Err(_)) | None => {}
        }
    }
    Ok(found)
}
