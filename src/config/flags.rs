//! What the command line says of settings. Absent means unsaid: then a variable, the file or the
//! default decides.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::Serialize;

use super::{Address, EngineKind};

/// The groups in which help shows what is not a command's own.
const WHERE: &str = "Where the data are";
const CLUSTER: &str = "The cluster engine";
const OUTSIDE: &str = "What bots may call";
const LOGS: &str = "Logs";

/// What the command line says of where things are kept; absent means unsaid.
#[derive(Debug, Clone, Default, Serialize, clap::Args)]
pub struct Storage {
    /// Where the embedded engine keeps everything [default: ./data]
    #[arg(long, value_name = "DIR", help_heading = WHERE)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// What keeps the log and the views [default: embedded]
    #[arg(long, value_name = "ENGINE", help_heading = WHERE)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineKind>,
    /// Settings in TOML [default: ./parlor.toml, if there]
    #[arg(long, value_name = "FILE", help_heading = WHERE)]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Kafka's brokers
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',', help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Vec<String>>,
    /// A property of librdkafka, such as security.protocol=SSL; may be given again
    #[arg(long = "kafka-option", value_name = "NAME=VALUE", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka_options: Option<Vec<String>>,
    /// What the topics' names begin with [default: parlor]
    #[arg(long, value_name = "NAME", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_prefix: Option<String>,
    /// Partitions of the events' topic [default: 12]
    #[arg(long, value_name = "N", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
    /// Copies of each record and each row [default: 3]
    #[arg(long, value_name = "N", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<u32>,
    /// Copies without which nothing is acknowledged [default: 2]
    #[arg(long, value_name = "N", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_insync: Option<u32>,
    /// Which generation of the events' topic is written [default: 1]
    #[arg(long, value_name = "N", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Nodes of the CQL store
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',', help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cql: Option<Vec<String>>,
    /// Who to be in the CQL store
    #[arg(long, value_name = "NAME", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cql_user: Option<String>,
    /// Its password; better given as PARLOR_CQL_PASSWORD
    #[arg(long, value_name = "PASSWORD", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cql_password: Option<String>,
    /// Speak TLS to the CQL store
    #[arg(long, help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cql_tls: bool,
    /// Certificates (PEM) of who vouches for its nodes [default: the system's]
    #[arg(long, value_name = "FILE", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cql_ca: Option<PathBuf>,
    /// Where the views are in the CQL store [default: parlor]
    #[arg(long, value_name = "NAME", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyspace: Option<String>,
    /// OpenSearch's address; without it conversations are not indexed
    #[arg(long, value_name = "URL", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Who to be in OpenSearch; the password is better given as PARLOR_SEARCH_PASSWORD
    #[arg(long, value_name = "NAME", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_user: Option<String>,
    /// The password in OpenSearch
    #[arg(long, value_name = "PASSWORD", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_password: Option<String>,
    /// Certificates (PEM) of who vouches for OpenSearch [default: the system's]
    #[arg(long, value_name = "FILE", help_heading = CLUSTER)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_ca: Option<PathBuf>,
}

/// What the command line says to a server; absent means unsaid.
#[derive(Debug, Clone, Default, Serialize, clap::Args)]
pub struct Flags {
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<Address>,
    /// Where to serve /metrics, and there alone [default: where all else is]
    #[arg(long, value_name = "HOST:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<Address>,
    /// Where attachments are: file:///DIR or s3://BUCKET/PREFIX [default: DATA_DIR/files; with the cluster
    /// engine none]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<String>,
    /// Mebibytes of one attachment [default: 25]
    #[arg(long, value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_file_mib: Option<u64>,
    /// Make no demo account
    #[arg(long)]
    #[serde(skip)]
    pub no_demo: bool,
    /// Connections at a time [default: 20000]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<usize>,
    /// Connections of one address at a time [default: a quarter of all; behind trusted proxies all]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections_per_address: Option<usize>,
    /// Streams at a time of one live token or visitor's token [default: 64]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_readers_per_token: Option<usize>,
    /// Streams at a time of one address in one account [default: 1000]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_readers_per_address: Option<usize>,
    /// Streams at a time of one conversation [default: 10000]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_readers_per_conversation: Option<usize>,
    /// Requests at a time [default: 4096]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_requests: Option<usize>,
    /// Requests of one account at a time [default: a quarter of all]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_requests_per_account: Option<usize>,
    /// Replies that bots are making at a time [default: 16384]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_turns: Option<usize>,
    /// Replies of one account's bots at a time [default: a quarter of all]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_turns_per_account: Option<usize>,
    /// Calls of bots to what accounts name, at a time [default: 4096]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<usize>,
    /// Calls of one account's bots at a time [default: a quarter of all]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls_per_account: Option<usize>,
    /// Proxies in front that append to X-Forwarded-For [default: 0]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_proxies: Option<usize>,
    /// Mebibytes of stored blocks kept in memory [default: 64]
    #[arg(long, value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_mib: Option<u64>,
    /// Mebibytes of disk that must stay free for writes to be taken [default: 256]
    #[arg(long, value_name = "MIB")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_reserve_mib: Option<u64>,
    /// Seconds that replies and connections get to finish after SIGTERM [default: 10]
    #[arg(long, value_name = "SECONDS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drain_s: Option<u64>,
    /// What is logged, such as "info" or "parlor=debug" [default: info, libraries: warn]
    #[arg(long, value_name = "FILTER", help_heading = LOGS)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Log as JSON
    #[arg(long, help_heading = LOGS)]
    #[serde(skip)]
    pub log_json: bool,
    /// A network that bots may call although it is not public; may be given again
    #[arg(long = "allow-network", value_name = "CIDR,…", value_delimiter = ',', help_heading = OUTSIDE)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_networks: Option<Vec<IpNet>>,
    /// The longest pause between two pieces of a reply that is shown as it is made; 0 is none [default: 1000]
    #[arg(long, value_name = "MS", help_heading = OUTSIDE)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<u64>,
    /// How long a piece of a reply may wait for the next one, up to 20; 0 is not at all [default: 20]
    #[arg(long, value_name = "MS", help_heading = OUTSIDE)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gather_ms: Option<u64>,
    /// Who writes down what is said in recordings: the base URL of an OpenAI-compatible API
    #[arg(long, value_name = "URL", help_heading = OUTSIDE)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcription_url: Option<String>,
    /// Its key; better given as PARLOR_TRANSCRIPTION_KEY
    #[arg(long, value_name = "KEY", help_heading = OUTSIDE)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcription_key: Option<String>,
    /// The model it is asked for [default: whisper-1]
    #[arg(long, value_name = "NAME", help_heading = OUTSIDE)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcription_model: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    pub storage: Storage,
}
