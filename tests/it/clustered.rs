//! The tests of the surfaces once more, word for word, on the nodes of a cluster.
//!
//! Not here is the demo's way in (`demo.rs`): only a server of the embedded engine has it.

#![allow(clippy::duplicate_mod, reason = "the same tests, with another `Site` above them")]

#[path = "aerochat/mod.rs"]
mod aerochat;
#[path = "aloochat/mod.rs"]
mod aloochat;
#[path = "chataibot/mod.rs"]
mod chataibot;
#[path = "live/mod.rs"]
mod live;
#[path = "surfaces/mod.rs"]
mod surfaces;
#[path = "tenants/mod.rs"]
mod tenants;
#[path = "widget/mod.rs"]
mod widget;

use crate::harness::site::Clustered as Site;
