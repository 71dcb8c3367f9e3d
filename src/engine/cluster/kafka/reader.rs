//! Reading a partition of a log from any place, over all its generations.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::Semaphore;

use super::super::kafka::{
    PATIENCE, Quiet, QuietConsumer, Settings, blocking, client_error, is_settling,
};
use super::record::{event_of, place_of, seq_of};
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result, Topic};

/// Calls that are served at once; each needs a consumer.
const AT_ONCE: usize = 16;
/// Consumers kept for the next call.
const IDLE: usize = 4;
/// How long a partition that is new or moves may take to be found, and the pause between looks.
const SETTLES: Duration = Duration::from_secs(3);
const SETTLING_PAUSE: Duration = Duration::from_millis(50);
/// How long the next record may take while there is one.
const SILENCE: Duration = Duration::from_secs(10);

/// Events of a partition, in order.
pub(in super::super) struct Page {
    pub(in super::super) events: Vec<Recorded>,
    /// Up to here there is nothing else. It may be past the last record: a transaction's marker,
    /// say, takes an offset and is none.
    pub(in super::super) upto: Seq,
}

/// Reads pages; consumers are kept between calls.
#[derive(Clone)]
pub(in super::super) struct PageReader {
    settings: Arc<Settings>,
    idle: Arc<Mutex<Vec<QuietConsumer>>>,
    turns: Arc<Semaphore>,
}

impl PageReader {
    pub(in super::super) fn new(settings: Arc<Settings>) -> Self {
        Self { settings, idle: Arc::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Up to `limit` events of a partition after `after`. A record that is no event is left out.
    pub(in super::super) async fn read(
        &self,
        topic: Topic,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let before = self.last_generation(topic) + 1;
        Ok(self.read_before(topic, partition, after, limit, before).await?.events)
    }

    /// The same, in the generations before one.
    pub(in super::super) async fn read_before(
        &self,
        topic: Topic,
        partition: u32,
        after: Seq,
        limit: usize,
        before: u32,
    ) -> Result<Page> {
        let mut all = Page { events: Vec::new(), upto: after };
        let (at, offset) = place_of(after);
        for generation in at.max(1)..before {
            let offset = if at == generation { offset + 1 } else { 0 };
            let name = self.settings.log(topic, generation);
            let left = limit - all.events.len();
            let read = move |consumer: &QuietConsumer| {
                page(consumer, &name, partition, generation, offset, left)
            };
            let page = self.with_consumer(read).await?;
            all.upto = all.upto.max(page.upto);
            all.events.extend(page.events);
            if all.events.len() >= limit {
                break;
            }
        }
        Ok(all)
    }

    /// The last position of a partition. It need not be an event's.
    pub(in super::super) async fn end(&self, topic: Topic, partition: u32) -> Result<Seq> {
        self.end_before(topic, partition, self.last_generation(topic) + 1).await
    }

    /// The same, in the generations before one.
    pub(in super::super) async fn end_before(
        &self,
        topic: Topic,
        partition: u32,
        generation: u32,
    ) -> Result<Seq> {
        for generation in (1..generation).rev() {
            let name = self.settings.log(topic, generation);
            let next = move |consumer: &QuietConsumer| {
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
        act: impl FnOnce(&QuietConsumer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turn = self.turns.clone().acquire_owned().await;
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (mut config, idle) = (self.settings.tail(), self.idle.clone());
        // The last offsets of a partition may be no records: the end itself must be told.
        config.set("enable.partition.eof", "true");
        blocking(move || {
            let _turn = turn;
            let consumer = match kept {
                Some(consumer) => consumer,
                None => config.create_with_context(Quiet).map_err(client_error)?,
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
pub(in super::super) fn watermarks(
    consumer: &QuietConsumer,
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

/// Whether a topic certainly has fewer partitions.
fn is_beyond(consumer: &QuietConsumer, topic: &str, partition: i32) -> Result<bool> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).map_err(client_error)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.filter(|found| found.error().is_none()).map(|found| found.partitions().len());
    let count = found.and_then(|count| i32::try_from(count).ok());
    Ok(count.is_some_and(|count| count > 0 && partition >= count))
}

fn page(
    consumer: &QuietConsumer,
    topic: &str,
    partition: u32,
    generation: u32,
    from: i64,
    limit: usize,
) -> Result<Page> {
    let (low, high) = watermarks(consumer, topic, partition)?;
    let mut next = from.max(low);
    let mut events = Vec::new();
    let mut place = TopicPartitionList::new();
    let partition = i32::try_from(partition).unwrap_or(i32::MAX);
    if next < high && limit > 0 {
        place
            .add_partition_offset(topic, partition, Offset::Offset(next))
            .and_then(|()| consumer.assign(&place))
            .map_err(client_error)?;
    }
    let mut heard = Instant::now();
    while next < high && events.len() < limit {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                heard = Instant::now();
                let seq = seq_of(generation, message.offset());
                next = message.offset() + 1;
                match event_of(&message) {
                    Ok((event, _)) => events.push(Recorded { seq, event: Arc::new(event) }),
                    Err(error) => tracing::warn!(%error, %seq, topic, "a record is no event"),
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => next = high,
            Some(Err(error)) if heard.elapsed() > SILENCE => return Err(client_error(error)),
            None if heard.elapsed() > SILENCE => {
                return Err(Error::ReadOnly(format!("Kafka sends nothing of {topic}")));
            }
            Some(Err(_)) | None => {}
        }
    }
    let upto = if next > 0 { seq_of(generation, next - 1) } else { Seq::START };
    Ok(Page { events, upto })
}
