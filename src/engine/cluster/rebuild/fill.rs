//! Filling a keyspace from the log, by the projector's own code in larger batches.
//!
//! Nobody is told of anything. Each batch's checkpoint is stored once it is written, so that what was
//! interrupted goes on where it was. Claims are written as the projector writes them, with the
//! time of their messages: a transaction of a node that serves the keyspace by then is later and wins,
//! and finds them when it asks. Those that have expired are left out.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::cql::Cql;
use super::super::kafka::blocking;
use super::super::kafka::reader::PageReader;
use super::super::kafka::record::seq_of;
use super::super::project::landmark;
use super::super::project::partition::PartitionViews;
use super::super::project::patience::Patience;
use super::super::project::touched::Touched;
use super::progress::Progress;
use super::whole_log::{Stretch, WholeLog};
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result};

/// Partitions that are filled at once.
const AT_ONCE: usize = 4;
/// A batch ends at so many events or bytes: the more, the more events of one conversation are
/// written together, and the more memory.
const BATCH: usize = 8_192;
const BATCH_BYTES: usize = 4 << 20;
/// States in memory; more than twice what a batch can touch.
const STATES: NonZeroUsize = NonZeroUsize::new(32_768).expect("not zero");
/// How long the store may refuse before the rest is left to another run.
const PATIENCE: Duration = Duration::from_secs(120);
/// The log is followed until no more than this was new, or so many times.
const FEW: u64 = 1_000;
const ROUNDS: usize = 20;

/// Fills a keyspace until it has all that the log has.
///
/// # Errors
/// As the engine's; what is done stays done.
pub(super) async fn fill(log: &WholeLog, cql: &Cql) -> Result<()> {
    let progress = Mutex::new(Progress::begin("filling"));
    let mut empty = true;
    let reader = PageReader::new(log.settings.clone());
    for partition in 0..log.partitions() {
        empty &= cql.checkpoint(partition).await?.is_none();
        let stranger = landmark::stranger(cql, &reader, &log.settings, partition).await?;
        stranger.map_or(Ok(()), |stranger| Err(Error::Storage(stranger)))?;
    }
    let touched = empty.then(|| Arc::new(Touched::new()));
    for _ in 0..ROUNDS {
        let stretches = log.stretches().await?;
        let all = stretches.iter().map(|stretch| stretch.to.unsigned_abs()).sum();
        let mut new = 0;
        for generation in log.generations() {
            let of_it = stretches.iter().filter(|stretch| stretch.generation == generation);
            let fills = of_it.map(|stretch| {
                let (log, cql, touched) = (log.clone(), cql.clone(), touched.clone());
                let filling = Filling { log, cql, touched };
                filling.stretch(*stretch, &progress, all)
            });
            let fills: Vec<_> = fills.collect();
            let filled = stream::iter(fills).buffer_unordered(AT_ONCE);
            new += filled.try_fold(0, async |sum, more| Ok(sum + more)).await?;
        }
        if new <= FEW {
            break;
        }
    }
    progress.lock().unwrap_or_else(PoisonError::into_inner).end();
    Ok(())
}

struct Filling {
    log: WholeLog,
    cql: Cql,
    touched: Option<Arc<Touched>>,
}

/// Events that are written together, and up to where they reach.
#[derive(Default)]
struct Batch {
    events: Vec<Recorded>,
    bytes: usize,
    upto: Seq,
}

impl Filling {
    /// Fills in what is missing of a stretch; gives how many records that were.
    async fn stretch(self, stretch: Stretch, progress: &Mutex<Progress>, all: u64) -> Result<u64> {
        let patience = Patience { revoked: CancellationToken::new(), most: Some(PATIENCE) };
        let partition = stretch.partition;
        let views = PartitionViews::open(self.cql.clone(), partition, patience, STATES);
        let mut views = views.await?;
        if views.is_beyond(stretch.generation) {
            return Ok(0);
        }
        views.touched = self.touched;
        let stretch = Stretch { from: views.next_offset(stretch.generation), ..stretch };
        let (batches, mut filled) = mpsc::channel(1);
        let log = self.log;
        let reading = blocking(move || read(&log, stretch, &batches));
        let writing = async {
            let mut records = 0;
            while let Some(Batch { events, upto, .. }) = filled.recv().await {
                views.apply(&events, upto).await?;
                views.note().await?;
                let more = events.len() as u64;
                progress.lock().unwrap_or_else(PoisonError::into_inner).add(more, Some(all));
                records += more;
            }
            Ok(records)
        };
        let (_, records) = tokio::try_join!(reading, writing)?;
        Ok(records)
    }
}

/// Reads a stretch in batches, until nobody wants them any more. Blocks.
fn read(log: &WholeLog, stretch: Stretch, batches: &mpsc::Sender<Batch>) -> Result<()> {
    let mut batch = Batch::default();
    log.read(stretch, |record| {
        batch.upto = record.seq;
        batch.bytes += record.bytes;
        batch.events.extend(record.event);
        if batch.events.len() < BATCH && batch.bytes < BATCH_BYTES {
            return Ok(true);
        }
        Ok(batches.blocking_send(std::mem::take(&mut batch)).is_ok())
    })?;
    // The last offsets may be no records.
    if stretch.from < stretch.to {
        batch.upto = batch.upto.max(seq_of(stretch.generation, stretch.to - 1));
        batches.blocking_send(batch).ok();
    }
    Ok(())
}
