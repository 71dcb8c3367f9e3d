//! Processes that follow the log by themselves.

pub mod takeover;
pub mod upkeep;
