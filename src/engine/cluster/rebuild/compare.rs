//! Comparing keyspaces with the log while nodes serve them.
//!
//! Checkpoints first, then every row, then the log up to where it ends by then: see
//! [`super::judge`]. Each is gone through once, a page at a time; what is kept is on disk
//! ([`super::scratch`]). Refused: folding first and looking at rows that differ again and again, for on a
//! busy keyspace some always do; and hashes of whole ranges, for of rows that change while they are
//! read they never agree.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::runtime::Handle;

use super::super::cql::Cql;
use super::super::kafka::blocking;
use super::super::kafka::record::seq_of;
use super::folding::Folding;
use super::found::Found;
use super::judge::{Difference, Judge};
use super::progress::Progress;
use super::scratch::Scratch;
use super::whole_log::{Stretch, WholeLog};
use crate::domain::seq::Seq;
use crate::engine::{Result, SCHEMA};

/// How long views that do not come nearer to the end of the log are waited for.
const STANDSTILL: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A keyspace to compare.
pub(super) struct Side {
    pub(super) name: String,
    pub(super) cql: Cql,
}

/// What came of it.
pub(super) struct Compared {
    /// Folded in all.
    pub(super) events: u64,
    /// The first difference of each side, in words.
    pub(super) differences: Vec<Option<String>>,
}

/// Compares every row of every view of each side with the log.
///
/// # Errors
/// As the engine's.
pub(super) async fn compare(log: &WholeLog, sides: Vec<Side>) -> Result<Compared> {
    let runtime = Handle::current();
    let log = log.clone();
    blocking(move || Comparison { log, sides, runtime }.run()).await
}

/// What it works with, on a thread that may wait.
struct Comparison {
    log: WholeLog,
    sides: Vec<Side>,
    runtime: Handle,
}

impl Comparison {
    fn run(self) -> Result<Compared> {
        let scratch = Scratch::make()?;
        let mut judges = Vec::new();
        for (number, side) in self.sides.iter().enumerate() {
            let checkpoints = self.runtime.block_on(caught_up(&self.log, &side.cql))?;
            let found = Found::new(scratch.keyspace(&format!("found_{number}"))?, side.cql.kept());
            self.read(side, &found)?;
            judges.push(Judge::new(found, checkpoints));
        }
        let events = self.fold(&scratch, &mut judges)?;
        let mut differences = Vec::new();
        for (side, judge) in self.sides.iter().zip(judges) {
            if judge.beyond > 0 {
                let (keyspace, events) = (&side.name, judge.beyond);
                tracing::warn!(keyspace, events, "the end of the log was not in the views yet");
            }
            let difference = judge.conclude()?;
            let described = difference.map(|found| self.runtime.block_on(describe(side, found)));
            differences.push(described.transpose()?);
        }
        Ok(Compared { events, differences })
    }

    fn read(&self, side: &Side, found: &Found) -> Result<()> {
        let mut progress = Progress::begin("reading rows");
        for kept in side.cql.kept() {
            let mut rows = std::pin::pin!(side.cql.scan(kept));
            while let Some(row) = self.runtime.block_on(rows.next()) {
                found.put(kept, &row?)?;
                progress.add(1, None);
            }
        }
        progress.end();
        Ok(())
    }

    /// Folds the log up to where it ends now: what was read before stands there at the latest.
    fn fold(&self, scratch: &Scratch, judges: &mut [Judge]) -> Result<u64> {
        let stretches = self.runtime.block_on(self.log.stretches())?;
        let all = stretches.iter().map(|stretch| stretch.to.unsigned_abs()).sum();
        let schema = self.sides.first().map_or(&SCHEMA, |side| side.cql.schema);
        let mut folding = Folding::new(scratch, schema)?;
        let mut progress = Progress::begin("folding events");
        let mut events = 0;
        for stretch in stretches {
            self.log.read(stretch, |record| {
                progress.add(1, Some(all));
                if let Some(entry) = &record.event {
                    folding.event(stretch.partition, entry, judges)?;
                    events += 1;
                }
                Ok(!judges.iter().all(Judge::has_judged))
            })?;
        }
        progress.end();
        Ok(events)
    }
}

/// Waits until the views have what the log has now, or come no nearer; gives how far they are.
async fn caught_up(log: &WholeLog, cql: &Cql) -> Result<Vec<Seq>> {
    let ends = ends(&log.stretches().await?);
    let (mut last, mut moved) = (Vec::new(), Instant::now());
    loop {
        let mut checkpoints = Vec::new();
        for partition in 0..log.partitions() {
            checkpoints.push(cql.checkpoint(partition).await?.unwrap_or_default().seq);
        }
        let behind = |(end, at): (&Seq, &Seq)| at < end;
        let complete = !ends.iter().zip(&checkpoints).any(behind);
        if checkpoints != last {
            (last, moved) = (checkpoints, Instant::now());
        }
        if complete || moved.elapsed() > STANDSTILL {
            return Ok(last);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The last event of each partition.
fn ends(stretches: &[Stretch]) -> Vec<Seq> {
    let mut ends = Vec::new();
    for stretch in stretches.iter().filter(|stretch| stretch.to > 0) {
        let partition = stretch.partition as usize;
        if ends.len() <= partition {
            ends.resize(partition + 1, Seq::START);
        }
        ends[partition] = ends[partition].max(seq_of(stretch.generation, stretch.to - 1));
    }
    ends
}

/// Names a difference, with what stands there now.
async fn describe(side: &Side, difference: Difference) -> Result<String> {
    let Difference { kept, key, expected } = difference;
    let mut found = None;
    let mut rows = std::pin::pin!(side.cql.scan(kept));
    while let Some(row) = rows.next().await {
        let row = row?;
        if row.key == key {
            found = Some(row.value);
            break;
        }
    }
    let show = |row: Option<String>| row.unwrap_or_else(|| "no such row".into());
    let (name, found, expected) = (&side.name, show(found), show(expected));
    Ok(format!("{name}.{kept} {key}: found {found}; expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_ends_in_its_last_generation_that_has_events() {
        let stretch = |generation, partition, to| Stretch { generation, partition, from: 0, to };
        let all = [stretch(1, 0, 5), stretch(1, 1, 3), stretch(2, 0, 0), stretch(2, 1, 1)];
        assert_eq!(ends(&all), [seq_of(1, 4), seq_of(2, 0)]);
        assert_eq!(ends(&[stretch(1, 0, 0)]), []);
    }
}
