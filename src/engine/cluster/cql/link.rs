//! The connection to the store's nodes.
//!
//! The driver comes back to a node that was away after up to ten seconds, and that cannot be set.
//! While other nodes answer this does not matter. When none does, the link connects anew twice a
//! second instead, so that a store that is back is used at once.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use backon::{ConstantBuilder, Retryable};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestErrorKind, DbError, MetadataError,
    NewSessionError,
};
use scylla::statement::{Consistency, SerialConsistency};

use super::Settings;
use super::attempts::away;
use crate::engine::{Error, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A whole session: connecting, and asking for the nodes and the tables.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Between tries to reach a store that is away.
const PAUSE: Duration = Duration::from_millis(500);
/// A node that does not even answer this is left out until it does.
const KEEPALIVE: Duration = Duration::from_secs(3);
/// Of statements of the schema, which take long.
const SCHEMA_TIMEOUT: Duration = Duration::from_secs(30);

/// A session that is replaced when no node is left to it.
pub(super) struct Link {
    settings: Settings,
    session: RwLock<Arc<Session>>,
    /// Somebody is connecting anew.
    mending: AtomicBool,
}

impl Link {
    pub(super) async fn open(settings: &Settings) -> Result<Arc<Self>> {
        let session = connect(settings).await?;
        let session = RwLock::new(Arc::new(session));
        Ok(Arc::new(Self { settings: settings.clone(), session, mending: AtomicBool::new(false) }))
    }

    /// The session to use now.
    pub(super) fn session(&self) -> Arc<Session> {
        self.session.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keyspace(&self) -> &str {
        &self.settings.keyspace
    }

    pub(super) fn is_reachable(&self) -> bool {
        let state = self.session().get_cluster_state();
        state.get_nodes_info().iter().any(|node| node.is_connected())
    }

    /// Connects anew in the background when no node is left; ends when one is, or with the link.
    pub(super) fn mend(self: &Arc<Self>) {
        if self.is_reachable() || self.mending.swap(true, Ordering::AcqRel) {
            return;
        }
        let (settings, link) = (self.settings.clone(), Arc::downgrade(self));
        tokio::spawn(async move {
            tracing::warn!(hosts = ?settings.hosts, "no node of the CQL store answers");
            while link.strong_count() > 0 {
                let found = connect(&settings).await;
                let Some(link) = link.upgrade() else { return };
                if link.mended(found) {
                    return;
                }
                drop(link);
                tokio::time::sleep(PAUSE).await;
            }
        });
    }

    fn mended(&self, found: Result<Session>) -> bool {
        if let Ok(session) = found {
            *self.session.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(session);
        }
        let reachable = self.is_reachable();
        if reachable {
            self.mending.store(false, Ordering::Release);
            tracing::info!("the CQL store answers again");
        }
        reachable
    }
}

/// Connects, trying for as long as `patience`.
pub(super) async fn connect_patiently(settings: &Settings, patience: Duration) -> Result<Session> {
    let times = usize::try_from(patience.as_millis() / PAUSE.as_millis()).unwrap_or(usize::MAX);
    let tries = ConstantBuilder::default().with_delay(PAUSE).with_max_times(times);
    (|| connect(settings))
        .retry(tries)
        .when(|error| matches!(error, Error::ReadOnly(_)))
        .notify(|error, _| tracing::debug!(%error, "waiting for the CQL store"))
        .await
}

/// In a store of several data centres, one is ours: a quorum of it is what `LOCAL_QUORUM` means.
async fn connect(settings: &Settings) -> Result<Session> {
    let session = build(settings, None).await?;
    let state = session.get_cluster_state();
    let nodes: Vec<_> = state
        .get_nodes_info()
        .iter()
        .map(|node| (SocketAddr::new(node.address.ip(), node.address.port()), &node.datacenter))
        .collect();
    if nodes.iter().all(|(_, datacenter)| *datacenter == nodes[0].1) {
        return Ok(session);
    }
    let mut ours = Vec::new();
    for host in &settings.hosts {
        ours.extend(tokio::net::lookup_host(host).await.into_iter().flatten());
    }
    build(settings, Some(datacenter(&nodes, &ours)?)).await
}

/// The data centre that our hosts are in, of those of the store's nodes.
fn datacenter(nodes: &[(SocketAddr, &Option<String>)], ours: &[SocketAddr]) -> Result<String> {
    let found = nodes.iter().filter(|(address, _)| ours.contains(address));
    let found: BTreeSet<&str> = found.filter_map(|(_, name)| name.as_deref()).collect();
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.to_owned()),
        _ => Err(Error::Storage(
            "the CQL store has several data centres: name nodes of one in --cql, by the addresses \
             that they announce"
                .to_owned(),
        )),
    }
}

async fn build(settings: &Settings, datacenter: Option<String>) -> Result<Session> {
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(SCHEMA_TIMEOUT))
        .build();
    let mut builder = SessionBuilder::new()
        .known_nodes(&settings.hosts)
        .connection_timeout(CONNECT_TIMEOUT)
        .keepalive_interval(KEEPALIVE)
        .keepalive_timeout(KEEPALIVE)
        .schema_agreement_interval(Duration::from_millis(50))
        .schema_agreement_timeout(SCHEMA_TIMEOUT)
        .keyspaces_to_fetch([&settings.keyspace])
        .default_execution_profile_handle(profile.into_handle());
    if let Some(user) = &settings.user {
        builder = builder.user(user, settings.password.as_deref().unwrap_or_default());
    }
    if settings.tls {
        builder = secured(builder, settings)?;
    }
    if let Some(datacenter) = datacenter {
        builder = builder.prefer_datacenter(datacenter);
    }
    let hosts = settings.hosts.join(", ");
    match tokio::time::timeout(OPEN_TIMEOUT, builder.build()).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(error)) => Err(refusal(&hosts, &error)),
        Err(_) => Err(away(format!("{hosts} do not answer"))),
    }
}

#[cfg(feature = "tls")]
fn secured(builder: SessionBuilder, settings: &Settings) -> Result<SessionBuilder> {
    let config = crate::tls::client(settings.ca.as_deref()).map_err(Error::Storage)?;
    Ok(builder.tls_context(Some(std::sync::Arc::new(config))))
}

#[cfg(not(feature = "tls"))]
fn secured(_: SessionBuilder, _: &Settings) -> Result<SessionBuilder> {
    Err(without_tls())
}

/// Whether this build can speak as the settings say; nobody need be asked for that.
///
/// # Errors
/// [`Error::Storage`] where it cannot.
pub fn check_build(settings: &Settings) -> Result<()> {
    if settings.tls && !cfg!(feature = "tls") { Err(without_tls()) } else { Ok(()) }
}

fn without_tls() -> Error {
    let problem =
        "the settings cql_tls and cql_ca need a build with the feature tls, as the image is";
    Error::Storage(problem.into())
}

/// Why there is no session: the store is away, or it does not let us in.
fn refusal(hosts: &str, error: &NewSessionError) -> Error {
    if let NewSessionError::MetadataError(MetadataError::ConnectionPoolError(
        ConnectionPoolError::Broken {
            last_connection_error: ConnectionError::ConnectionSetupRequestError(setup),
        },
    )) = error
        && let ConnectionSetupRequestErrorKind::MissingAuthentication
        | ConnectionSetupRequestErrorKind::DbError(DbError::AuthenticationError, _) =
            &setup.error
    {
        return Error::Storage(format!("the CQL store at {hosts} refuses the user and password"));
    }
    away(format!("{hosts}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_centre_is_the_one_that_all_our_hosts_are_in() {
        let at = |last| SocketAddr::from(([10, 0, 0, last], 9042));
        let (east, west) = (Some("east".to_owned()), Some("west".to_owned()));
        let nodes = [(at(1), &east), (at(2), &east), (at(3), &west)];
        let found = |ours: &[SocketAddr]| datacenter(&nodes, ours).ok();
        assert_eq!(found(&[at(1), at(2)]).as_deref(), Some("east"));
        assert_eq!(found(&[at(3), at(9)]).as_deref(), Some("west"));
        assert_eq!(found(&[at(1), at(3)]), None);
        assert_eq!(found(&[at(9)]), None);
    }
}
