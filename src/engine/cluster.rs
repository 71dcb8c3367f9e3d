//! The cluster engine: the log on Kafka, the views in a CQL store, search on OpenSearch.
//!
//! A node appends by producing. The one node that owns the partition folds its events in order,
//! writes the views and tells the appending node, which then answers its caller. So whatever was
//! answered can be read on every node, and what the fold discards is shown on none.

mod appends;
mod applied;
mod core;
pub mod cql;
mod feed;
mod fold;
mod group;
pub mod kafka;
mod landmark;
mod log;
mod monitor;
mod partition;
mod patience;
mod polling;
mod producer;
mod progress;
mod projector;
mod reader;
mod rebuild;
mod recent;
pub mod record;
mod relay;
mod releases;
pub mod search;
mod signal;
mod tail;
mod touched;
mod trouble;
mod views;
mod worker;

pub use log::{Cluster, Place, Settings, migrate};
pub use rebuild::{rebuild, verify};
