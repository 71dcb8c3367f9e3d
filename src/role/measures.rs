//! What is counted: every metric with what it says, in one table.
//!
//! A metric is described, and a counter is there with 0, from the start: an alert on a counter that appears
//! with its first increment misses that increment. `tests/it/documents/operations.rs` holds the table
//! against what `src/` counts.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};

/// What a number does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It only grows. The label that tells its parts apart, with the values that are known before.
    Counter(Option<(&'static str, &'static [&'static str])>),
    Gauge,
    Seconds,
    Events,
}

use Kind::{Counter, Events, Gauge, Seconds};

const PLAIN: Kind = Counter(None);

/// Name, kind and meaning. Those of the cluster engine are there on the embedded one, too, and stay 0.
const MEASURES: &[(&str, Kind, &str)] = &[
    ("parlor_build_info", Gauge, "Is 1; the labels say which build runs."),
    (
        "parlor_http_requests_total",
        Counter(Some(("operation", &[]))),
        "Requests that were answered, by operation and class of status.",
    ),
    (
        "parlor_http_request_seconds",
        Seconds,
        "From a request's head to the head of its answer, by operation.",
    ),
    (
        "parlor_http_requests_refused_total",
        Counter(Some(("by", &["all", "account"]))),
        "Requests that were refused because too many were under way, in all or of their account.",
    ),
    (
        "parlor_turns_refused_total",
        PLAIN,
        "Turns that failed because too many were under way, in all or of their account.",
    ),
    (
        "parlor_calls_refused_total",
        PLAIN,
        "Calls of bots that were not made because too many were under way.",
    ),
    ("parlor_server_connections", Gauge, "Connections that are open."),
    (
        "parlor_server_connections_given_up_total",
        Counter(Some(("reason", &["header", "idle", "write_stall"]))),
        "Connections that were closed because the other side was too slow.",
    ),
    ("parlor_server_accept_errors_total", PLAIN, "Connections that could not be accepted."),
    (
        "parlor_server_connections_refused_total",
        PLAIN,
        "Connections that were closed because their address had its share.",
    ),
    (
        "parlor_server_tasks_cut_total",
        PLAIN,
        "Connections that were cut when the time to drain was over.",
    ),
    ("parlor_live_readers", Gauge, "Readers that follow a conversation."),
    (
        "parlor_live_readers_refused_total",
        Counter(Some(("share", &["credential", "address", "conversation"]))),
        "Streams that were refused because a share was used up.",
    ),
    (
        "parlor_live_slow_readers_total",
        PLAIN,
        "Readers that were told to resume because they did not keep up.",
    ),
    (
        "parlor_live_relay_dropped_total",
        PLAIN,
        "Chunks and notices that were not handed to another node.",
    ),
    ("parlor_log_batch_events", Events, "Events of a commit (embedded engine)."),
    ("parlor_log_commit_seconds", Seconds, "A commit with its sync (embedded engine)."),
    ("parlor_log_commit_failures_total", PLAIN, "Commits that failed (embedded engine)."),
    (
        "parlor_log_damaged",
        Gauge,
        "1 where reading the log beside serving has found damage (embedded engine).",
    ),
    (
        "parlor_disk_free_bytes",
        Gauge,
        "What is free where the data directory is (embedded engine).",
    ),
    (
        "parlor_log_append_seconds",
        Seconds,
        "From an append to the views that show it (cluster engine).",
    ),
    ("parlor_log_appends_waiting", Gauge, "Appends that wait until the views show them."),
    ("parlor_log_append_failures_total", PLAIN, "Events that Kafka did not acknowledge."),
    (
        "parlor_log_signals_lost_total",
        PLAIN,
        "Notes and notices that Kafka did not take. They are made good from the views.",
    ),
    ("parlor_kafka_producer_waiting", Gauge, "Records that the Kafka client has yet to deliver."),
    ("parlor_kafka_producer_waiting_bytes", Gauge, "Bytes of those records."),
    (
        "parlor_kafka_round_trip_seconds",
        Gauge,
        "A request to the slowest broker and back, 99 of 100.",
    ),
    ("parlor_kafka_retries_total", PLAIN, "Requests that the Kafka client sent again."),
    ("parlor_cql_seconds", Seconds, "A CQL statement, by its name."),
    ("parlor_cql_retries_total", PLAIN, "CQL statements that were tried again."),
    (
        "parlor_log_poll_failures_total",
        Counter(Some(("reader", &["projector", "tail"]))),
        "Polls of the log that failed; /readyz says why.",
    ),
    (
        "parlor_projector_standstill_seconds",
        Gauge,
        "How long a partition has not advanced while records wait.",
    ),
    ("parlor_projector_partitions_owned", Gauge, "Partitions that this node folds."),
    (
        "parlor_projector_rebalances_total",
        PLAIN,
        "Times that this node was given partitions or had to give some up.",
    ),
    ("parlor_projector_lag_events", Gauge, "Events of a partition that are not in the views yet."),
    ("parlor_projector_lag_seconds", Gauge, "Age of the oldest event that is being folded."),
    ("parlor_projector_batch_events", Events, "Events of a commit to the views."),
    ("parlor_projector_commit_seconds", Seconds, "A commit to the views."),
    (
        "parlor_projector_latency_seconds",
        Seconds,
        "From the broker to the views, for the oldest event of a commit.",
    ),
    (
        "parlor_projector_retries_total",
        PLAIN,
        "Reads and writes of the projector that were tried again.",
    ),
    (
        "parlor_projector_restarts_total",
        PLAIN,
        "Workers of partitions that ended by themselves and began again.",
    ),
    ("parlor_projector_unreadable_total", PLAIN, "Records of the log that are no events of ours."),
    (
        "parlor_follower_lag_seconds",
        Gauge,
        "Age of the oldest applied event that a follower has not taken yet, by follower.",
    ),
    (
        "parlor_follower_failures_total",
        Counter(Some(("follower", &[]))),
        "Times that a follower could not take events and tries again.",
    ),
    ("parlor_search_indexed_total", PLAIN, "Messages that were written to the search index."),
    (
        "parlor_search_failures_total",
        Counter(Some(("reason", &["refused", "away"]))),
        "Documents that the index refused, and times that it was away.",
    ),
];

/// Describes every metric and makes every counter be there. The recorder must be installed.
pub(super) fn begin() {
    for (name, kind, meaning) in MEASURES.iter().copied() {
        match kind {
            Counter(None) => {
                describe_counter!(name, meaning);
                counter!(name).increment(0);
            }
            Counter(Some((label, values))) => {
                describe_counter!(name, meaning);
                for value in values.iter().copied() {
                    counter!(name, label => value).increment(0);
                }
            }
            Gauge => describe_gauge!(name, meaning),
            Seconds => describe_histogram!(name, Unit::Seconds, meaning),
            Events => describe_histogram!(name, Unit::Count, meaning),
        }
    }
    let (version, engines) = (env!("CARGO_PKG_VERSION"), engines());
    gauge!("parlor_build_info", "version" => version, "engines" => engines).set(1.0);
}

const fn engines() -> &'static str {
    if cfg!(feature = "cluster") { "embedded,cluster" } else { "embedded" }
}

/// The names of all.
pub fn names() -> impl Iterator<Item = &'static str> {
    MEASURES.iter().map(|(name, ..)| *name)
}
