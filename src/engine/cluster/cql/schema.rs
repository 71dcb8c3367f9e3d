//! The keyspace and its tables: making them, and seeing that they are there.

use std::sync::Arc;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use scylla::client::session::Session;
use scylla::cluster::metadata::Strategy;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::policies::load_balancing::{
    LoadBalancingPolicy, NodeIdentifier, SingleTargetLoadBalancingPolicy,
};
use scylla::statement::unprepared::Statement;

use super::Settings;
use super::link::connect_patiently;
use crate::engine::{Error, Result};
use crate::projection::Schema;

/// How long a store that does not answer yet is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// A statement that meets another's change of the schema is tried again.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(500);

macro_rules! special {
    ($($name:literal),+ $(,)?) => {
        /// What is no table of a schema, with the file that describes it.
        pub const SPECIAL: &[(&str, &str)] = &[
            $(($name, include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/projections/", $name, ".cql"
            )))),+
        ];
    };
}

special!("timeline", "claims", "totals", "checkpoints", "landmarks", "quotas",);

/// Everything that is made, and the statement that makes it.
fn tables(schema: &'static Schema) -> impl Iterator<Item = (&'static str, String)> {
    let special = SPECIAL.iter().map(|(name, text)| (*name, (*text).to_owned()));
    special.chain(schema.all_tables().map(|table| (table.name, table.create())))
}

/// Makes the keyspace and every table that is not there yet. Two at once are fine.
///
/// # Errors
/// [`Error::ReadOnly`] when no node answered for a minute, [`Error::Storage`] when the name of the
/// keyspace is not one or the store refuses.
pub async fn migrate(settings: &Settings) -> Result<()> {
    check_name(&settings.keyspace)?;
    let session = connect_patiently(settings, PATIENCE).await?;
    let one_node = one_node(&session)?;
    let keyspace = &settings.keyspace;
    let change = async |text: String| {
        let mut statement = Statement::new(text);
        statement.set_load_balancing_policy(Some(one_node.clone()));
        statement.set_is_idempotent(true);
        let tries =
            ConstantBuilder::default().with_delay(PAUSE).with_max_times(TRIES).with_jitter();
        (|| async { session.query_unpaged(statement.clone(), ()).await.map(drop) })
            .retry(tries)
            .when(|error| !is_refusal(error))
            .await
            .map_err(|error| Error::Storage(format!("CQL: {error}")))
    };
    if session.get_cluster_state().get_keyspace(keyspace).is_none() {
        let tablets = if knows_tablets(&session).await { WITHOUT_TABLETS } else { "" };
        let replication = settings.replication;
        change(format!(
            "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = \
             {{'class': 'NetworkTopologyStrategy', 'replication_factor': {replication}}}{tablets}"
        ))
        .await?;
        tracing::warn!(
            keyspace,
            replication,
            "there was no such keyspace: it was made, and is empty"
        );
    }
    for (table, text) in tables(settings.schema) {
        let state = session.get_cluster_state();
        let there = state.get_keyspace(keyspace).is_some_and(|ks| ks.tables.contains_key(table));
        if !there {
            change(statement(keyspace, &text)).await?;
        }
    }
    session.await_schema_agreement().await.map_err(|error| Error::Storage(error.to_string()))?;
    Ok(())
}

/// ScyllaDB's only: keyspaces of tablets know no lightweight transactions in all its versions.
const WITHOUT_TABLETS: &str = " AND tablets = {'enabled': false}";

/// Whether the server is a ScyllaDB with tablets: only that has this column.
async fn knows_tablets(session: &Session) -> bool {
    let ask = "SELECT initial_tablets FROM system_schema.scylla_keyspaces LIMIT 1";
    session.query_unpaged(ask, ()).await.is_ok()
}

/// Changes of the schema through one node follow one another; through two, they may collide.
fn one_node(session: &Session) -> Result<Arc<dyn LoadBalancingPolicy>> {
    let state = session.get_cluster_state();
    let connected = state.get_nodes_info().iter().filter(|node| node.is_connected());
    let first = connected.min_by_key(|node| node.host_id);
    let first = first.ok_or_else(|| super::attempts::away("no node is connected"))?;
    Ok(SingleTargetLoadBalancingPolicy::new(NodeIdentifier::HostId(first.host_id), None))
}

/// The statement of a table's file, for this keyspace.
fn statement(keyspace: &str, text: &str) -> String {
    let code: Vec<_> = text.lines().filter(|line| !line.starts_with("--")).collect();
    let code = code.join("\n");
    let code = code.trim().trim_end_matches(';');
    code.replacen("CREATE TABLE ", &format!("CREATE TABLE IF NOT EXISTS {keyspace}."), 1)
}

fn is_refusal(error: &ExecutionError) -> bool {
    use DbError::{AuthenticationError, ConfigError, Invalid, SyntaxError, Unauthorized};
    matches!(
        error,
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(
            AuthenticationError | ConfigError | Invalid | SyntaxError | Unauthorized,
            _
        ))
    )
}

/// Sees that the keyspace and its tables are there, with as many replicas as asked for.
pub(super) fn check(session: &Session, settings: &Settings) -> Result<()> {
    check_name(&settings.keyspace)?;
    let name = &settings.keyspace;
    let state = session.get_cluster_state();
    let Some(keyspace) = state.get_keyspace(name) else {
        return Err(Error::Storage(format!(
            "there is no keyspace {name} in the CQL store: run `parlor migrate`"
        )));
    };
    for (table, _) in tables(settings.schema) {
        if !keyspace.tables.contains_key(table) {
            return Err(Error::Storage(format!(
                "there is no table {name}.{table} in the CQL store: run `parlor migrate`"
            )));
        }
    }
    let replicas = match &keyspace.strategy {
        Strategy::SimpleStrategy { replication_factor } => Some(*replication_factor),
        Strategy::NetworkTopologyStrategy { datacenter_repfactors } => {
            datacenter_repfactors.values().min().copied()
        }
        _ => None,
    };
    let asked = usize::try_from(settings.replication).unwrap_or(usize::MAX);
    match replicas {
        Some(replicas) if replicas < asked => Err(Error::Storage(format!(
            "keyspace {name} keeps {replicas} of each row, and --replication asks for {asked}: \
             alter the keyspace, or ask for fewer"
        ))),
        _ => Ok(()),
    }
}

/// A table that is not there, as the store itself says.
pub(super) async fn missing(
    session: &Session,
    keyspace: &str,
    schema: &'static Schema,
) -> Result<Option<&'static str>> {
    let ask = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
    let failed = |error: String| Error::ReadOnly(format!("the CQL store does not say: {error}"));
    let found = session.query_unpaged(ask, (keyspace,)).await;
    let found = found.map_err(|error| failed(error.to_string()))?.into_rows_result();
    let found = found.map_err(|error| failed(error.to_string()))?;
    let names = found.rows::<(String,)>().map_err(|error| failed(error.to_string()))?;
    let names: Vec<_> = names.flatten().map(|(name,)| name).collect();
    let mut all = tables(schema).map(|(table, _)| table);
    Ok(all.find(|table| !names.iter().any(|one| one == table)))
}

/// A keyspace's name stands in statements as it is.
fn check_name(name: &str) -> Result<()> {
    let mut bytes = name.bytes();
    let fits = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && name.len() <= 48;
    if fits {
        return Ok(());
    }
    Err(Error::Storage(format!(
        "{name:?} is no name for a keyspace: a letter, then letters, digits and _, at most 48, \
         all small"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::projection::SCHEMA;

    #[test]
    fn a_keyspace_has_a_plain_name() {
        for name in ["parlor", "p", "parlor_2"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "p".repeat(49);
        for name in ["", "Parlor", "2p", "_p", "p-q", "p;drop", "p q", &long] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_tables_file_becomes_one_statement_for_the_keyspace() {
        for (name, text) in tables(&SCHEMA) {
            let statement = statement("ks", &text);
            let begin = format!("CREATE TABLE IF NOT EXISTS ks.{name} (");
            assert!(statement.starts_with(&begin), "{statement}");
            assert!(!statement.contains("--") && !statement.contains(';'), "{statement}");
        }
    }
}
