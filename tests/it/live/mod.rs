//! The live feed through the real server: every event once and every character of a reply once,
//! in order, from any cursor; and what callers do on it besides reading.

mod cursors;
mod following;
mod messages;
mod past;
mod readers;
mod resuming;
mod signals;
mod sockets;
mod stage;
mod stopping;
mod subscriptions;
mod tokens;
