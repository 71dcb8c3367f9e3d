//! `parlor rebuild` and `parlor verify`: the views as a function of the log.

use std::path::Path;

use super::administer::{self, OrderResult};
use super::output::print;
use super::{Failure, cluster, telemetry};
use crate::config::{Config, EngineKind};
use crate::engine::embedded::segments::Checked;
use crate::engine::embedded::{self, Repaired, directory};
use crate::engine::{self, SCHEMA};

/// Fills the views from the log; where a server has them, while it serves them.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub async fn rebuild(config: &Config, into: Option<String>) -> Result<(), Failure> {
    let _logs = start_logs(config)?;
    match (config.engine, into) {
        (EngineKind::Cluster, Some(into)) => cluster::rebuild(config, into).await,
        (EngineKind::Cluster, None) => {
            Err("say which keyspace to fill with --into: the live one is not touched".into())
        }
        (EngineKind::Embedded, Some(_)) => Err("--into is for the cluster engine".into()),
        (EngineKind::Embedded, None) => {
            let dir = existing(&config.data_dir)?;
            let own = async || {
                let events = embedded::rebuild(dir, &SCHEMA)?;
                Ok(OrderResult::ViewsRebuilt { events, difference: None })
            };
            administer::rebuild(dir, own).await
        }
    }
}

/// Compares the views with the log. Beside a server of the embedded engine the log alone is read.
///
/// # Errors
/// Whatever kept it from being done, and the first difference.
pub async fn verify(config: &Config) -> Result<(), Failure> {
    let _logs = start_logs(config)?;
    if config.engine == EngineKind::Cluster {
        return cluster::verify(config).await;
    }
    let dir = existing(&config.data_dir)?;
    let (events, difference) = match embedded::verify(dir, &SCHEMA) {
        Err(engine::Error::Locked(_)) => return verify_beside(dir),
        verified => verified?,
    };
    match difference {
        None => print(format_args!("the views of {} equal their {events} events", dir.display())),
        Some(difference) => Err(format!("the views differ: {difference:#?}").into()),
    }
}

/// Reads the log of a directory that another process has.
fn verify_beside(dir: &Path) -> Result<(), Failure> {
    let [events, accounts] = embedded::verify_beside(dir)?;
    print(format_args!("the log of {} is whole:", dir.display()))?;
    for (topic, Checked { segments, events, bytes, .. }) in [events, accounts] {
        print(format_args!("  {topic:?}: {events} events, {bytes} bytes, segments: {segments}"))?;
    }
    print(
        "A parlor process has the directory: its log was read as far as it was written, and its views were \
         not compared. `parlor rebuild` compares them beside a server, `parlor verify` when it is stopped",
    )
}

/// Goes on without what cannot be read of an embedded log.
///
/// # Errors
/// Whatever kept it from being done; nothing has changed then.
pub fn repair(config: &Config, accept_loss: bool) -> Result<(), Failure> {
    let _logs = start_logs(config)?;
    if config.engine == EngineKind::Cluster {
        return Err("repair is for the embedded engine: Kafka keeps the log of a cluster".into());
    }
    if !accept_loss {
        let problem = "repair goes on without the events that cannot be read: say --accept-loss if no copy \
                       of the log has them. `parlor verify` says what is damaged";
        return Err(problem.into());
    }
    let dir = existing(&config.data_dir)?;
    let repaired = embedded::repair(dir, &SCHEMA)?;
    if repaired.is_empty() {
        return print(format_args!("the log of {} is whole; nothing was changed", dir.display()));
    }
    for (topic, Repaired { kept, lost }) in repaired {
        print(format_args!(
            "{topic:?}: {kept} events are kept and {lost} are lost; the damaged files are beside it in \
             {}, in folders that end in .damaged",
            dir.display()
        ))?;
    }
    Ok(())
}

/// How far it is goes to standard error; nothing is traced.
fn start_logs(config: &Config) -> Result<telemetry::Traces, Failure> {
    telemetry::start_logs(&Config { otlp_endpoint: None, ..config.clone() })
}

/// Opening makes what is not there, which these commands must not.
fn existing(data_dir: &Path) -> Result<&Path, Failure> {
    super::keep_files_private();
    match directory::look(data_dir)? {
        directory::Found::Store => Ok(data_dir),
        directory::Found::Nothing | directory::Found::Begun => Err(format!(
            "there is nothing in the data directory {}: name another with --data-dir (data_dir, \
             PARLOR_DATA_DIR)",
            data_dir.display()
        )
        .into()),
    }
}
