//! The cluster engine: the log on Kafka, the views in a CQL store, search on OpenSearch.
//!
//! A node appends by producing. The one node that owns the partition folds its events in order,
//! writes the views and tells the appending node, which then answers its caller. So whatever was
//! answered can be read on every node, and what the fold discards is shown on none.

mod appends;
mod applied;
mod core;
pub mod cql;
mod fold;
pub mod kafka;
mod log;
mod monitor;
mod producer;
mod projector;
mod reader;
mod rebuild;
pub mod record;
mod relay;
pub mod search;
mod signal;
mod tail;
mod views;
mod worker;

pub use log::{Cluster, Settings, migrate};
pub use rebuild::{rebuild, verify};

/// The wall clock in milliseconds since 1970, as brokers stamp their records.
#[expect(clippy::disallowed_methods, reason = "compared with the brokers' clocks, for metrics")]
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.map_or(0, |since| since.as_millis())).unwrap_or(i64::MAX)
}
