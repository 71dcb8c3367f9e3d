//! The views of a cluster as a function of its log: filling a second keyspace, and comparing.
//!
//! Nodes may serve all the while. Those that are then started with the other keyspace are of another
//! consumer group: they go on from the checkpoints that were left there, and both keyspaces are kept
//! up to date until the last node has moved.

mod compare;
mod fill;
mod folding;
mod found;
mod judge;
mod progress;
mod scratch;
mod whole_log;

use super::cql::{self, Cql};
use super::kafka::reader::PageReader;
use super::log::Settings;
use super::project::landmark;
use crate::engine::{Error, Result};
use compare::{Side, compare};
use whole_log::WholeLog;

/// Fills the keyspace `into` from the whole log while the live one is served, carries over what is not the
/// log's, and compares both with the log. Run again, it goes on where it was interrupted. Gives how many events the log has.
///
/// # Errors
/// As the engine's; [`Error::Storage`] with the first difference in `into`. One in the live keyspace is
/// told to the operator: it may be why there is to be another.
pub async fn rebuild(settings: &Settings, into: &str) -> Result<u64> {
    let live = &settings.cql;
    if into == live.keyspace {
        return Err(Error::Storage(format!("{into} is the live keyspace: fill another")));
    }
    let log = WholeLog::open(&settings.kafka).await?;
    let target = cql::Settings { keyspace: into.to_owned(), ..live.clone() };
    cql::migrate(&target).await?;
    let target = Cql::open(&target).await?;
    fill::fill(&log, &target).await?;
    let mut sides = vec![Side { name: into.to_owned(), cql: target.clone() }];
    match Cql::open(live).await {
        Ok(cql) => {
            match stranger(&log, &cql).await? {
                None => drop(cql.carry_into(&target).await?),
                // Of a log that was restored they could be ahead, and pass over what comes next.
                Some(stranger) => {
                    tracing::warn!(stranger, "places of followers are not carried over")
                }
            }
            sides.push(Side { name: live.keyspace.clone(), cql });
        }
        Err(error) => tracing::warn!(
            %error, "the live keyspace is not compared, and how far its followers are is not carried over"
        ),
    }
    let compared = compare(&log, sides).await?;
    let mut differences = compared.differences.into_iter();
    let difference = differences.next().flatten();
    if let Some(difference) = differences.next().flatten() {
        tracing::warn!(difference, "the live keyspace is not what the log says");
    }
    match difference {
        None => Ok(compared.events),
        Some(difference) => Err(Error::Storage(format!("the views differ: {difference}"))),
    }
}

/// Why views came from another log than this; none where they did not, as far as is known.
async fn stranger(log: &WholeLog, cql: &Cql) -> Result<Option<String>> {
    let reader = PageReader::new(log.settings.clone());
    for partition in 0..log.partitions() {
        let stranger = landmark::stranger(cql, &reader, &log.settings, partition).await?;
        if stranger.is_some() {
            return Ok(stranger);
        }
    }
    Ok(None)
}

/// Folds the whole log and compares every row of every view with it. Gives how many events were
/// folded and the first difference.
///
/// # Errors
/// As the engine's.
pub async fn verify(settings: &Settings) -> Result<(u64, Option<String>)> {
    let log = WholeLog::open(&settings.kafka).await?;
    let (name, cql) = (settings.cql.keyspace.clone(), Cql::open(&settings.cql).await?);
    let compared = compare(&log, vec![Side { name, cql }]).await?;
    Ok((compared.events, compared.differences.into_iter().next().flatten()))
}
