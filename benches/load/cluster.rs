//! The cluster engine on one machine: nodes over one real Kafka and one real Cassandra, beside what
//! the same writes cost without them.
//!
//! Nodes, clients, Kafka and Cassandra share the machine's cores. So a rate here is what is left for
//! all of them together; what carries over to other machines is the ratio to the bare loop, which
//! shares the same cores, and the CPU time and the statements that a message costs.

mod bare;
mod cost;
pub(crate) mod lag;
pub(crate) mod messages;
mod mould;
mod nodes;
pub(crate) mod rebuild;
pub(crate) mod scale;
mod services;
mod topics;

/// What all measurements of the cluster ask.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// Kafka's brokers, `host:port,…`; without them, one is started from tests/services.
    #[arg(long, requires = "cql")]
    kafka: Option<String>,
    /// Nodes of the CQL store, `host:port,…`; without them, one is started from tests/services.
    #[arg(long, requires = "kafka")]
    cql: Option<String>,
    /// Copies of each record and each row, where --kafka and --cql say where.
    #[arg(long, default_value_t = 3)]
    replication: u32,
    /// Partitions of the events.
    #[arg(long, default_value_t = 12)]
    partitions: u32,
    /// A property of librdkafka for the nodes, NAME=VALUE; may be given again.
    #[arg(long = "kafka-option")]
    kafka_options: Vec<String>,
    /// Send no `Idempotency-Key`, as no caller should.
    #[arg(long)]
    without_keys: bool,
}
