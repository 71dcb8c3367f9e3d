//! Landmarks: events by which the log of a partition is known again.
//!
//! Beside the checkpoint the views keep which event stood where. Where it stands no longer, the
//! topic is not the one that they came from: it was made anew under its old name, or brought back
//! from a copy and written on. Refused: Kafka's own id of a topic, which its client does not tell
//! us and which a copy does not keep.

use super::super::cql::{Cql, Landmark};
use super::super::kafka::Settings;
use super::super::kafka::reader::PageReader;
use super::super::kafka::record::place_of;
use crate::domain::seq::Seq;
use crate::engine::{Result, Topic};

/// Says in words why the log of a partition is not the one that its views came from; none where it
/// is, as far as is known.
///
/// # Errors
/// When it cannot be found out.
pub(in super::super) async fn stranger(
    cql: &Cql,
    reader: &PageReader,
    settings: &Settings,
    partition: u32,
) -> Result<Option<String>> {
    let Some(landmark) = cql.landmark(partition).await? else { return Ok(None) };
    let before = Seq::new(landmark.seq.get().saturating_sub(1));
    let found = reader.read(Topic::Events, partition, before, 1).await?;
    let found = found.first().map(|entry| Landmark { seq: entry.seq, event: entry.event.id });
    let (generation, offset) = place_of(landmark.seq);
    let topic = settings.log(Topic::Events, generation);
    let what = match found {
        Some(found) if found == landmark => return Ok(None),
        Some(found) if found.seq == landmark.seq => "holds another event",
        // Of a log that was lost the next generation goes on without it.
        _ if generation < settings.generation => return Ok(None),
        _ => "does not hold the event",
    };
    Ok(Some(format!(
        "partition {partition} of {topic} {what} at offset {offset} that the views have: it is not the \
         log that they came from; bring that back, or take a keyspace that was filled from this one"
    )))
}
