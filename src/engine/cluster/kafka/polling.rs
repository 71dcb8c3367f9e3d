//! What polls of the log say goes wrong: a warning, a metric, and a reason not to be ready.
//!
//! A broker that is away for a moment is not told of here: whether Kafka can be reached is asked by
//! the monitor, and a partition that does not advance is seen by its progress.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::error::KafkaError;
use tokio::time::Instant;

use super::super::kafka::{is_away, is_settling};

/// A failure is a reason not to be ready once it has come again for so long …
const PERSISTS: Duration = Duration::from_secs(2);
/// … and until it has not come for so long.
const PASSES: Duration = Duration::from_secs(10);
/// The same failure is logged no more often than this.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The polls of one node.
#[derive(Default)]
pub(in super::super) struct Polling(Mutex<Option<Failing>>);

struct Failing {
    what: String,
    since: Instant,
    last: Instant,
    logged: Instant,
}

impl Polling {
    /// A poll of a reader's has failed.
    pub(in super::super) fn failed(&self, reader: &'static str, error: &KafkaError) {
        if is_away(error) || is_settling(error) {
            tracing::debug!(%error, reader, "the log could not be polled");
            return;
        }
        metrics::counter!("parlor_log_poll_failures_total", "reader" => reader).increment(1);
        let (now, what) = (Instant::now(), format!("the {reader} cannot poll the log: {error}"));
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = failing.take().filter(|known| now - known.last < PASSES);
        let since = known.as_ref().map_or(now, |known| known.since);
        let logged = known.filter(|known| known.what == what && now - known.logged < LOG_EVERY);
        let logged = logged.map_or_else(
            || {
                tracing::warn!(%error, reader, "the log cannot be polled");
                now
            },
            |known| known.logged,
        );
        *failing = Some(Failing { what, since, last: now, logged });
    }

    /// What goes wrong again and again.
    pub(in super::super) fn trouble(&self) -> Option<String> {
        let failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failing = failing.as_ref().filter(|failing| failing.last.elapsed() < PASSES)?;
        (failing.last - failing.since >= PERSISTS).then(|| failing.what.clone())
    }

    /// What went wrong last, however long ago.
    pub(in super::super) fn last(&self) -> Option<String> {
        let failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failing.as_ref().map(|failing| failing.what.clone())
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaErrorCode;

    use super::*;

    fn error(code: RDKafkaErrorCode) -> KafkaError {
        KafkaError::MessageConsumption(code)
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_that_fails_again_and_again_is_a_reason_until_it_has_not_for_a_while() {
        let polling = Polling::default();
        polling.failed("projector", &error(RDKafkaErrorCode::NotImplemented));
        assert_eq!(polling.trouble(), None, "once is not enough");
        tokio::time::advance(PERSISTS).await;
        polling.failed("projector", &error(RDKafkaErrorCode::NotImplemented));
        let trouble = polling.trouble().expect("a reason");
        assert!(trouble.contains("projector") && trouble.contains("Not implemented"), "{trouble}");
        tokio::time::advance(PASSES).await;
        assert_eq!(polling.trouble(), None, "it is over");
        polling.failed("projector", &error(RDKafkaErrorCode::NotImplemented));
        assert_eq!(polling.trouble(), None, "and begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_goes_away_is_no_failure_of_the_polls() {
        let polling = Polling::default();
        for _ in 0..3 {
            polling.failed("tail", &error(RDKafkaErrorCode::BrokerTransportFailure));
            polling.failed("tail", &error(RDKafkaErrorCode::NotLeaderForPartition));
            tokio::time::advance(PERSISTS).await;
        }
        assert_eq!((polling.trouble(), polling.last()), (None, None));
    }
}
