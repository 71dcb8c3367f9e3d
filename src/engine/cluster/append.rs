//! Appending: to Kafka, and until the partition's owner says what became of it.

pub(super) mod appends;
pub(super) mod applied;
pub(super) mod producer;
