//! Trying again what the views or the log refuse.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::engine::{Error, Result};

/// How long something is tried again that the views, or the log, refuse.
pub(in super::super) struct Patience {
    /// Until then, at the longest.
    pub(in super::super) revoked: CancellationToken,
    /// For so long; for ever where none is said.
    pub(in super::super) most: Option<Duration>,
}

impl Patience {
    /// Does something until it succeeds, or the patience ends.
    ///
    /// # Errors
    /// What was refused last; of a revoked partition, that it is.
    pub(in super::super) async fn persist<'a, T>(
        &self,
        partition: u32,
        mut act: impl FnMut() -> BoxFuture<'a, Result<T>>,
    ) -> Result<T> {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(1))
            .with_jitter()
            .without_max_times()
            .build();
        let began = Instant::now();
        loop {
            let error = tokio::select! {
                () = self.revoked.cancelled() => return Err(revoked()),
                done = act() => match done {
                    Ok(done) => return Ok(done),
                    Err(error) => error,
                },
            };
            if self.most.is_some_and(|most| began.elapsed() > most) {
                return Err(error);
            }
            metrics::counter!("parlor_projector_retries_total").increment(1);
            tracing::warn!(%error, partition, "the views cannot be used; trying again");
            tokio::time::sleep(pauses.next().unwrap_or(Duration::from_secs(1))).await;
        }
    }
}

fn revoked() -> Error {
    Error::ReadOnly("the partition has gone to another node".into())
}
