//! The producer: idempotent, all replicas, and made anew should it ever fail for good.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rdkafka::error::KafkaError;
use rdkafka::message::{Message as _, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientContext, Statistics};

use super::super::kafka::record::seq_of;
use super::super::kafka::{Settings, client_error, note_away};
use super::appends::Appends;
use crate::engine::{Error, Result};

/// Bits of a record's mark that are its place in its append; zero marks nobody's record.
const INDEX_BITS: u32 = 16;

/// Produces to any topic.
pub(in super::super) struct Producer {
    settings: Settings,
    deliveries: Deliveries,
    inner: RwLock<Arc<ThreadedProducer<Deliveries>>>,
    /// By partition: the records of one append are handed over with none between them.
    turnstiles: Vec<Mutex<()>>,
}

/// A record that is handed over.
pub(in super::super) struct Record {
    pub(in super::super) key: String,
    pub(in super::super) value: Vec<u8>,
    pub(in super::super) headers: OwnedHeaders,
}

/// Hears from the brokers what became of each record.
#[derive(Clone)]
struct Deliveries {
    appends: Arc<Appends>,
    generation: u32,
}

impl ClientContext for Deliveries {
    fn error(&self, error: KafkaError, reason: &str) {
        note_away(&error, reason);
    }

    fn stats(&self, now: Statistics) {
        metrics::gauge!("parlor_kafka_producer_waiting").set(now.msg_cnt as f64);
        metrics::gauge!("parlor_kafka_producer_waiting_bytes").set(now.msg_size as f64);
        let trips = now.brokers.values().filter_map(|broker| broker.rtt.as_ref());
        let slowest = trips.map(|trip| trip.p99).max().unwrap_or(0);
        // librdkafka counts microseconds.
        metrics::gauge!("parlor_kafka_round_trip_seconds").set(slowest as f64 / 1e6);
        let retries: u64 = now.brokers.values().map(|broker| broker.txretries).sum();
        metrics::counter!("parlor_kafka_retries_total").absolute(retries);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, mark: usize) {
        let Some(mark) = mark.checked_sub(1) else {
            if let Err((error, _)) = result {
                metrics::counter!("parlor_log_signals_lost_total").increment(1);
                tracing::debug!(%error, "a signal was not delivered");
            }
            return;
        };
        let (append, index) = ((mark >> INDEX_BITS) as u64, (mark & 0xffff) as u16);
        match result {
            Ok(message) => {
                let seq = seq_of(self.generation, message.offset());
                self.appends.delivered(append, index, seq);
            }
            Err((error, _)) => {
                metrics::counter!("parlor_log_append_failures_total").increment(1);
                tracing::warn!(%error, "an event was not acknowledged");
                self.appends.failed(append, undelivered(error));
            }
        }
    }
}

/// What an event's failed delivery means for whoever waits.
fn undelivered(error: &KafkaError) -> Error {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopicOrPartition,
        ) => Error::ReadOnly("the topic of the log is missing".into()),
        Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
            Error::Storage("an event is larger than the brokers take".into())
        }
        _ => Error::Unknown,
    }
}

impl Producer {
    pub(in super::super) fn new(settings: &Settings, appends: Arc<Appends>) -> Result<Self> {
        let deliveries = Deliveries { appends, generation: settings.generation };
        let inner = RwLock::new(Arc::new(make(settings, deliveries.clone())?));
        let turnstiles = (0..settings.partitions.max(1)).map(|_| Mutex::default()).collect();
        Ok(Self { settings: settings.clone(), deliveries, inner, turnstiles })
    }

    /// Hands over the events of an append; what becomes of them the appends are told.
    ///
    /// # Errors
    /// When nothing was handed over.
    pub(in super::super) fn append(
        &self,
        topic: &str,
        partition: u32,
        append: u64,
        records: &[Record],
    ) -> Result<()> {
        let producer = self.producer();
        let turnstile = &self.turnstiles[partition as usize % self.turnstiles.len()];
        let _turn = turnstile.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, record) in records.iter().enumerate() {
            let mark = ((append as usize) << INDEX_BITS | index) + 1;
            let kafka = BaseRecord::with_opaque_to(topic, mark)
                .partition(i32::try_from(partition).unwrap_or(0))
                .key(record.key.as_str())
                .payload(record.value.as_slice())
                .headers(record.headers.clone());
            if let Err((error, _)) = producer.send(kafka) {
                if index > 0 {
                    self.deliveries.appends.failed(append, Error::Unknown);
                    return Ok(());
                }
                return Err(match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::QueueFull) => Error::Overloaded,
                    _ => client_error(error),
                });
            }
        }
        Ok(())
    }

    /// Hands over a record of ours that nobody waits for.
    pub(in super::super) fn signal(&self, topic: &str, partition: u32, key: &[u8], value: &[u8]) {
        let record = BaseRecord::with_opaque_to(topic, 0)
            .partition(i32::try_from(partition).unwrap_or(0))
            .key(key)
            .payload(value);
        if let Err((error, _)) = self.producer().send(record) {
            metrics::counter!("parlor_log_signals_lost_total").increment(1);
            tracing::debug!(%error, "a signal could not be handed over");
        }
    }

    /// Replaces a producer that has failed for good; what it held fails.
    pub(in super::super) fn mend(&self) -> Result<()> {
        let old = self.producer();
        let Some((code, reason)) = old.client().fatal_error() else { return Ok(()) };
        tracing::error!(%code, reason, "the producer failed for good and is made anew");
        let new = Arc::new(make(&self.settings, self.deliveries.clone())?);
        *self.inner.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Waits until all that was handed over is delivered or has failed. Blocks.
    pub(in super::super) fn flush(&self, patience: Duration) {
        if let Err(error) = self.producer().flush(patience) {
            tracing::warn!(%error, "not everything was delivered before closing");
        }
    }

    fn producer(&self) -> Arc<ThreadedProducer<Deliveries>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn make(settings: &Settings, deliveries: Deliveries) -> Result<ThreadedProducer<Deliveries>> {
    settings.producer().create_with_context(deliveries).map_err(client_error)
}
