//! Looks after the connection to Kafka: is it there, is the producer alive, how far do we lag.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use super::core::Core;
use super::group;
use super::kafka::{blocking, client_error};
use super::reader::watermarks;
use super::record::place_of;
use crate::engine::{Error, Result, Topic};

const EVERY: Duration = Duration::from_secs(1);
/// Views that are no further behind keep up with the log.
const NEAR_EVENTS: i64 = 1_000;
const NEAR_MS: i64 = 2_000;
/// How long a broker may take to answer before writes are refused.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks every second until the engine closes.
pub(super) async fn run(core: Arc<Core>) {
    let consumer: Result<BaseConsumer> = core.settings.tail().create().map_err(client_error);
    let consumer = match consumer {
        Ok(consumer) => Arc::new(consumer),
        Err(error) => {
            tracing::error!(%error, "Kafka cannot be looked after");
            return;
        }
    };
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = core.closing.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let (looking, asked) = (core.clone(), consumer.clone());
        let seen = blocking(move || look(&looking, &asked)).await;
        core.set_kafka(seen.err().map(|error| match error {
            Error::ReadOnly(detail) | Error::Storage(detail) => detail,
            other => other.to_string(),
        }));
        if let Err(error) = core.producer.mend() {
            tracing::error!(%error, "the producer could not be made anew");
        }
        core.relay.tidy();
    }
}

fn look(core: &Core, consumer: &BaseConsumer) -> Result<()> {
    let topic = core.settings.log_now(Topic::Events);
    let metadata = consumer.fetch_metadata(Some(&topic), PATIENCE).map_err(client_error)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let found = found.filter(|found| found.error().is_none() && !found.partitions().is_empty());
    let Some(found) = found else {
        return Err(Error::ReadOnly(format!("the topic {topic} is missing: run `parlor migrate`")));
    };
    if let Some(headless) = found.partitions().iter().find(|part| part.leader() < 0) {
        let id = headless.id();
        return Err(Error::ReadOnly(format!("partition {id} of {topic} has no leader")));
    }
    let newer = core.settings.log(Topic::Events, core.settings.generation + 1);
    let newer = consumer.fetch_metadata(Some(&newer), PATIENCE).map_err(client_error)?;
    if newer.topics().iter().any(|topic| topic.error().is_none() && !topic.partitions().is_empty())
    {
        return Err(Error::ReadOnly(
            "a newer generation of the events' topic is there: this node is of the past".into(),
        ));
    }
    core.releases.look(&core.settings, consumer)?;
    let owned = core.owned();
    let mut keeps_up = owned.first() == Some(&0);
    for partition in owned {
        let projected = core.projected.get(&partition).map(|seq| *seq).unwrap_or_default();
        let (_, high) = watermarks(consumer, &topic, partition)?;
        let (generation, offset) = place_of(projected);
        let next = if generation == core.settings.generation { offset + 1 } else { 0 };
        if high < next {
            return Err(Error::ReadOnly(format!(
                "partition {partition} of {topic} ends before the views do: it is not the log that \
                 they came from; bring that back, or begin a new generation"
            )));
        }
        let behind = high - next;
        let label = partition.to_string();
        metrics::gauge!("parlor_projector_lag_events", "partition" => label.clone())
            .set(behind as f64);
        let since = core.projecting_since.get(&partition).map(|since| *since);
        let lag = since.map_or(0, |since| (core.clock)().millis().saturating_sub(since).max(0));
        metrics::gauge!("parlor_projector_lag_seconds", "partition" => label).set(lag as f64 / 1e3);
        keeps_up &= behind < NEAR_EVENTS && lag < NEAR_MS;
    }
    if keeps_up {
        group::tell(core);
    }
    if core.appends.hears_others()
        && let Ok(present) = group::present(core, consumer)
    {
        core.appends.forget_all_but(&present);
    }
    Ok(())
}
