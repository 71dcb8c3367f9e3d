//! The topics as any reader sees them: how many records there are, and the records themselves.

use std::{
    io,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Message},
};

use super::services::Services;

/// How long a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A reader of the topics of one set of nodes.
pub(crate) struct Topics {
    consumer: BaseConsumer,
    name: String,
}

/// Where each partition of a topic ends.
pub(crate) type Ends = Vec<i64>;

/// What was read, and how fast.
pub(crate) struct Consumed {
    pub(crate) records: u64,
    /// Of keys and values.
    pub(crate) bytes: u64,
    pub(crate) wall: Duration,
}

impl Topics {
    /// A reader of the topics whose names begin with `name`.
    ///
    /// # Errors
    /// If the client cannot be made.
    pub(crate) fn open(services: &Services, name: &str) -> io::Result<Self> {
        let consumer = ClientConfig::new()
            .set("bootstrap.servers", &services.kafka)
            .set("group.id", format!("{name}.load"))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .create()
            .map_err(io::Error::other)?;
        Ok(Self { consumer, name: name.to_owned() })
    }

    /// The whole name of a topic.
    pub(crate) fn topic(&self, which: &str) -> String {
        format!("{}.{which}", self.name)
    }

    /// Where the partitions of a topic end.
    ///
    /// # Errors
    /// If no broker answers.
    pub(crate) fn ends(&self, which: &str) -> io::Result<Ends> {
        let topic = self.topic(which);
        let metadata = self.consumer.fetch_metadata(Some(&topic), PATIENCE);
        let metadata = metadata.map_err(io::Error::other)?;
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        let end = |partition| {
            let marks = self.consumer.fetch_watermarks(&topic, partition, PATIENCE);
            marks.map(|(_, end)| end).map_err(io::Error::other)
        };
        (0..count as i32).map(end).collect()
    }

    /// Reads a topic from `begin`, or from the beginning, up to where it ends now.
    ///
    /// # Errors
    /// If no broker answers, or none sends anything for long.
    pub(crate) fn consume(
        &self,
        which: &str,
        begin: Option<&Ends>,
        mut each: impl FnMut(&BorrowedMessage<'_>),
    ) -> io::Result<Consumed> {
        let topic = self.topic(which);
        let ends = self.ends(which)?;
        let mut list = TopicPartitionList::new();
        let mut left = 0;
        for (partition, end) in ends.iter().enumerate() {
            let from = begin.and_then(|begin| begin.get(partition).copied()).unwrap_or(0);
            if from < *end {
                let offset = Offset::Offset(from);
                list.add_partition_offset(&topic, partition as i32, offset)
                    .map_err(io::Error::other)?;
                left += 1;
            }
        }
        let began = Instant::now();
        self.consumer.assign(&list).map_err(io::Error::other)?;
        let mut consumed = Consumed { records: 0, bytes: 0, wall: Duration::ZERO };
        while left > 0 {
            let Some(message) = self.consumer.poll(PATIENCE) else {
                return Err(io::Error::other(format!("nothing more comes of {topic}")));
            };
            let message = message.map_err(io::Error::other)?;
            consumed.records += 1;
            consumed.bytes += (message.key_len() + message.payload_len()) as u64;
            left -= usize::from(message.offset() + 1 == ends[message.partition() as usize]);
            each(&message);
        }
        consumed.wall = began.elapsed();
        self.consumer.unassign().map_err(io::Error::other)?;
        Ok(consumed)
    }
}
