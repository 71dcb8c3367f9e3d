//! Going on without what cannot be read of a log.

use std::path::Path;
use std::sync::Arc;

use super::directory::{self, Hold};
use super::logs::{self, TOPICS};
use super::rebuild::CACHE_BYTES;
use super::segments;
use super::segments::disk::Folder;
use super::store::{Store, storage};
use super::{current, format};
use crate::engine::{Result, Topic};
use crate::projection::Schema;

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
pub fn repair(dir: &Path, schema: &'static Schema) -> Result<Vec<(Topic, Repaired)>> {
    let _hold = Hold::take(dir)?;
    format::check(dir)?;
    let mut repaired = Vec::new();
    let views = current::folder(dir)?;
    let views_open = Store::open(&views, CACHE_BYTES, schema).ok();
    for topic in TOPICS {
        let folder = logs::folder(dir, topic);
        let live = Folder::at(&folder);
        let seen = views_open.as_ref().and_then(|views| views.seen(topic).ok().flatten());
        let is_whole = segments::verify(&live).is_ok();
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
