//! Parlor: an event-sourced streaming chat backend.
//!
//! Arrows point one way: `surface → app → domain`, `process → app`, `engine → projection → domain`.
//! `domain` imports nothing of ours, and no surface imports another; `tests/it/layers.rs` says so.
//!
//! - [`domain`]: ids, events, and the folds that decide. Pure.
//! - [`projection`]: from an event to changes of views. Pure.
//! - [`engine`]: the ports to log and views, and the embedded engine behind them.
//! - [`fair`]: what is short, given to accounts in turn. Pure but for the waiting.
//! - [`files`]: the bytes of attachments.
//! - [`outside`]: calls to what accounts name.
//! - [`bot`]: what answers.
//! - [`live`]: cursors, frames, readers, and the hub that tells them what happens now.
//! - [`app`]: the use cases by subject, one file each.
//! - [`process`]: what follows the log by itself: takeover, upkeep.
//! - [`surface`]: the HTTP APIs, a folder each.
//! - [`server`]: the wire: accepting, limits, event streams, WebSockets, drain.
//! - [`config`]: every setting; the only reader of the environment.
//! - [`tls`]: what TLS uses.
//! - [`role`]: what the binary can be told to do.

pub mod app;
pub mod bot;
pub mod config;
pub mod domain;
pub mod engine;
pub mod fair;
pub mod files;
pub mod live;
pub mod outside;
pub mod process;
pub mod projection;
pub mod role;
pub mod server;
pub mod surface;
pub mod tls;
