//! Looks after what this node stands on: is Kafka there, is the producer alive, are the tables
//! there, do the partitions advance.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use tokio::time::{Interval, MissedTickBehavior};

use super::core::Core;
use super::kafka::group;
use super::kafka::reader::watermarks;
use super::kafka::record::place_of;
use super::kafka::{Quiet, QuietConsumer, blocking, client_error};
use super::project::progress::{PartitionProgress, Progress};
use super::trouble::Seen;
use crate::engine::{Error, Result, Topic};

const EVERY: Duration = Duration::from_secs(1);
/// Views that are no further behind keep up with the log.
const NEAR_EVENTS: i64 = 1_000;
const NEAR_MS: i64 = 2_000;
/// How long a broker may take to answer before writes are refused.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks every second until the engine closes. A store that is slow to tell of its tables holds up nothing else.
pub(super) async fn run(core: Arc<Core>) {
    tokio::join!(look_after_kafka(&core), look_after_tables(&core));
}

async fn look_after_kafka(core: &Arc<Core>) {
    let consumer: Result<QuietConsumer> =
        core.settings.tail().create_with_context(Quiet).map_err(client_error);
    let consumer = match consumer {
        Ok(consumer) => Arc::new(consumer),
        Err(error) => {
            tracing::error!(%error, "Kafka cannot be looked after");
            return;
        }
    };
    let (mut ticks, mut progress) = (ticks(), Progress::default());
    while is_next(core, &mut ticks).await {
        let (looking, asked) = (core.clone(), consumer.clone());
        let (places, trouble) = match blocking(move || look(&looking, &asked)).await {
            Ok(places) => (places, None),
            Err(Error::ReadOnly(detail) | Error::Storage(detail)) => (Vec::new(), Some(detail)),
            Err(other) => (Vec::new(), Some(other.to_string())),
        };
        core.troubles.forget_logs_but(&core.owned.partitions());
        core.troubles.set(Seen::Kafka, trouble);
        core.troubles.set(Seen::Poll, core.polling.trouble());
        core.troubles.set(Seen::Progress, stands_still(core, &mut progress, &places));
        if let Err(error) = core.producer.mend() {
            tracing::error!(%error, "the producer could not be made anew");
        }
        core.relay.tidy();
    }
}

async fn look_after_tables(core: &Core) {
    let (mut ticks, mut missing) = (ticks(), None);
    while is_next(core, &mut ticks).await {
        missing = look_at_tables(core, missing).await;
    }
}

fn ticks() -> Interval {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits for the next tick; false when the engine closes.
async fn is_next(core: &Core, ticks: &mut Interval) -> bool {
    tokio::select! {
        () = core.closing.cancelled() => false,
        _ = ticks.tick() => true,
    }
}

/// Says which partition does not advance, in words.
fn stands_still(
    core: &Core,
    progress: &mut Progress,
    places: &[PartitionProgress],
) -> Option<String> {
    let mut found = None;
    for standing in progress.look(places, Instant::now()) {
        let label = standing.partition.to_string();
        metrics::gauge!("parlor_projector_standstill_seconds", "partition" => label)
            .set(standing.since.as_secs_f64());
        if found.is_none() && standing.is_too_long() {
            let (partition, seconds) = (standing.partition, standing.since.as_secs());
            let (topic, waiting) = (core.settings.log_now(Topic::Events), standing.waiting);
            let why = core.polling.last().map(|last| format!("; {last}")).unwrap_or_default();
            found = Some(format!(
                "partition {partition} of {topic} has not advanced for {seconds} s, and {waiting} \
                 records wait{why}"
            ));
        }
    }
    found
}

/// Sees that the tables are there; gives one that is not. What is missed twice is gone.
async fn look_at_tables(core: &Core, before: Option<&'static str>) -> Option<&'static str> {
    if core.owned.projecting.is_cancelled() {
        return None;
    }
    let missing = match core.cql.missing().await {
        Ok(missing) => missing,
        Err(error) => {
            tracing::debug!(%error, "the tables cannot be looked at");
            return before;
        }
    };
    if let Some(table) = missing.filter(|_| before.is_some()) {
        core.lose_keyspace(table);
    }
    missing
}

/// Looks at Kafka; gives where the partitions of this node are.
fn look(core: &Core, consumer: &QuietConsumer) -> Result<Vec<PartitionProgress>> {
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
    let owned = core.owned.partitions();
    let mut keeps_up = owned.first() == Some(&0);
    let mut places = Vec::new();
    for partition in owned {
        let at = core.owned.projected.get(&partition).map(|seq| *seq);
        let (_, end) = watermarks(consumer, &topic, partition)?;
        let (generation, offset) = place_of(at.unwrap_or_default());
        let next = if generation == core.settings.generation { offset + 1 } else { 0 };
        if end < next {
            return Err(Error::ReadOnly(format!(
                "partition {partition} of {topic} ends before the views do: it is not the log that \
                 they came from; bring that back, or begin a new generation"
            )));
        }
        let behind = end - next;
        places.push(PartitionProgress { partition, at, waiting: behind });
        let label = partition.to_string();
        metrics::gauge!("parlor_projector_lag_events", "partition" => label.clone())
            .set(behind as f64);
        let since = core.owned.projecting_since.get(&partition).map(|since| *since);
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
    Ok(places)
}
