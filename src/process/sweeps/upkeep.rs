//! Upkeep: forgets what has expired, every few seconds.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::app::{App, clock};

const EVERY: Duration = Duration::from_secs(5);

/// Tidies until `drain`.
pub async fn run(app: Arc<App>, metrics: PrometheusHandle, drain: CancellationToken) {
    // Memory, CPU time and descriptors of the process.
    let process = metrics_process::Collector::default();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            _ = ticks.tick() => {}
        }
        // Asking is what makes a refusing engine look whether it can write again.
        app.engine.health();
        app.limits.tidy();
        process.collect();
        metrics.run_upkeep();
        match app.engine.expire(clock::now()).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "forgot what has expired"),
            Err(error) => tracing::warn!(%error, "what has expired could not be removed"),
        }
    }
}
