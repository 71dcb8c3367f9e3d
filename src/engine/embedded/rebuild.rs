//! The views as a function of the log: catching up, rebuilding and verifying.

use std::path::Path;

use data_encoding::HEXLOWER;
use fjall::{Keyspace, PersistMode};

use super::keys;
use super::log::recorded;
use super::states::{Cache, States};
use super::store::{CHECKPOINT_KEY, Store, json, storage};
use super::writer::project_into;
use crate::domain::seq::Seq;
use crate::engine::{Result, Topic};

/// Events applied in one batch.
const BATCH: usize = 1_024;

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

/// Applies to the views what the log has beyond their checkpoint. Log and views are committed
/// together, so there is something to do only after a rebuild was cut short.
pub(super) fn catch_up(store: &Store) -> Result<u64> {
    let mut cache = Cache::new();
    let mut applied = 0;
    let mut position = store.checkpoint()?;
    let end = store.end(Topic::Events)?;
    while position < end {
        let mut batch = store.db.batch();
        for guard in store.events.range(keys::position(position.next())..).take(BATCH) {
            let entry = recorded(guard)?;
            let mut states = States { cache: &mut cache, store };
            let bytes = json(&*entry.event)?.into();
            project_into(&mut batch, &mut states, entry.seq, &entry.event, &bytes)?;
            position = entry.seq;
            applied += 1;
        }
        cache.write(store, &mut batch)?;
        batch.insert(&store.meta, CHECKPOINT_KEY, keys::position(position));
        batch.commit().map_err(storage)?;
    }
    if applied > 0 {
        store.db.persist(PersistMode::SyncAll).map_err(storage)?;
    }
    Ok(applied)
}

fn views(store: &Store) -> [(&'static str, &Keyspace); 9] {
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
    let store = Store::open(dir, CACHE_BYTES)?;
    store.meta.insert(CHECKPOINT_KEY, keys::position(Seq::START)).map_err(storage)?;
    store.db.persist(PersistMode::SyncAll).map_err(storage)?;
    for (_, view) in views(&store) {
        view.clear().map_err(storage)?;
    }
    catch_up(&store)
}

/// Folds the log of a data directory anew, in the system's directory for temporary files
/// (`TMPDIR`), and compares every row of every view. Returns how many events were folded and the
/// first difference.
///
/// Claims that have expired are gone from the views and not missed.
///
/// # Errors
/// As [`super::Embedded::open`].
pub fn verify(dir: &Path) -> Result<(u64, Option<Difference>)> {
    let live = Store::open(dir, CACHE_BYTES)?;
    let scratch_dir = tempfile::Builder::new().prefix("parlor-").tempdir().map_err(storage)?;
    let scratch = Store::open(scratch_dir.path(), CACHE_BYTES)?;
    for guard in live.events.iter() {
        let (key, value) = guard.into_inner().map_err(storage)?;
        scratch.events.insert(key, value).map_err(storage)?;
    }
    let folded = catch_up(&scratch)?;
    let difference = first_difference(&live, &scratch)?;
    // The directory goes after what is open in it.
    drop(scratch);
    scratch_dir.close().map_err(storage)?;
    Ok((folded, difference))
}

const CACHE_BYTES: u64 = 64 << 20;

fn first_difference(live: &Store, expected: &Store) -> Result<Option<Difference>> {
    for ((name, found), (_, wanted)) in views(live).into_iter().zip(views(expected)) {
        let expires = name.starts_with("claims");
        let mut found = found.iter().map(fjall::Guard::into_inner);
        let mut wanted = wanted.iter().map(fjall::Guard::into_inner);
        let mut left = found.next().transpose().map_err(storage)?;
        let mut right = wanted.next().transpose().map_err(storage)?;
        loop {
            match (&left, &right) {
                (None, None) => break,
                (Some(a), Some(b)) if a == b => {
                    left = found.next().transpose().map_err(storage)?;
                    right = wanted.next().transpose().map_err(storage)?;
                }
                (a, Some(b)) if expires && a.as_ref().is_none_or(|a| a.0 > b.0) => {
                    right = wanted.next().transpose().map_err(storage)?;
                }
                (a, b) => return Ok(Some(describe(name, a.as_ref(), b.as_ref()))),
            }
        }
    }
    Ok(None)
}

type Row = (fjall::UserKey, fjall::UserValue);

fn describe(view: &str, found: Option<&Row>, expected: Option<&Row>) -> Difference {
    let key = match (found, expected) {
        (Some(a), Some(b)) => a.0.clone().min(b.0.clone()),
        (Some(a), None) => a.0.clone(),
        (_, Some(b)) => b.0.clone(),
        (None, None) => fjall::UserKey::from(&[][..]),
    };
    let of_key = |row: Option<&Row>| {
        row.filter(|row| row.0 == key).map(|row| String::from_utf8_lossy(&row.1).into_owned())
    };
    Difference {
        view: view.to_owned(),
        key: HEXLOWER.encode(&key),
        found: of_key(found),
        expected: of_key(expected),
    }
}
