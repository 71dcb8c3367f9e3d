//! The cluster engine: the log on Kafka, the views in a CQL store, search on OpenSearch.
//!
//! A node appends by producing. The one node that owns the partition folds its events in order,
//! writes the views and tells the appending node, which then answers its caller. So whatever was
//! answered can be read on every node, and what the fold discards is shown on none.

mod append;
mod core;
pub mod cql;
mod feed;
pub mod kafka;
mod log;
mod monitor;
mod project;
mod rebuild;
mod relay;
mod releases;
pub mod search;
mod trouble;
mod views;

pub use log::{Cluster, SearchEndpoint, Settings, migrate};
pub use rebuild::{rebuild, verify};
