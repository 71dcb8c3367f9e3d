//! Every setting, its default and its meaning.
//!
//! Flags win over `PARLOR_*` variables, and those over the file given with `--config` (or
//! `parlor.toml` in the working directory, if there is one). Names are the same in all three:
//! `--data-dir`, `PARLOR_DATA_DIR`, `data_dir = …`.

mod fault;
mod flags;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use fault::Fault;
pub use flags::{Flags, Storage};
pub use values::Address;

use fault::Origins;
use values::{list, maybe, pairs};

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
    pub listen: Address,
    /// Where `/metrics` is served instead; without it, beside everything else.
    pub metrics_listen: Option<Address>,
    /// Makes no demo account in an empty data directory.
    #[serde(deserialize_with = "figment::util::bool_from_str_or_int")]
    pub no_demo: bool,
    /// How that was spelt before: `demo = false`. Still read, and never written.
    #[serde(deserialize_with = "maybe", skip_serializing)]
    pub demo: Option<bool>,
    /// Connections at a time.
    pub max_connections: usize,
    /// How many of them one address may hold; where it is not said, a quarter, or all of them behind
    /// trusted proxies.
    pub max_connections_per_address: Option<usize>,
    /// Streams at a time of one live token or visitor's token.
    pub max_readers_per_token: usize,
    /// Streams at a time of one address in one account.
    pub max_readers_per_address: usize,
    /// Streams at a time of one conversation.
    pub max_readers_per_conversation: usize,
    /// Requests at a time; streams that have begun are none.
    pub max_requests: usize,
    /// How many of them one account may have; where it is not said, a quarter.
    pub max_requests_per_account: Option<usize>,
    /// Turns at a time: replies that bots are making.
    pub max_turns: usize,
    /// How many of them one account may have; where it is not said, a quarter.
    pub max_turns_per_account: Option<usize>,
    /// Calls of bots to what accounts name, at a time.
    pub max_calls: usize,
    /// How many of them one account may have; where it is not said, a quarter.
    pub max_calls_per_account: Option<usize>,
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
    #[serde(deserialize_with = "figment::util::bool_from_str_or_int")]
    pub log_json: bool,
    /// Networks that bots, webhooks and transcription may call although they are not public.
    #[serde(deserialize_with = "list")]
    pub allow_networks: Vec<IpNet>,
    /// The longest pause, in milliseconds, between two pieces of a reply that is shown as it is made,
    /// whatever its bot says; 0 is none.
    pub pace: u64,
    /// How long, in milliseconds, a piece of a reply may wait for the next one, so that they go out
    /// together; 0 is not at all.
    pub gather_ms: u64,
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
            listen: Address::default(),
            metrics_listen: None,
            no_demo: false,
            demo: None,
            max_connections: 20_000,
            max_connections_per_address: None,
            max_readers_per_token: 64,
            max_readers_per_address: 1_000,
            max_readers_per_conversation: 10_000,
            max_requests: 4_096,
            max_requests_per_account: None,
            max_turns: 16_384,
            max_turns_per_account: None,
            max_calls: 4_096,
            max_calls_per_account: None,
            trusted_proxies: 0,
            cache_mib: 64,
            disk_reserve_mib: 256,
            drain_s: 10,
            log: "info,fjall=warn,lsm_tree=warn,scylla=off,librdkafka=error".into(),
            log_json: false,
            allow_networks: Vec::new(),
            pace: 1_000,
            gather_ms: 20,
            transcription_url: None,
            transcription_key: None,
            transcription_model: "whisper-1".into(),
            otlp_endpoint: None,
        }
    }
}

impl Config {
    /// Joins file, variables and flags.
    ///
    /// # Errors
    /// When a setting is unknown or is not what it should be; the error says which, where it stands
    /// and what it should be.
    pub fn load(flags: &Flags) -> Result<Self, Fault> {
        let file = match &flags.storage.config {
            Some(path) => Some(path.as_path()),
            None => Some(Path::new(USUAL_FILE)).filter(|path| path.exists()),
        };
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(path) = file {
            figment = figment.merge(Toml::string(&readable(path)?));
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
        let mut config: Self =
            figment.extract().map_err(|errors| Origins { file, flags }.explain(errors))?;
        config.check().map_err(Fault)?;
        config.no_demo |= flags.no_demo || config.demo == Some(false);
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
        if self.gather_ms > 20 {
            return Err("gather_ms is from 0 to 20".into());
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

/// Which file is read where none is named and this one is there.
const USUAL_FILE: &str = "parlor.toml";

/// The text of a settings file that is TOML.
fn readable(path: &Path) -> Result<String, Fault> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Fault(format!("the settings file {shown} cannot be read: {error}")))?;
    Figment::from(Toml::string(&text))
        .extract::<figment::value::Dict>()
        .map_err(|error| Fault(format!("the settings file {shown} is not TOML: {}", error.kind)))?;
    Ok(text)
}

/// Settings that are text, whatever it looks like.
const TEXTS: [&str; 18] = [
    "data_dir",
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
    "listen",
    "metrics_listen",
    "log",
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

/// The account that commands mean which name none. It is no setting of a server.
pub fn usual_account() -> Option<String> {
    variable_text(USUAL_ACCOUNT)
}

/// The variable of [`usual_account`].
pub const USUAL_ACCOUNT: &str = "PARLOR_ACCOUNT";

/// The settings' names, as in the file: those there are, and an old spelling that is still read.
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
        "metrics_listen",
        "no_demo",
        "max_connections",
        "max_connections_per_address",
        "max_readers_per_token",
        "max_readers_per_address",
        "max_readers_per_conversation",
        "max_requests",
        "max_requests_per_account",
        "max_turns",
        "max_turns_per_account",
        "max_calls",
        "max_calls_per_account",
        "trusted_proxies",
        "cache_mib",
        "disk_reserve_mib",
        "drain_s",
        "log",
        "log_json",
        "allow_networks",
        "pace",
        "gather_ms",
        "transcription_url",
        "transcription_key",
        "transcription_model",
        "otlp_endpoint",
        "demo",
    ]
}

/// Variables that begin as ours do and name no setting. They are told of and not refused:
/// Kubernetes puts `PARLOR_PORT` and the like into the pods of a service of that name.
pub fn unknown_variables() -> Vec<String> {
    let known = names();
    let all = Env::prefixed("PARLOR_");
    let spelt = all.iter().map(|(name, _)| {
        (format!("PARLOR_{}", name.as_str().to_uppercase()), known.contains(&name.as_str()))
    });
    let unknown = spelt.filter(|(variable, known)| !known && variable != USUAL_ACCOUNT);
    unknown.map(|(variable, _)| variable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_can_be_a_variable() {
        let settings = serde_json::to_value(Config::default()).unwrap();
        let settings: Vec<_> = settings.as_object().unwrap().keys().cloned().collect();
        let old = ["demo".to_owned()];
        assert_eq!([&settings[..], &old].concat(), names(), "list new settings in names() too");
    }

    #[test]
    fn flags_win_and_what_is_unsaid_keeps_its_default() {
        let flags = Flags {
            listen: Some("localhost:1234".parse().unwrap()),
            no_demo: true,
            ..Flags::default()
        };
        let config = Config::load(&flags).unwrap();
        assert_eq!(config.listen.as_str(), "localhost:1234");
        assert!(config.no_demo);
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

    /// What a settings file of this text comes to.
    fn from_file(text: &str) -> Result<Config, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut flags = Flags::default();
        flags.storage.config = Some(file.path().to_owned());
        let told =
            |fault: Fault| fault.to_string().replace(&file.path().display().to_string(), "FILE");
        Config::load(&flags).map_err(told)
    }

    #[test]
    fn a_wrong_file_is_told_of_in_the_words_of_the_setting() {
        for (text, told) in [
            ("cache_mib = \"abc\"", "cache_mib in FILE is \"abc\": it must be a whole number"),
            ("cache_mib = -1", "cache_mib in FILE is -1: it must be a whole number"),
            ("log_json = 7", "log_json in FILE is 7: it must be true or false"),
            ("engine = \"fast\"", "engine in FILE is \"fast\": it must be embedded or cluster"),
            ("listen = \"8080\"", "listen in FILE: \"8080\" is not HOST:PORT"),
            ("kafka = 7", "kafka in FILE: must be a list of texts"),
            ("datadir = \"x\"", "FILE: there is no setting datadir; is data_dir meant?"),
            ("zebra = 1", "FILE: there is no setting zebra"),
            ("cache_mib = ", "the settings file FILE is not TOML: "),
            ("partitions = 0", "partitions is from 1 to 10000"),
            ("gather_ms = 21", "gather_ms is from 0 to 20"),
        ] {
            let error = from_file(text).expect_err(text);
            assert!(error.starts_with(told), "{text}: {error}");
        }
        let mut flags = Flags::default();
        flags.storage.config = Some("/no/such.toml".into());
        let error = Config::load(&flags).expect_err("no file").to_string();
        assert!(error.contains("/no/such.toml cannot be read"), "{error}");
    }

    #[test]
    fn the_demo_is_left_out_in_either_spelling() {
        assert!(from_file("no_demo = true").unwrap().no_demo);
        assert!(from_file("demo = false").unwrap().no_demo);
        assert!(!from_file("demo = true").unwrap().no_demo);
        assert!(!from_file("").unwrap().no_demo);
    }
}
