//! The views of a cluster as a function of its log: filling a second keyspace, and comparing.

use super::log::Settings;
use crate::engine::{Error, Result};

/// Fills the keyspace `into` from the whole log while the live one is served, and compares. Gives
/// how many events were folded.
///
/// # Errors
/// As the engine's; [`Error::Storage`] with the first difference.
pub async fn rebuild(_settings: &Settings, _into: &str) -> Result<u64> {
    Err(Error::Storage("not built yet".into()))
}

/// Folds the whole log and compares every row of every view with it. Gives how many events were
/// folded and the first difference.
///
/// # Errors
/// As the engine's.
pub async fn verify(_settings: &Settings) -> Result<(u64, Option<String>)> {
    Err(Error::Storage("not built yet".into()))
}
