//! What is done beside serving: reading the segments that opening did not read.

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
            let mut began = Instant::now();
            let checked = unread.verify(|| {
                let until = Instant::now() + began.elapsed() * REST;
                while Instant::now() < until && is_there() {
                    std::thread::sleep(LOOK.min(until.saturating_duration_since(Instant::now())));
                }
                began = Instant::now();
                is_there()
            });
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
