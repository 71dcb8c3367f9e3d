//! What a cluster promises, proved on nodes of the real binary over real Kafka and Cassandra.
//!
//! Each proof has a short form; `PARLOR_LONG=1` runs the long ones, and each proof's own variable says
//! how often it tries.

mod draining;
mod fold;
mod following;
mod fresh;
mod ground;
mod kills;
mod limits;
mod moving;
mod offsets;
mod once;
mod outages;
mod rebuilding;
mod releases;
mod revoked;
mod stage;
mod standstill;
mod switching;
mod takeovers;
mod topics;
mod verifying;
