//! The CQL side of the cluster engine against a real Cassandra.

mod claims;
mod faults;
mod quotas;
mod schema;
mod stage;
mod views;
