//! From format 1 or 2 to 3: the log goes from fjall to segments.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use serde::Deserialize;

use super::segments::disk::Folder;
use super::segments::{self, AppendError, OpenError, Record};
use super::store::{parse, storage};
use super::{current, directory, format, keys, logs};
use crate::domain::ids::{EventId, Id as _};
use crate::engine::{Error, Result, Topic};

/// Events and bytes of one batch.
const BATCH_EVENTS: usize = 1_024;
const BATCH_BYTES: usize = 4 << 20;
const TELL_EVERY: Duration = Duration::from_secs(2);
/// The newest format that a fjall database holds.
const OLDER: u64 = 2;

/// What is read of an event.
#[derive(Deserialize)]
struct Named {
    id: EventId,
}

/// Writes the log of an older directory to segments, reads it again and compares; then the older files
/// go. The views are made anew when the directory is opened.
///
/// # Errors
/// [`Error::Unusable`] when the older store cannot be read; it is left as it was.
pub(super) fn run(dir: &Path, cache_bytes: u64, tell: &dyn Fn(&str)) -> Result<()> {
    tracing::info!(dir = %dir.display(), "the directory is of an older format and is brought up");
    let older = Database::builder(dir).cache_size(cache_bytes).open().map_err(|error| {
        Error::Unusable(format!("the store in {} does not open: {error:?}", dir.display()))
    })?;
    if !older.keyspace_exists("events") {
        return Err(Error::Unusable(format!(
            "{} holds no log: name the data directory, not a folder in it, with --data-dir (data_dir, \
             PARLOR_DATA_DIR)",
            dir.display()
        )));
    }
    // Of a run that was cut short.
    for folder in [dir.join("log"), dir.join(current::FIRST)] {
        directory::remove_folder(&folder).map_err(storage)?;
    }
    let keyspace =
        |name: &str| older.keyspace(name, KeyspaceCreateOptions::default).map_err(storage);
    if let Some(format) = keyspace("meta")?.get("format").map_err(storage)?
        && (*format).try_into().map(u64::from_be_bytes).is_ok_and(|format| format > OLDER)
    {
        return Err(Error::Unusable(format!(
            "{} was written by a newer release: start that one",
            dir.display()
        )));
    }
    Folder::make(&dir.join("log")).map_err(storage)?;
    for (topic, name) in [(Topic::Events, "events"), (Topic::Accounts, "accounts")] {
        let events = keyspace(name)?;
        copy(&events, dir, topic, tell)?;
        compare(&events, dir, topic, tell)?;
    }
    drop(older);
    format::mark(dir)?;
    remove_older(dir)?;
    tracing::info!(dir = %dir.display(), "the directory is brought up");
    Ok(())
}

/// Every event with its position, oldest first.
fn all(events: &Keyspace) -> impl Iterator<Item = Result<(u64, fjall::UserValue)>> {
    events.iter().map(|guard| {
        let (key, value) = guard.into_inner().map_err(storage)?;
        let malformed = || Error::Storage("a log key is malformed".into());
        Ok((keys::read_position(&key).ok_or_else(malformed)?.get(), value))
    })
}

fn copy(events: &Keyspace, dir: &Path, topic: Topic, tell: &dyn Fn(&str)) -> Result<()> {
    let disk = Folder::make(&logs::folder(dir, topic)).map_err(storage)?;
    let opened = segments::open(Arc::new(disk), logs::sizes(topic)).map_err(unopened)?;
    let mut appender = opened.appender;
    let mut batch: Vec<(u64, EventId, fjall::UserValue)> = Vec::new();
    let (mut bytes, mut copied, mut told) = (0, 0_u64, Instant::now());
    let mut write = |batch: &mut Vec<(u64, EventId, fjall::UserValue)>| -> Result<()> {
        let Some((first, ..)) = batch.first() else { return Ok(()) };
        if *first != appender.position().seq + 1 {
            appender.skip_to(first - 1).map_err(storage)?;
        }
        let records: Vec<_> = batch
            .iter()
            .map(|(seq, id, body)| Record { seq: *seq, id: id.bytes(), body })
            .collect();
        appender.append(&records).map_err(|error: AppendError| storage(error))?;
        batch.clear();
        Ok(())
    };
    for event in all(events) {
        let (seq, body) = event?;
        let follows = batch.last().is_none_or(|(last, ..)| last + 1 == seq);
        if !follows || batch.len() >= BATCH_EVENTS || bytes >= BATCH_BYTES {
            write(&mut batch)?;
            bytes = 0;
        }
        bytes += body.len();
        copied += 1;
        let Named { id } = parse(&body)?;
        batch.push((seq, id, body));
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tracing::info!(copied, "the log is written to segments");
            tell(&format!("the directory is brought up: {copied} events are written to segments"));
        }
    }
    write(&mut batch)?;
    appender.close();
    Ok(())
}

/// Reads everything again and compares.
fn compare(events: &Keyspace, dir: &Path, topic: Topic, tell: &dyn Fn(&str)) -> Result<()> {
    let folder = logs::folder(dir, topic);
    tell("the directory is brought up: what was written is read again");
    segments::verify(&Folder::at(&folder)).map_err(unopened)?;
    let reader = segments::look(Arc::new(Folder::at(&folder))).map_err(unopened)?.reader;
    let mut older = all(events);
    let mut after = 0;
    loop {
        let kept = reader.range(after, BATCH_EVENTS).map_err(storage)?;
        if kept.is_empty() {
            break;
        }
        for kept in kept {
            after = kept.seq;
            let is_same = match older.next().transpose()? {
                Some((seq, body)) => seq == kept.seq && body[..] == kept.body[..],
                None => false,
            };
            if !is_same {
                return Err(Error::Storage(format!("event {after} was not written as it was")));
            }
        }
    }
    match older.next() {
        None => Ok(()),
        Some(_) => Err(Error::Storage(format!("nothing was written behind event {after}"))),
    }
}

fn unopened(error: OpenError) -> Error {
    storage(error)
}

/// Removes the files of an older format, the one that tells it last.
///
/// # Errors
/// [`Error::Storage`] when one cannot be removed.
pub(super) fn remove_older(dir: &Path) -> Result<()> {
    if !directory::is_older(dir) {
        return Ok(());
    }
    let remove = || -> std::io::Result<()> {
        for entry in std::fs::read_dir(dir)? {
            let name = entry?.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".jnl") || name == "lock" {
                std::fs::remove_file(dir.join(&*name))?;
            }
        }
        directory::remove_folder(&dir.join("keyspaces"))?;
        std::fs::remove_file(dir.join(directory::OLDER))?;
        File::open(dir)?.sync_all()
    };
    remove().map_err(storage)
}
