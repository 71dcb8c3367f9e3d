//! Messages: sending one, once, with the files and recordings that come with it.

pub mod attachments;
pub mod idempotency;
pub mod send;
pub mod speech;
pub mod stamps;
pub mod uploads;
