//! The cluster engine's place: a keyspace and topics in the shared services.

use std::sync::Arc;

use parlor::domain::ids::StreamKey;
use parlor::engine::cluster::kafka::record;
use parlor::engine::cluster::{Cluster, Settings, migrate};
use parlor::engine::{Engine, Observer, Result};

use super::{Place, toy};
use crate::harness::cluster::settings;
use crate::harness::services::Services;

/// Enough that some conversations share one and some do not.
const PARTITIONS: u32 = 3;

/// A keyspace, and topics whose names begin alike. Any number of nodes may open it.
pub struct Keyspace(Settings);

impl Place for Keyspace {
    const FORGETS_WHEN_TOLD: bool = false;

    async fn make() -> Self {
        let name = format!("place_{:08x}", rand::random::<u32>());
        let mut settings = settings(Services::shared().await, &name);
        settings.kafka.partitions = PARTITIONS;
        settings.cql.schema = toy::schema();
        migrate(&settings).await.expect("migrated");
        Self(settings)
    }

    async fn open(&self, observer: Arc<dyn Observer>) -> Result<Arc<dyn Engine>> {
        Ok(Arc::new(Cluster::open(&self.0, observer, true).await?))
    }

    fn partition_of(key: StreamKey, partitions: u32) -> u32 {
        record::partition_of(key, partitions)
    }
}
