//! What the parts of the cluster engine share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use dashmap::DashMap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::append::appends::Appends;
use super::append::producer::Producer;
use super::cql::Cql;
use super::kafka::Settings;
use super::kafka::group::Group;
use super::kafka::polling::Polling;
use super::kafka::reader::Reader;
use super::project::recent::Recent;
use super::relay::ClusterRelay;
use super::releases::Releases;
use super::search::{Indexer, OpenSearch};
use super::trouble::{Seen, Troubles};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine::{Error, Observer, Result, Topic};

/// One for each engine.
pub(super) struct Core {
    pub(super) settings: Arc<Settings>,
    pub(super) keyspace: String,
    /// The nodes of that keyspace.
    pub(super) group: Group,
    /// This process, among those that append.
    pub(super) node: Uuid,
    /// The partition of `parlor.applied` that this node reads.
    pub(super) inbox: u32,
    pub(super) cql: Cql,
    pub(super) producer: Arc<Producer>,
    pub(super) appends: Arc<Appends>,
    pub(super) reader: Reader,
    pub(super) relay: Arc<ClusterRelay>,
    /// None where nothing is indexed.
    pub(super) search: OnceLock<(Arc<Indexer>, OpenSearch)>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) clock: fn() -> Timestamp,
    /// How far each partition of this node is projected.
    pub(super) projected: DashMap<u32, Seq>,
    /// What was applied lately there.
    pub(super) recent: Recent,
    /// Changes when more is projected.
    pub(super) news: watch::Sender<()>,
    /// When the broker took the oldest event that is being projected, by partition.
    pub(super) projecting_since: DashMap<u32, i64>,
    /// Which events may be written.
    pub(super) releases: Releases,
    pub(super) closing: CancellationToken,
    /// Ends with `closing`, or once nothing may be projected any more.
    pub(super) projecting: CancellationToken,
    /// The keyspace is gone: not even where the views were is noted.
    pub(super) lost: AtomicBool,
    pub(super) polling: Polling,
    pub(super) troubles: Troubles,
    owned: RwLock<Vec<u32>>,
}

/// The parts that are made before.
pub(super) struct Parts {
    pub(super) settings: Arc<Settings>,
    pub(super) keyspace: String,
    pub(super) node: Uuid,
    pub(super) inbox: u32,
    pub(super) cql: Cql,
    pub(super) producer: Arc<Producer>,
    pub(super) appends: Arc<Appends>,
    pub(super) reader: Reader,
    pub(super) relay: Arc<ClusterRelay>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) clock: fn() -> Timestamp,
}

impl Core {
    pub(super) fn new(parts: Parts) -> Self {
        let closing = CancellationToken::new();
        Self {
            settings: parts.settings,
            group: Group::of(&parts.keyspace),
            keyspace: parts.keyspace,
            node: parts.node,
            inbox: parts.inbox,
            cql: parts.cql,
            producer: parts.producer,
            appends: parts.appends,
            reader: parts.reader,
            relay: parts.relay,
            search: OnceLock::new(),
            observer: parts.observer,
            clock: parts.clock,
            projected: DashMap::new(),
            recent: Recent::default(),
            news: watch::Sender::new(()),
            projecting_since: DashMap::new(),
            releases: Releases::default(),
            projecting: closing.child_token(),
            closing,
            lost: AtomicBool::new(false),
            polling: Polling::default(),
            troubles: Troubles::default(),
            owned: RwLock::default(),
        }
    }

    /// The partitions of this node, in order.
    pub(super) fn owned(&self) -> Vec<u32> {
        self.owned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_owned(&self, partitions: Vec<u32>) {
        *self.owned.write().unwrap_or_else(PoisonError::into_inner) = partitions;
        self.releases.look_again();
    }

    /// Why this node takes nothing now. That nothing advances is the last reason: it has one of its
    /// own.
    pub(super) fn trouble(&self) -> Option<String> {
        let away = || (!self.cql.is_reachable()).then(|| "the views cannot be reached".to_owned());
        let last = || self.troubles.first(Seen::Poll..);
        self.troubles.first(..Seen::Poll).or_else(away).or_else(last)
    }

    /// A table is gone under this node. What it had folded before is lost there, so it writes
    /// nothing any more: not either once somebody makes the tables anew.
    pub(super) fn lose_keyspace(&self, table: &str) {
        let keyspace = &self.keyspace;
        let detail = format!(
            "the table {keyspace}.{table} was dropped: fill a keyspace (`parlor rebuild`), or make \
             an empty one (`parlor migrate`), and restart this node"
        );
        tracing::error!(detail, "nothing is projected any more");
        self.troubles.set(Seen::Keyspace, Some(detail));
        self.lost.store(true, Ordering::Release);
        self.projecting.cancel();
    }

    /// Says whether every partition of every older generation of the events is in the views.
    ///
    /// # Errors
    /// When one is not yet, or it cannot be found out.
    pub(super) async fn older_generations_are_projected(&self) -> Result<()> {
        for partition in 0..self.settings.partitions {
            let end =
                self.reader.end_before(Topic::Events, partition, self.settings.generation).await?;
            let checkpoint = self.cql.checkpoint(partition).await?.unwrap_or_default().seq;
            if checkpoint < end {
                return Err(Error::ReadOnly(format!(
                    "partition {partition} of an older generation is not projected yet"
                )));
            }
        }
        Ok(())
    }
}

pub(super) fn thread_error(error: std::io::Error) -> Error {
    Error::Storage(format!("a thread cannot be started: {error}"))
}
