//! What looks now and then over the views, and does what is due.

pub mod takeover;
pub mod upkeep;
