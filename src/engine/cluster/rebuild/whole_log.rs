//! The whole log, streamed: all generations of the events' topic, one partition after the other.
//!
//! A reader of its own and not [`super::super::kafka::reader`]: that one is for pages on the way of a request,
//! and begins anew for each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::super::kafka::reader::watermarks;
use super::super::kafka::record::{event_of, seq_of};
use super::super::kafka::{PATIENCE, Quiet, QuietConsumer, Settings, blocking, client_error};
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result, Topic};

const WAIT: Duration = Duration::from_millis(100);
/// How long the next record may take while there is one.
const SILENCE: Duration = Duration::from_secs(30);

/// A record of the log.
pub(super) struct Record {
    pub(super) seq: Seq,
    pub(super) bytes: usize,
    /// None for one that is no event.
    pub(super) event: Option<Recorded>,
}

/// A stretch of one partition in one generation: offsets from the first up to before the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) generation: u32,
    pub(super) partition: u32,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// The events' topics. Cheap to clone.
#[derive(Clone)]
pub(super) struct WholeLog {
    pub(super) settings: Arc<Settings>,
    /// Partitions of each generation, from the first.
    partitions: Arc<Vec<u32>>,
}

impl WholeLog {
    /// Finds the topics; makes none.
    ///
    /// # Errors
    /// [`Error::Storage`] when a generation's topic is missing, or the settings do not fit the last.
    pub(super) async fn open(settings: &Settings) -> Result<Self> {
        let settings = Arc::new(settings.clone());
        let asked = settings.clone();
        let partitions = blocking(move || {
            let consumer = consumer(&asked)?;
            let newer = asked.generation + 1;
            if count(&consumer, &asked, newer)?.is_some() {
                let problem = format!("there is a generation {newer} of the events' topic");
                return Err(Error::Storage(problem));
            }
            let there = |generation| {
                let topic = asked.log(Topic::Events, generation);
                let missing = || Error::Storage(format!("there is no topic {topic}"));
                count(&consumer, &asked, generation)?.ok_or_else(missing)
            };
            (1..=asked.generation).map(there).collect::<Result<Vec<_>>>()
        });
        let partitions = partitions.await?;
        if partitions.last() != Some(&settings.partitions) {
            return Err(Error::Storage(format!(
                "the topic {} has {} partitions and the settings say {}",
                settings.log_now(Topic::Events),
                partitions.last().copied().unwrap_or_default(),
                settings.partitions
            )));
        }
        Ok(Self { settings, partitions: Arc::new(partitions) })
    }

    /// Generations, in order.
    pub(super) fn generations(&self) -> impl Iterator<Item = u32> + use<> {
        1..=self.settings.generation
    }

    /// How many partitions there are or ever were.
    pub(super) fn partitions(&self) -> u32 {
        self.partitions.iter().copied().max().unwrap_or_default()
    }

    /// Everything that is there now, in the order in which it must be folded: all of a generation
    /// before any of the next, since a key may have had another partition then.
    ///
    /// # Errors
    /// [`Error::Storage`] when the beginning of a partition is gone.
    pub(super) async fn stretches(&self) -> Result<Vec<Stretch>> {
        let log = self.clone();
        blocking(move || {
            let consumer = consumer(&log.settings)?;
            let mut all = Vec::new();
            for generation in log.generations() {
                for partition in 0..log.partitions[generation as usize - 1] {
                    all.push(log.stretch(&consumer, generation, partition)?);
                }
            }
            Ok(all)
        })
        .await
    }

    fn stretch(
        &self,
        consumer: &QuietConsumer,
        generation: u32,
        partition: u32,
    ) -> Result<Stretch> {
        let topic = self.settings.log(Topic::Events, generation);
        let (low, to) = watermarks(consumer, &topic, partition)?;
        if low > 0 {
            return Err(Error::Storage(format!(
                "partition {partition} of the topic {topic} begins at {low}: what came before is \
                 gone, and the views cannot be made from the rest"
            )));
        }
        Ok(Stretch { generation, partition, from: 0, to })
    }

    /// Gives every record of a stretch, in order, until `each` says that it is enough. Blocks.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] when nothing comes any more, and those of `each`.
    pub(super) fn read(
        &self,
        stretch: Stretch,
        mut each: impl FnMut(Record) -> Result<bool>,
    ) -> Result<()> {
        let Stretch { generation, partition, from, to } = stretch;
        if from >= to {
            return Ok(());
        }
        let topic = self.settings.log(Topic::Events, generation);
        let consumer = consumer(&self.settings)?;
        let mut place = TopicPartitionList::new();
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        place
            .add_partition_offset(&topic, partition, Offset::Offset(from))
            .and_then(|()| consumer.assign(&place))
            .map_err(client_error)?;
        let mut heard = Instant::now();
        loop {
            match consumer.poll(WAIT) {
                Some(Ok(message)) => {
                    let offset = message.offset();
                    if offset >= to || !each(record(generation, &message))? || offset + 1 == to {
                        return Ok(());
                    }
                    heard = Instant::now();
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) if heard.elapsed() > SILENCE => return Err(client_error(error)),
                None if heard.elapsed() > SILENCE => {
                    return Err(Error::ReadOnly(format!("Kafka sends nothing of {topic}")));
                }
                Some(Err(error)) => tracing::debug!(%error, topic, "the log could not be polled"),
                None => {}
            }
        }
    }
}

fn consumer(settings: &Settings) -> Result<QuietConsumer> {
    let mut config = settings.tail();
    // Offsets may be missing at the end of a stretch: the end itself must be told.
    config.set("enable.partition.eof", "true").set("queued.max.messages.kbytes", "32768");
    config.create_with_context(Quiet).map_err(client_error)
}

/// The partitions of a generation's topic; none when there is no such topic.
fn count(consumer: &QuietConsumer, settings: &Settings, generation: u32) -> Result<Option<u32>> {
    let topic = settings.log(Topic::Events, generation);
    let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).map_err(client_error)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.filter(|found| found.error().is_none() && !found.partitions().is_empty());
    Ok(found.map(|found| u32::try_from(found.partitions().len()).unwrap_or(u32::MAX)))
}

fn record(generation: u32, message: &BorrowedMessage<'_>) -> Record {
    let seq = seq_of(generation, message.offset());
    let bytes = message.payload_len() + message.key_len();
    let event = match event_of(message) {
        Ok((event, _)) => Some(Recorded { seq, event: Arc::new(event) }),
        Err(error) => {
            tracing::warn!(%error, %seq, partition = message.partition(), "a record is no event");
            None
        }
    };
    Record { seq, bytes, event }
}
