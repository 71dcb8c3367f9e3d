//! The layout's version, and how a directory of an older one is brought up.
//!
//! | format | since then |
//! |---|---|
//! | 1 | one fjall database holds log and views |
//! | 2 | `conversations_by_time` |
//! | 3 | a log of segments; the views alone in fjall |
//!
//! An older directory is brought up when it is opened: its log is written to segments, read again and
//! compared, and only then the older files go. Cut short, it is begun anew.

use std::io::ErrorKind;
use std::path::Path;

use super::{directory, logs, upgrade};
use crate::engine::{Error, Result, Topic};

const FORMAT: u64 = 3;
/// The file that says which format a directory has.
pub(super) const FILE: &str = "format";
pub(super) const BEGUN: &str = "format.new";

/// Makes a directory one of this format, but for the file that says so. `tell` hears how far it is.
///
/// # Errors
/// [`Error::Unusable`] when it is of a newer format, or has lost its log.
pub(super) fn bring_up(dir: &Path, cache_bytes: u64, tell: &dyn Fn(&str)) -> Result<()> {
    match read(dir)? {
        Some(FORMAT) => {
            // Older files may be left of a run that was cut short after all was verified.
            upgrade::remove_older(dir)?;
            check(dir)
        }
        Some(other) => Err(newer(dir, other)),
        None if directory::is_older(dir) => upgrade::run(dir, cache_bytes, tell),
        None => Ok(()),
    }
}

/// Whether a directory can be used as it is.
///
/// # Errors
/// [`Error::Unusable`] when it is of another format, or has lost its log.
pub(super) fn check(dir: &Path) -> Result<()> {
    let shown = dir.display();
    match read(dir)? {
        Some(FORMAT) => {}
        Some(other) => return Err(newer(dir, other)),
        None => {
            return Err(Error::Unusable(format!(
                "{shown} is of an older format: `parlor serve` brings it up when it starts"
            )));
        }
    }
    let events = logs::folder(dir, Topic::Events);
    if events.join("00000001.seg").exists() {
        return Ok(());
    }
    Err(Error::Unusable(format!(
        "the log in {} is gone, and {shown}/{FILE} says that there was one: put the folder back from a \
         copy, or remove the directory to begin anew",
        events.display()
    )))
}

fn newer(dir: &Path, format: u64) -> Error {
    Error::Unusable(format!(
        "{} is of format {format}; this parlor reads formats up to {FORMAT}: start the release that \
         wrote it, or name another directory with --data-dir",
        dir.display()
    ))
}

fn read(dir: &Path) -> Result<Option<u64>> {
    let path = dir.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(&path, &error)),
    };
    text.trim().parse().map(Some).map_err(|error| unusable(&path, &error))
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Unusable(format!("{} cannot be read: {error}", path.display()))
}

/// Says in the directory of which format it is.
///
/// # Errors
/// [`Error::Storage`] when it cannot be written.
pub(super) fn mark(dir: &Path) -> Result<()> {
    if read(dir)?.is_some() {
        return Ok(());
    }
    directory::write_whole(dir, FILE, &format!("{FORMAT}\n")).map_err(super::store::storage)
}
