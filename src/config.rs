//! Every setting, its default and its meaning.
//!
//! Flags win over `PARLOR_*` variables, and those over the file given with `--config` (or
//! `parlor.toml` in the working directory, if there is one). Names are the same in all three:
//! `--data-dir`, `PARLOR_DATA_DIR`, `data_dir = …`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

/// What keeps the log and the views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EngineKind {
    /// One process and one directory
    Embedded,
    /// Any number of nodes over Kafka and a CQL store
    Cluster,
}

/// The settings of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the embedded engine keeps everything.
    pub data_dir: PathBuf,
    /// What keeps the log and the views.
    pub engine: EngineKind,
    /// Kafka's brokers, `host:port`; some of them are enough.
    #[serde(deserialize_with = "list")]
    pub kafka: Vec<String>,
    /// Properties of librdkafka, such as those of TLS and SASL.
    #[serde(deserialize_with = "pairs")]
    pub kafka_options: BTreeMap<String, String>,
    /// What the topics' names begin with.
    pub topic_prefix: String,
    /// Partitions of the events; never changes in one generation of the topic.
    pub partitions: u32,
    /// Copies of each record and each row.
    pub replication: u32,
    /// Copies without which nothing is acknowledged.
    pub min_insync: u32,
    /// Which generation of the events' topic is written.
    pub generation: u32,
    /// Nodes of the CQL store, `host:port`; some of them are enough.
    #[serde(deserialize_with = "list")]
    pub cql: Vec<String>,
    /// Who to be there, where it asks.
    pub cql_user: Option<String>,
    pub cql_password: Option<String>,
    /// Speaks TLS to it; a build with the feature `tls` can.
    pub cql_tls: bool,
    /// Certificates (PEM) of who vouches for its nodes; sets `cql_tls` too.
    pub cql_ca: Option<PathBuf>,
    /// Where the views are in the CQL store.
    pub keyspace: String,
    /// OpenSearch's address; none leaves conversations unindexed.
    pub search: Option<String>,
    /// Who to be there; they win over those in the address.
    pub search_user: Option<String>,
    pub search_password: Option<String>,
    /// Certificates (PEM) of who vouches for it; the system's where there is none.
    pub search_ca: Option<PathBuf>,
    /// Where attachments are: `file:///dir`, a directory or `s3://bucket/prefix`. None is a folder of
    /// the data directory, or nowhere where the engine has none.
    pub files: Option<String>,
    /// Mebibytes of one attachment.
    pub max_file_mib: u64,
    /// Where to listen; port 0 takes a free one and says which.
    pub listen: SocketAddr,
    /// Makes the demo account in an empty data directory.
    pub demo: bool,
    /// Connections at a time.
    pub max_connections: usize,
    /// Proxies in front that append to `X-Forwarded-For`.
    pub trusted_proxies: usize,
    /// Mebibytes of stored blocks kept in memory.
    pub cache_mib: u64,
    /// Mebibytes of disk that must stay free: below, writes are refused and reads go on.
    pub disk_reserve_mib: u64,
    /// Seconds that replies and connections get to finish after SIGTERM.
    pub drain_s: u64,
    /// What is logged, as in `RUST_LOG`.
    pub log: String,
    /// Logs as JSON, one object per line.
    pub log_json: bool,
    /// Networks that bots, webhooks and transcription may call although they are not public.
    #[serde(deserialize_with = "list")]
    pub allow_networks: Vec<IpNet>,
    /// The longest pause, in milliseconds, between two pieces of a reply that is shown as it is made,
    /// whatever its bot says; 0 is none.
    pub pace: u64,
    /// Who writes down what is said in recordings: an address that speaks as OpenAI's.
    pub transcription_url: Option<String>,
    pub transcription_key: Option<String>,
    pub transcription_model: String,
    /// Where traces go (OTLP over HTTP); none sends none. `OTEL_EXPORTER_OTLP_ENDPOINT` sets it too.
    pub otlp_endpoint: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            engine: EngineKind::Embedded,
            kafka: Vec::new(),
            kafka_options: BTreeMap::new(),
            topic_prefix: "parlor".into(),
            partitions: 12,
            replication: 3,
            min_insync: 2,
            generation: 1,
            cql: Vec::new(),
            cql_user: None,
            cql_password: None,
            cql_tls: false,
            cql_ca: None,
            keyspace: "parlor".into(),
            search: None,
            search_user: None,
            search_password: None,
            search_ca: None,
            files: None,
            max_file_mib: 25,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            demo: true,
            max_connections: 20_000,
            trusted_proxies: 0,
            cache_mib: 64,
            disk_reserve_mib: 256,
            drain_s: 10,
            log: "info,fjall=warn,lsm_tree=warn,scylla=off,librdkafka=error".into(),
            log_json: false,
            allow_networks: Vec::new(),
            pace: 1_000,
            transcription_url: None,
            transcription_key: None,
            transcription_model: "whisper-1".into(),
            otlp_endpoint: None,
        }
    }
}

/// What the command line says of where things are kept; absent means unsaid.
#[derive(Debug, Clone, Default, Serialize, clap::Args)]
pub struct Storage {
    /// Where the embedded engine keeps everything [default: ./data]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// What keeps the log and the views [default: embedded]
    #[arg(long, value_name = "ENGINE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineKind>,
    /// Kafka's brokers
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Vec<String>>,
    /// A property of librdkafka, such as security.protocol=SSL; may be given again
    #[arg(long = "kafka-option", value_name = "NAME=VALUE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka_options: Option<Vec<String>>,
    /// What the topics' names begin with [default: parlor]
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_prefix: Option<String>,
    /// Partitions of the events' topic [default: 12]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partitions: Option<u32>,
    /// Copies of each record and each row [default: 3]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication: Option<u32>,
    /// Copies without which nothing is acknowledged [default: 2]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_insync: Option<u32>,
    /// Which generation of the events' topic is written [default: 1]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Nodes of the CQL store
    #[arg(long, value_name = "HOST:PORT,…", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cql: Option<Vec<String>>,
    /// Who to be in the CQL store; the password is better given as PARLOR_CQL_PASSWORD
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cql_user: Option<String>,
    #[arg(long, value_name = "PASSWORD")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cql_password: Option<String>,
    /// Speak TLS to the CQL store
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cql_tls: bool,
    /// Certificates (PEM) of who vouches for its nodes [default: the system's]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cql_ca: Option<PathBuf>,
    /// Where the views are in the CQL store [default: parlor]
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyspace: Option<String>,
    /// OpenSearch's address; without it conversations are not indexed
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Who to be in OpenSearch; the password is better given as PARLOR_SEARCH_PASSWORD
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_user: Option<String>,
    /// The password in OpenSearch
    #[arg(long, value_name = "PASSWORD")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_password: Option<String>,
    /// Certificates (PEM) of who vouches for OpenSearch [default: the system's]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_ca: Option<PathBuf>,
    /// Settings in TOML [default: ./parlor.toml, if there]
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

/// What the command line says to a server; absent means unsaid.
#[derive(Debug, Clone, Default, Serialize, clap::Args)]
pub struct Flags {
    #[command(flatten)]
    #[serde(flatten)]
    pub storage: Storage,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
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
    #[arg(long, value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Log as JSON
    #[arg(long)]
    #[serde(skip)]
    pub log_json: bool,
    /// A network that bots may call although it is not public; may be given again
    #[arg(long = "allow-network", value_name = "CIDR,…", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_networks: Option<Vec<IpNet>>,
    /// The longest pause between two pieces of a reply that is shown as it is made; 0 is none [default: 1000]
    #[arg(long, value_name = "MS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pace: Option<u64>,
    /// Who writes down what is said in recordings: the base URL of an OpenAI-compatible API
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcription_url: Option<String>,
    /// Its key; better given as PARLOR_TRANSCRIPTION_KEY
    #[arg(long, value_name = "KEY")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcription_key: Option<String>,
    /// The model it is asked for [default: whisper-1]
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcription_model: Option<String>,
}

/// A list, or text with commas: variables have no lists.
fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        List(Vec<String>),
    }
    let list: Vec<String> = match Either::deserialize(deserializer)? {
        Either::Text(text) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect()
        }
        Either::List(list) => list,
    };
    let parsed = |text: &String| {
        text.parse().map_err(|error| serde::de::Error::custom(format_args!("{text:?}: {error}")))
    };
    list.iter().map(parsed).collect()
}

/// A table, or `name=value` in a list.
fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Table(BTreeMap<String, String>),
        List(#[serde(deserialize_with = "list")] Vec<String>),
    }
    let pair = |text: String| match text.split_once('=') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => Err(serde::de::Error::custom(format_args!("{text:?} is not NAME=VALUE"))),
    };
    match Either::deserialize(deserializer)? {
        Either::Table(table) => Ok(table),
        Either::List(list) => list.into_iter().map(pair).collect(),
    }
}

impl Config {
    /// Joins file, variables and flags.
    ///
    /// # Errors
    /// When a setting is unknown or of the wrong type; the error says which and where it stood.
    pub fn load(flags: &Flags) -> Result<Self, Box<figment::Error>> {
        let file = match &flags.storage.config {
            Some(path) => Toml::file_exact(path),
            None => Toml::file_exact("parlor.toml"),
        };
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if flags.storage.config.is_some() || Path::new("parlor.toml").exists() {
            figment = figment.merge(file);
        }
        // Text as it stands: figment would read `12345` as a number.
        for name in TEXTS {
            let variable = format!("PARLOR_{}", name.to_uppercase());
            if let Some(text) = variable_text(&variable) {
                figment = figment.merge(Serialized::default(name, text));
            }
        }
        let otlp = Env::raw().only(&["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        figment = figment
            .merge(otlp.map(|_| "otlp_endpoint".into()))
            .merge(Env::prefixed("PARLOR_").only(&names()).ignore(&TEXTS))
            .merge(Serialized::defaults(flags));
        let mut config: Self = figment.extract().map_err(Box::new)?;
        config.check().map_err(|problem| Box::new(figment::Error::from(problem)))?;
        config.demo &= !flags.no_demo;
        config.log_json |= flags.log_json;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let name = |text: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        };
        if !name(&self.topic_prefix) {
            return Err("topic_prefix is letters, digits, '.', '_' and '-'".into());
        }
        if !(1..=10_000).contains(&self.partitions) {
            return Err("partitions is from 1 to 10000".into());
        }
        if !(1..=1_024).contains(&self.max_file_mib) {
            return Err("max_file_mib is from 1 to 1024".into());
        }
        if !(1..=8_000).contains(&self.generation) {
            return Err("generation is from 1 to 8000".into());
        }
        if self.engine == EngineKind::Embedded {
            return Ok(());
        }
        if self.kafka.is_empty() || self.cql.is_empty() {
            return Err("the cluster engine needs kafka and cql: say where they are".into());
        }
        if self.min_insync == 0 || self.min_insync > self.replication {
            return Err("min_insync is from 1 to replication".into());
        }
        Ok(())
    }
}

/// Settings that are text, whatever it looks like.
const TEXTS: [&str; 14] = [
    "topic_prefix",
    "cql_user",
    "cql_password",
    "keyspace",
    "search",
    "cql_ca",
    "search_user",
    "search_password",
    "search_ca",
    "files",
    "transcription_url",
    "transcription_key",
    "transcription_model",
    "otlp_endpoint",
];

/// A variable's text; none when it is empty or not set.
#[expect(clippy::disallowed_methods, reason = "this is config")]
fn variable_text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// The settings' names, as in the file.
fn names() -> Vec<&'static str> {
    vec![
        "data_dir",
        "engine",
        "kafka",
        "kafka_options",
        "topic_prefix",
        "partitions",
        "replication",
        "min_insync",
        "generation",
        "cql",
        "cql_user",
        "cql_password",
        "cql_tls",
        "cql_ca",
        "keyspace",
        "search",
        "search_user",
        "search_password",
        "search_ca",
        "files",
        "max_file_mib",
        "listen",
        "demo",
        "max_connections",
        "trusted_proxies",
        "cache_mib",
        "disk_reserve_mib",
        "drain_s",
        "log",
        "log_json",
        "allow_networks",
        "pace",
        "transcription_url",
        "transcription_key",
        "transcription_model",
        "otlp_endpoint",
    ]
}

/// Variables that begin as ours do and name no setting. They are told of and not refused:
/// Kubernetes puts `PARLOR_PORT` and the like into the pods of a service of that name.
pub fn unknown_variables() -> Vec<String> {
    let known = names();
    let all = Env::prefixed("PARLOR_");
    let unknown = all.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    unknown.map(|(name, _)| format!("PARLOR_{}", name.as_str().to_uppercase())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_a_variable() {
        let settings = serde_json::to_value(Config::default()).unwrap();
        let settings: Vec<_> = settings.as_object().unwrap().keys().cloned().collect();
        assert_eq!(settings, names(), "list new settings in names() too");
    }

    #[test]
    fn flags_win_and_what_is_unsaid_keeps_its_default() {
        let flags = Flags {
            listen: Some(SocketAddr::from(([127, 0, 0, 1], 1234))),
            no_demo: true,
            ..Flags::default()
        };
        let config = Config::load(&flags).unwrap();
        assert_eq!(config.listen.port(), 1234);
        assert!(!config.demo);
        assert_eq!(config.cache_mib, Config::default().cache_mib);
    }

    #[test]
    fn networks_are_read_and_anything_else_is_refused() {
        let network = |text: &str| {
            let list =
                serde_json::from_value::<Config>(serde_json::json!({ "allow_networks": text }));
            list.map(|config| config.allow_networks.len())
        };
        assert_eq!(network("127.0.0.0/8, fd00::/8").unwrap(), 2);
        let error = network("10.0.0.1").expect_err("an address is no network").to_string();
        assert!(error.contains("10.0.0.1"), "{error}");
    }
}
