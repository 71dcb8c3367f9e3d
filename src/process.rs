//! What works by itself: followers of what was applied, and sweeps over what is due.

pub mod followers;
pub mod sweeps;
