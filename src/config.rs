//! Every setting, its default and its meaning.
//!
//! Flags win over `PARLOR_*` variables, and those over the file given with `--config` (or
//! `parlor.toml` in the working directory, if there is one). Names are the same in all three:
//! `--data-dir`, `PARLOR_DATA_DIR`, `data_dir = …`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

/// The settings of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
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
    /// Where traces go (OTLP over HTTP); none sends none. `OTEL_EXPORTER_OTLP_ENDPOINT` sets it too.
    pub otlp_endpoint: Option<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: "data".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            demo: true,
            max_connections: 20_000,
            trusted_proxies: 0,
            cache_mib: 64,
            disk_reserve_mib: 256,
            drain_s: 10,
            log: "info,fjall=warn,lsm_tree=warn".into(),
            log_json: false,
            otlp_endpoint: None,
        }
    }
}

/// What the command line says; absent means unsaid.
#[derive(Debug, Clone, Default, Serialize, clap::Args)]
pub struct Flags {
    /// Where everything is kept [default: ./data]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Where to listen [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
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
    /// What is logged, such as "info" or "parlor=debug" [default: info, fjall=warn, lsm_tree=warn]
    #[arg(long, value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Log as JSON
    #[arg(long)]
    #[serde(skip)]
    pub log_json: bool,
    /// Settings in TOML [default: ./parlor.toml, if there]
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

impl Config {
    /// Joins file, variables and flags.
    ///
    /// # Errors
    /// When a setting is unknown or of the wrong type; the error says which and where it stood.
    pub fn load(flags: &Flags) -> Result<Self, Box<figment::Error>> {
        let file = match &flags.config {
            Some(path) => Toml::file_exact(path),
            None => Toml::file_exact("parlor.toml"),
        };
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if flags.config.is_some() || Path::new("parlor.toml").exists() {
            figment = figment.merge(file);
        }
        let otlp = Env::raw().only(&["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        figment = figment
            .merge(otlp.map(|_| "otlp_endpoint".into()))
            .merge(Env::prefixed("PARLOR_").only(&names()))
            .merge(Serialized::defaults(flags));
        let mut config: Self = figment.extract().map_err(Box::new)?;
        config.demo &= !flags.no_demo;
        config.log_json |= flags.log_json;
        Ok(config)
    }
}

/// The settings' names, as in the file.
fn names() -> Vec<&'static str> {
    vec![
        "data_dir",
        "listen",
        "demo",
        "max_connections",
        "trusted_proxies",
        "cache_mib",
        "disk_reserve_mib",
        "drain_s",
        "log",
        "log_json",
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
}
