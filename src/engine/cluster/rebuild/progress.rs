//! Says every few seconds how far something is that takes long.

use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(5);

/// How far something is.
pub(super) struct Progress {
    what: &'static str,
    done: u64,
    began: Instant,
    said: Instant,
}

impl Progress {
    pub(super) fn begin(what: &'static str) -> Self {
        let now = Instant::now();
        Self { what, done: 0, began: now, said: now }
    }

    /// So many more; of `all`, where that is known.
    pub(super) fn add(&mut self, more: u64, all: Option<u64>) {
        self.done += more;
        if self.said.elapsed() >= EVERY {
            self.said = Instant::now();
            tracing::info!(done = self.done, of = all, per_second = self.rate(), "{}", self.what);
        }
    }

    pub(super) fn end(&self) {
        let seconds = self.began.elapsed().as_secs();
        tracing::info!(done = self.done, seconds, per_second = self.rate(), "{}: done", self.what);
    }

    fn rate(&self) -> u64 {
        let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.done.saturating_mul(1_000) / millis.max(1)
    }
}
