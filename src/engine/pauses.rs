//! Pauses between tries of what is tried for as long as it takes.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

const LONGEST: Duration = Duration::from_secs(3);

/// Grow from try to try; made anew once one has succeeded.
pub struct Pauses {
    waits: ExponentialBackoff,
    failing: bool,
}

impl Default for Pauses {
    fn default() -> Self {
        let waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(LONGEST)
            .without_max_times()
            .with_jitter();
        Self { waits: waits.build(), failing: false }
    }
}

impl Pauses {
    /// How long to wait after a failure; `begins` is called where the one before was none.
    pub fn after(&mut self, begins: impl FnOnce()) -> Duration {
        if !std::mem::replace(&mut self.failing, true) {
            begins();
        }
        self.waits.next().unwrap_or(LONGEST)
    }
}
