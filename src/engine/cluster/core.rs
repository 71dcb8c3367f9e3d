//! What the parts of the cluster engine share.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::append::appends::Appends;
use super::append::producer::Producer;
use super::cql::Cql;
use super::kafka::Settings;
use super::kafka::group::Group;
use super::kafka::polling::Polling;
use super::kafka::reader::PageReader;
use super::project::owned::OwnedPartitions;
use super::relay::ClusterRelay;
use super::releases::Releases;
use super::search::{Indexer, OpenSearch};
use super::trouble::{Seen, Troubles};
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
    pub(super) reader: PageReader,
    pub(super) relay: Arc<ClusterRelay>,
    /// None where nothing is indexed.
    pub(super) search: OnceLock<(Arc<Indexer>, OpenSearch)>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) clock: fn() -> Timestamp,
    /// What this node projects.
    pub(super) owned: OwnedPartitions,
    /// Which events may be written.
    pub(super) releases: Releases,
    pub(super) closing: CancellationToken,
    pub(super) polling: Polling,
    pub(super) troubles: Troubles,
}

impl Core {
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
        self.owned.lose();
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
