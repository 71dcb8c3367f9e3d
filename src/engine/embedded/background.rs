//! What is done beside serving: reading the segments that opening did not read. It rests in between, as
//! what else is done beside serving does ([`Rest`]).

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Weak;
use std::time::{Duration, Instant};

use super::log::Shared;
use super::logs;
use super::segments::{OpenError, Unread};
use super::store::storage;
use crate::engine::Result;

/// Reading rests so many times as long as it read: it takes a fifth of a core at most.
const REST: u32 = 4;
/// Between two looks whether the engine is still there.
const LOOK: Duration = Duration::from_millis(200);

/// Rests between two pieces of work, so many times as long as the last one took.
pub(super) struct Rest {
    times: u32,
    since: Cell<Instant>,
}

impl Rest {
    pub(super) fn of(times: u32) -> Self {
        Self { times, since: Cell::new(Instant::now()) }
    }

    /// Rests, unless it is not to go on; says whether it is.
    pub(super) fn take(&self, goes_on: &dyn Fn() -> bool) -> bool {
        let until = Instant::now() + self.since.get().elapsed() * self.times;
        while Instant::now() < until && goes_on() {
            std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
        }
        self.since.set(Instant::now());
        goes_on()
    }
}

/// Reads what opening did not, in a thread of its own that ends with the engine. Damage is an error in the
/// log of the process and in `parlor_log_damaged`; reads of what is whole go on.
///
/// # Errors
/// [`crate::engine::Error::Storage`] when there is no thread to be had.
pub(super) fn verify(unread: [(PathBuf, Unread); 2], engine: Weak<Shared>) -> Result<()> {
    metrics::gauge!("parlor_log_damaged").set(0.0);
    let run = move || {
        let is_there = || engine.upgrade().is_some_and(|shared| shared.store().is_some());
        for (folder, unread) in unread {
            let rest = Rest::of(REST);
            let checked = unread.verify(|| rest.take(&is_there));
            match checked {
                Ok(checked) => {
                    tracing::debug!(log = %folder.display(), ?checked, "the log is whole");
                }
                Err(OpenError::Refused(refusal)) => {
                    metrics::gauge!("parlor_log_damaged").set(1.0);
                    let problem = logs::refused(&folder, &refusal);
                    tracing::error!(%problem, "the log is damaged");
                }
                Err(OpenError::Io(error)) => {
                    tracing::error!(%error, log = %folder.display(), "the log cannot be read");
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name("parlor-verify".into());
    thread.spawn(run).map(|_| ()).map_err(storage)
}
