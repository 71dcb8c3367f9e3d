//! The views as a function of the log: catching up, rebuilding and verifying.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;

use super::directory::{self, Hold};
use super::format;
use super::logs::{self, Logs, Readers, TOPICS};
use super::segments::disk::Folder;
use super::segments::{self, Appender, OpenError};
use super::states::{Cache, States};
use super::store::{self, Store, storage};
use super::table::{Row, Table};
use super::writer::project_into;
use crate::domain::seq::Seq;
use crate::engine::{Result, Topic};

/// Events applied in one batch.
const BATCH: usize = 1_024;
/// How often it is said how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// The first place at which the views are not what the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub view: String,
    /// The key, in hex.
    pub key: String,
    /// What the view holds and what it should hold, as text; none when there is no such row.
    pub found: Option<String>,
    pub expected: Option<String>,
}

/// Applies to the views what the log has beyond their checkpoint: what a crash took from them, or all
/// of it. `tell` hears of events done and in all. Returns how many were applied.
pub(super) fn catch_up(store: &Store, readers: &Readers, tell: &dyn Fn(u64, u64)) -> Result<u64> {
    let end = readers.end(Topic::Events);
    let applied = fold(store, readers, end, tell)?;
    if applied > 0 {
        store.sync()?;
    }
    Ok(applied)
}

/// Folds what follows on the checkpoint, up to `end`.
fn fold(store: &Store, readers: &Readers, end: Seq, tell: &dyn Fn(u64, u64)) -> Result<u64> {
    let log = readers.of(Topic::Events);
    let mut cache = Cache::new();
    let checkpoint = store.checkpoint(Topic::Events)?.unwrap_or_default();
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
                cache.write(store, &mut batch)?;
                store.set_checkpoint(&mut batch, Topic::Events, &here);
                std::mem::replace(&mut batch, store.db.batch()).commit().map_err(storage)?;
                waiting = 0;
            }
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tracing::info!(applied, all, "the views are brought up to the log");
            tell(applied, all);
        }
    }
    if applied > 0 {
        cache.write(store, &mut batch)?;
        if let Some(here) = log.position_of(position.get()).map_err(storage)? {
            store.set_checkpoint(&mut batch, Topic::Events, &here);
        }
        batch.commit().map_err(storage)?;
    }
    Ok(applied)
}

fn views(store: &Store) -> [(&'static str, &Table); 9] {
    [
        ("conversations", &store.conversations),
        ("contacts", &store.contacts),
        ("timeline", &store.timeline),
        ("pages", &store.pages),
        ("turns_due", &store.turns_due),
        ("claims", &store.claims),
        ("claims_by_time", &store.claims_by_time),
        ("totals", &store.totals),
        ("conversations_by_time", &store.conversations_by_time),
    ]
}

/// Drops every view of a data directory that no server has open and fills them from the log.
/// Returns how many events were applied.
///
/// # Errors
/// As [`super::Embedded::open`].
pub fn rebuild(dir: &Path) -> Result<u64> {
    let _hold = Hold::take(dir)?;
    format::bring_up(dir, CACHE_BYTES, &|_| {})?;
    // Not only looked at: views must not have seen a batch that the log may lose.
    let Logs { readers, appenders, .. } = logs::look(dir)?.open()?;
    let folder = store::folder(dir);
    directory::remove_folder(&folder).map_err(storage)?;
    let store = Store::open(&folder, CACHE_BYTES)?;
    let applied = catch_up(&store, &readers, &|_, _| {})?;
    appenders.into_iter().for_each(Appender::close);
    Ok(applied)
}

/// Reads every byte of the log of a data directory, folds it anew, in the system's directory for
/// temporary files (`TMPDIR`), and compares every row of every view. Returns how many events were
/// folded and the first difference.
///
/// Claims that have expired are gone from the views and not missed.
///
/// # Errors
/// As [`super::Embedded::open`]; the first byte of the log that is not as it was written.
pub fn verify(dir: &Path) -> Result<(u64, Option<Difference>)> {
    let _hold = Hold::take(dir)?;
    format::check(dir)?;
    for topic in TOPICS {
        let folder = logs::folder(dir, topic);
        segments::verify(&Folder::at(&folder), |_| {}).map_err(|error| match error {
            OpenError::Refused(refusal) => logs::refused(&folder, &refusal),
            OpenError::Io(error) => storage(error),
        })?;
    }
    let readers = logs::look(dir)?.readers();
    let live = Store::open(&store::folder(dir), CACHE_BYTES)?;
    readers.check(dir, &live)?;
    let scratch_dir = tempfile::Builder::new().prefix("parlor-").tempdir().map_err(storage)?;
    let scratch = Store::open(scratch_dir.path(), CACHE_BYTES)?;
    let seen = live.checkpoint(Topic::Events)?.unwrap_or_default();
    let folded = fold(&scratch, &readers, Seq::new(seen.seq), &|_, _| {})?;
    let difference = first_difference(&live, &scratch)?;
    // The directory goes after what is open in it.
    drop(scratch);
    scratch_dir.close().map_err(storage)?;
    Ok((folded, difference))
}

/// What `parlor repair` did with a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repaired {
    pub kept: u64,
    /// Events whose positions are empty now, as far as is known.
    pub lost: u64,
}

/// Goes on without what cannot be read of a log: writes what is whole to a new one. The damaged log and
/// the views stay beside it, in folders whose names end in `.damaged`; the views are made anew when the
/// directory is opened. Logs that are whole are left alone.
///
/// # Errors
/// As [`super::Embedded::open`]; nothing has changed then.
pub fn repair(dir: &Path) -> Result<Vec<(Topic, Repaired)>> {
    let _hold = Hold::take(dir)?;
    format::check(dir)?;
    let mut repaired = Vec::new();
    let views = store::folder(dir);
    let views_open = Store::open(&views, CACHE_BYTES).ok();
    for topic in TOPICS {
        let folder = logs::folder(dir, topic);
        let live = Folder::at(&folder);
        let seen = views_open.as_ref().and_then(|views| views.checkpoint(topic).ok().flatten());
        let is_whole = segments::verify(&live, |_| {}).is_ok();
        let is_seen =
            |seen| logs::look(dir).is_ok_and(|looked| looked.readers().holds(topic, &seen));
        if is_whole && seen.is_none_or(is_seen) {
            continue;
        }
        let new = folder.with_extension("new");
        directory::remove_folder(&new).map_err(storage)?;
        let into = Arc::new(Folder::make(&new).map_err(storage)?);
        let saved =
            segments::salvage(&live, into, logs::sizes(topic), seen.map_or(0, |seen| seen.seq))
                .map_err(storage)?;
        set_aside(&folder)?;
        std::fs::rename(&new, &folder).map_err(storage)?;
        repaired.push((topic, Repaired { kept: saved.kept, lost: saved.lost }));
    }
    drop(views_open);
    if !repaired.is_empty() {
        // They may have seen what is lost.
        set_aside(&views)?;
    }
    Ok(repaired)
}

/// Gives a folder another name, which no other has.
fn set_aside(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for number in 1.. {
        let aside = folder.with_extension(format!("{number}.damaged"));
        if !aside.exists() {
            return std::fs::rename(folder, aside).map_err(storage);
        }
    }
    Ok(())
}

const CACHE_BYTES: u64 = 64 << 20;

fn first_difference(live: &Store, expected: &Store) -> Result<Option<Difference>> {
    for ((name, found), (_, wanted)) in views(live).into_iter().zip(views(expected)) {
        let expires = name.starts_with("claims");
        let (mut found, mut wanted) = (found.iter(), wanted.iter());
        let mut left = found.next().transpose()?;
        let mut right = wanted.next().transpose()?;
        loop {
            match (&left, &right) {
                (None, None) => break,
                (Some(a), Some(b)) if a == b => {
                    left = found.next().transpose()?;
                    right = wanted.next().transpose()?;
                }
                (a, Some(b)) if expires && a.as_ref().is_none_or(|a| a.key() > b.key()) => {
                    right = wanted.next().transpose()?;
                }
                (a, b) => return Ok(Some(describe(name, a.as_ref(), b.as_ref()))),
            }
        }
    }
    Ok(None)
}

fn describe(view: &str, found: Option<&Row>, expected: Option<&Row>) -> Difference {
    let key = match (found, expected) {
        (Some(a), Some(b)) => a.key().min(b.key()),
        (Some(a), None) => a.key(),
        (_, Some(b)) => b.key(),
        (None, None) => &[],
    };
    let of_key = |row: Option<&Row>| {
        let row = row.filter(|row| row.key() == key);
        row.map(|row| String::from_utf8_lossy(&row.value).into_owned())
    };
    Difference {
        view: view.to_owned(),
        key: HEXLOWER.encode(key),
        found: of_key(found),
        expected: of_key(expected),
    }
}
