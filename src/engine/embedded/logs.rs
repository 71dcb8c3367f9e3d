//! The two logs of a data directory: events, and administration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::EventCache;
use super::segments::disk::Folder;
use super::segments::{
    self, Appender, Checked, Kept, OpenError, Opened, Position, Refusal, SegmentReader, Sizes,
    Unread,
};
use super::store::{Store, parse, storage, unopenable};
use crate::domain::event::Event;
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result, Topic};

/// Events this close are read together: reading over some costs less than asking again.
const NEAR: u64 = 4;

pub(super) const TOPICS: [Topic; 2] = [Topic::Events, Topic::Accounts];

/// The reading sides of both logs. Cheap to share.
#[derive(Clone)]
pub(super) struct Readers {
    logs: [SegmentReader; 2],
    cache: Arc<EventCache>,
}

/// Both logs, open.
pub(super) struct Logs {
    pub(super) readers: Readers,
    /// By topic.
    pub(super) appenders: [Appender; 2],
    /// What opening did not read, and where it is.
    pub(super) unread: [(PathBuf, Unread); 2],
}

/// Where a log is.
pub(super) fn folder(dir: &Path, topic: Topic) -> PathBuf {
    dir.join("log").join(match topic {
        Topic::Events => "events",
        Topic::Accounts => "accounts",
    })
}

pub(super) fn sizes(topic: Topic) -> Sizes {
    match topic {
        Topic::Events => Sizes::EVENTS,
        Topic::Accounts => Sizes::ADMINISTRATION,
    }
}

/// Both logs, looked at.
pub(super) struct Looked {
    dir: PathBuf,
    found: [segments::Looked; 2],
}

/// Looks at both logs and writes nothing.
///
/// # Errors
/// [`Error::Unusable`] where acknowledged events are missing or damaged.
pub(super) fn look(dir: &Path) -> Result<Looked> {
    let look = |topic| {
        let folder = folder(dir, topic);
        segments::look(Arc::new(Folder::at(&folder))).map_err(|error| unusable(&folder, error))
    };
    let found = [look(Topic::Events)?, look(Topic::Accounts)?];
    Ok(Looked { dir: dir.to_owned(), found })
}

impl Looked {
    /// Readers that keep nothing in memory.
    pub(super) fn readers(&self) -> Readers {
        let logs = self.found.each_ref().map(|found| found.reader.clone());
        Readers { logs, cache: Arc::new(EventCache::new(0)) }
    }

    /// Opens both for writing; makes those that are not there. Readers keep so many bytes of events
    /// in memory.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the disk does not let us.
    pub(super) fn open(self, cache_bytes: u64) -> Result<Logs> {
        let Self { dir, found: [events, accounts] } = self;
        Folder::make(&dir.join("log")).map_err(storage)?;
        let open = |topic, found: segments::Looked| -> Result<Opened> {
            let folder = folder(&dir, topic);
            Folder::make(&folder).map_err(storage)?;
            let opened = found.open(sizes(topic)).map_err(|error| unusable(&folder, error))?;
            if opened.cut_bytes > 0 {
                tracing::warn!(
                    log = %folder.display(), bytes = opened.cut_bytes,
                    "the log ends in a batch that was cut short; nobody was told that it is kept, and \
                     it is left out"
                );
            }
            Ok(opened)
        };
        let (events, accounts) = (open(Topic::Events, events)?, open(Topic::Accounts, accounts)?);
        let unread = [(Topic::Events, events.unread), (Topic::Accounts, accounts.unread)];
        Ok(Logs {
            readers: Readers {
                logs: [events.reader, accounts.reader],
                cache: Arc::new(EventCache::new(cache_bytes)),
            },
            appenders: [events.appender, accounts.appender],
            unread: unread.map(|(topic, unread)| (folder(&dir, topic), unread)),
        })
    }
}

/// Reads every byte of both logs and writes nothing; also while a process writes them, where it is read
/// `beside` one.
///
/// # Errors
/// [`Error::Unusable`] with the first byte that is not as it was written.
pub(super) fn verify(dir: &Path, beside: bool) -> Result<[(Topic, Checked); 2]> {
    let verify = |topic| {
        let folder = folder(dir, topic);
        let disk = Folder::at(&folder);
        let found = if beside { segments::verify_beside(&disk) } else { segments::verify(&disk) };
        match found {
            Ok(checked) => Ok((topic, checked)),
            Err(OpenError::Refused(refusal)) => Err(refused(&folder, &refusal)),
            Err(OpenError::Io(error)) => Err(storage(error)),
        }
    };
    let [events, accounts] = TOPICS.map(verify);
    Ok([events?, accounts?])
}

fn unusable(folder: &Path, error: OpenError) -> Error {
    match error {
        OpenError::Refused(refusal) => refused(folder, &refusal),
        OpenError::Io(error) => {
            let what = format!("the log in {} does not open", folder.display());
            unopenable(&what, &error, |_| false)
        }
    }
}

/// What an operator is told of a log that is damaged.
pub(super) fn refused(folder: &Path, refusal: &Refusal) -> Error {
    Error::Unusable(format!(
        "{}/{refusal}. Nothing was written. Put the file back from a copy, or go on without what is \
         lost: parlor repair --accept-loss",
        folder.display()
    ))
}

impl Readers {
    pub(super) fn of(&self, topic: Topic) -> &SegmentReader {
        &self.logs[topic as usize]
    }

    pub(super) fn end(&self, topic: Topic) -> Seq {
        Seq::new(self.of(topic).end())
    }

    /// Up to `limit` events of a log after `after`, in order.
    pub(super) fn read(&self, topic: Topic, after: Seq, limit: usize) -> Result<Vec<Recorded>> {
        let kept = self.of(topic).range(after.get(), limit).map_err(storage)?;
        kept.iter().map(recorded).collect()
    }

    /// What the writer has just written of the events; it is read first.
    pub(super) fn keep(&self, seq: Seq, event: &Arc<Event>, json_bytes: usize) {
        self.cache.put(seq, event, json_bytes);
    }

    /// The events at these positions, which views name, in order: from memory, and what is not there
    /// from the log, where what stands close together is read together.
    pub(super) fn events(&self, places: &[Seq]) -> Result<Vec<Recorded>> {
        let kept = |seq: &Seq| self.cache.get(*seq).map(|event| Recorded { seq: *seq, event });
        let kept: Vec<_> = places.iter().map(kept).collect();
        let missing = places.iter().zip(&kept).filter(|(_, kept)| kept.is_none());
        let missing: Vec<_> = missing.map(|(seq, _)| *seq).collect();
        let mut fetched = Vec::with_capacity(missing.len());
        for run in missing.chunk_by(|one, next| next.get().saturating_sub(one.get()) <= NEAR) {
            self.fetch(run, &mut fetched)?;
        }
        let mut fetched = fetched.into_iter();
        Ok(kept.into_iter().filter_map(|kept| kept.or_else(|| fetched.next())).collect())
    }

    /// Reads a stretch of the log for the events at these positions.
    fn fetch(&self, places: &[Seq], into: &mut Vec<Recorded>) -> Result<()> {
        let (Some(first), Some(last)) = (places.first(), places.last()) else { return Ok(()) };
        let span = usize::try_from(last.get() - first.get() + 1).unwrap_or(usize::MAX);
        let after = first.get().saturating_sub(1);
        let mut wanted = places.iter().peekable();
        for kept in self.of(Topic::Events).range(after, span).map_err(storage)? {
            if wanted.next_if(|seq| seq.get() == kept.seq).is_some() {
                let found = recorded(&kept)?;
                self.cache.put(found.seq, &found.event, kept.body.len());
                into.push(found);
            }
        }
        match wanted.next() {
            Some(missing) => Err(Error::Storage(format!("event {missing} is not in the log"))),
            None => Ok(()),
        }
    }

    /// Whether a log has the batch that ends at a place, and the same before it.
    pub(super) fn holds(&self, topic: Topic, seen: &Position) -> bool {
        self.of(topic).position_of(seen.seq).is_ok_and(|found| found.as_ref() == Some(seen))
    }

    /// Whether the logs have all that the views have seen, and the same.
    ///
    /// # Errors
    /// [`Error::Unusable`] where they have not.
    pub(super) fn check(&self, dir: &Path, store: &Store) -> Result<()> {
        for topic in TOPICS {
            let Some(seen) = store.seen(topic)? else { continue };
            if self.holds(topic, &seen) {
                continue;
            }
            let reader = self.of(topic);
            let why = if reader.end() < seen.seq {
                format!(
                    "the log ends at event {}, and the views have seen {}",
                    reader.end(),
                    seen.seq
                )
            } else {
                format!("event {} is not the one that the views have seen", seen.seq)
            };
            let at_stake = seen.seq.saturating_sub(reader.end());
            let at_stake = (at_stake > 0).then_some(at_stake);
            let refusal = Refusal { at: 0, why, at_stake, file: reader.newest() };
            return Err(refused(&folder(dir, topic), &refusal));
        }
        Ok(())
    }
}

fn recorded(kept: &Kept) -> Result<Recorded> {
    Ok(Recorded { seq: Seq::new(kept.seq), event: Arc::new(parse(&kept.body)?) })
}
