//! The views as a function of the log: catching up, rebuilding and verifying.

use std::path::Path;
use std::time::{Duration, Instant};

use super::compare::{Difference, Which, first_difference};
use super::directory::{self, Hold};
use super::logs::{self, Logs, Readers};
use super::segments::{Appender, Checked};
use super::states::{Cache, States};
use super::store::{Store, storage};
use super::writer::project_into;
use super::{current, format};
use crate::domain::seq::Seq;
use crate::engine::{Error, Result, Topic};
use crate::projection::Schema;

/// Events applied in one batch.
const BATCH: usize = 1_024;
/// How often it is said how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// How a long run is followed, and ended.
#[derive(Clone, Copy)]
pub(super) struct Watch<'a> {
    /// Hears of events done and in all.
    pub(super) tell: &'a dyn Fn(u64, u64),
    /// Is asked between two batches, and may rest.
    pub(super) goes_on: &'a dyn Fn() -> bool,
}

impl Watch<'_> {
    /// To the end, without a word.
    pub(super) const NONE: Watch<'static> = Watch { tell: &|_, _| {}, goes_on: &|| true };
}

/// What a run says that was not let go on.
pub(super) fn given_up() -> Error {
    Error::ReadOnly("it was given up before it was done".into())
}

/// Applies to the views what the log has beyond their checkpoint: what a crash took from them, or all
/// of it. Returns how many events were applied.
pub(super) fn catch_up(store: &Store, readers: &Readers, watch: Watch<'_>) -> Result<u64> {
    let end = readers.end(Topic::Events);
    let applied = fold(store, readers, end, watch)?;
    if applied > 0 {
        store.sync()?;
    }
    Ok(applied)
}

/// Folds what follows on the checkpoint, up to `end`.
///
/// # Errors
/// The engine's; [`given_up`] when it does not go on.
pub(super) fn fold(store: &Store, readers: &Readers, end: Seq, watch: Watch<'_>) -> Result<u64> {
    let log = readers.of(Topic::Events);
    let mut cache = Cache::new();
    let checkpoint = store.checkpoint()?.unwrap_or_default();
    let mut position = Seq::new(checkpoint.seq);
    let all = end.get().saturating_sub(checkpoint.seq);
    let (mut applied, mut told) = (0, Instant::now());
    let mut batch = store.db.batch();
    let mut waiting = 0;
    while position < end {
        let limit = usize::try_from(end.get() - position.get()).unwrap_or(BATCH).min(BATCH);
        let entries = readers.read(Topic::Events, position, limit)?;
        // Positions at the end may be without events, after a repair.
        if entries.is_empty() {
            break;
        }
        if !(watch.goes_on)() {
            return Err(given_up());
        }
        for entry in entries {
            let mut states = States { cache: &mut cache, store };
            project_into(&mut batch, &mut states, entry.seq, &entry.event)?;
            position = entry.seq;
            applied += 1;
            waiting += 1;
            // A checkpoint stands between two batches of the log.
            if waiting >= BATCH
                && let Some(here) = log.position_of(position.get()).map_err(storage)?
            {
                cache.publish(&store.fresh);
                store.settle(std::mem::replace(&mut batch, store.db.batch()), &here)?;
                waiting = 0;
            }
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tracing::info!(applied, all, "the views are brought up to the log");
            (watch.tell)(applied, all);
        }
    }
    if applied > 0 {
        let here = log.position_of(position.get()).map_err(storage)?;
        let here =
            here.ok_or_else(|| Error::Storage(format!("no batch ends at event {position}")))?;
        cache.publish(&store.fresh);
        store.settle(batch, &here)?;
    }
    Ok(applied)
}

/// Drops every view of a data directory that no server has open and fills them from the log.
/// Returns how many events were applied.
///
/// # Errors
/// As [`super::Embedded::open`].
pub fn rebuild(dir: &Path, schema: &'static Schema) -> Result<u64> {
    let _hold = Hold::take(dir)?;
    format::bring_up(dir, CACHE_BYTES, &|_| {})?;
    // Not only looked at: views must not have seen a batch that the log may lose.
    let Logs { readers, appenders, .. } = logs::look(dir)?.open(0)?;
    current::tidy(dir)?;
    let folder = current::folder(dir)?;
    directory::remove_folder(&folder).map_err(storage)?;
    let store = Store::open(&folder, CACHE_BYTES, schema)?;
    let applied = catch_up(&store, &readers, Watch::NONE)?;
    appenders.into_iter().for_each(Appender::close);
    Ok(applied)
}

/// Reads every byte of the log of a data directory, folds it anew, in the system's directory for
/// temporary files (`TMPDIR`), and compares every row of every view. Returns how many events were
/// folded and the first difference.
///
/// What has expired is gone from the views and not missed.
///
/// # Errors
/// As [`super::Embedded::open`]; the first byte of the log that is not as it was written.
pub fn verify(dir: &Path, schema: &'static Schema) -> Result<(u64, Option<Difference>)> {
    let _hold = Hold::take(dir)?;
    format::check(dir)?;
    logs::verify(dir, false)?;
    let readers = logs::look(dir)?.readers();
    let live = Store::open(&current::folder(dir)?, CACHE_BYTES, schema)?;
    readers.check(dir, &live)?;
    let scratch_dir = tempfile::Builder::new().prefix("parlor-").tempdir().map_err(storage)?;
    let scratch = Store::open(scratch_dir.path(), CACHE_BYTES, schema)?;
    let moment = live.db.snapshot();
    let (mut folded, mut difference) = (0, None);
    for (which, seen) in
        [(Which::States, live.checkpoint()?), (Which::Rows, live.seen(Topic::Events)?)]
    {
        let seen = Seq::new(seen.unwrap_or_default().seq);
        folded += fold(&scratch, &readers, seen, Watch::NONE)?;
        if difference.is_none() {
            difference = first_difference((&live, &moment), &scratch, which, &|| true)?;
        }
    }
    // The directory goes after what is open in it.
    drop(scratch);
    scratch_dir.close().map_err(storage)?;
    Ok((folded, difference))
}

/// Reads every byte of the log of a data directory that a server has, as far as it was written when it was
/// looked at; takes no lock and writes nothing. What was found, by topic. The views are not looked at.
///
/// # Errors
/// As [`verify`].
pub fn verify_beside(dir: &Path) -> Result<[(Topic, Checked); 2]> {
    format::check(dir)?;
    logs::verify(dir, true)
}

/// For what is read on the side.
pub(super) const CACHE_BYTES: u64 = 64 << 20;
