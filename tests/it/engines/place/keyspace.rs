//! The cluster engine's place: a keyspace and topics in the shared services.

use std::collections::BTreeMap;
use std::sync::Arc;

use parlor::domain::ids::StreamKey;
use parlor::engine::cluster::{Cluster, Settings, cql, kafka, migrate, record};
use parlor::engine::{Engine, Observer, Result};

use super::Place;
use crate::harness::services::Services;

/// Enough that some conversations share one and some do not.
const PARTITIONS: u32 = 3;

/// A keyspace, and topics whose names begin alike.
pub struct Keyspace(Settings);

impl Place for Keyspace {
    const FORGETS_WHEN_TOLD: bool = false;

    async fn make() -> Self {
        let services = Services::shared().await;
        let name = format!("place_{:08x}", rand::random::<u32>());
        let kafka = kafka::Settings {
            brokers: vec![services.kafka.clone()],
            options: BTreeMap::new(),
            prefix: name.clone(),
            partitions: PARTITIONS,
            replication: 1,
            min_insync: 1,
            generation: 1,
        };
        let cql = cql::Settings {
            hosts: vec![services.cql.clone()],
            user: None,
            password: None,
            keyspace: name,
            replication: 1,
        };
        let settings = Settings { kafka, cql, search: None, clock: parlor::app::clock::now };
        let t = std::time::Instant::now();
        migrate(&settings).await.expect("migrated");
        eprintln!("MIGRATE {:?}", t.elapsed());
        Self(settings)
    }

    async fn open(&self, observer: Arc<dyn Observer>) -> Result<Arc<dyn Engine>> {
        let t = std::time::Instant::now();
        let r = Cluster::open(&self.0, observer, true).await?;
        eprintln!("OPEN {:?}", t.elapsed());
        Ok(Arc::new(r))
    }

    fn partition_of(key: StreamKey, partitions: u32) -> u32 {
        record::partition_of(key, partitions)
    }
}
