//! The views in a CQL store: ScyllaDB or Apache Cassandra, with the same tables and statements.
//!
//! Every row is written `USING TIMESTAMP` of its place in the log, so that doing it twice, late or
//! from a node that has lost its partition changes nothing: the newest place wins. Only quotas are
//! compared and set, by lightweight transactions, because two nodes may want the same.
//!
//! Reads and writes are at `LOCAL_QUORUM`: what a commit wrote, every node of the data centre reads.
//! Each has a time-out and tries again a few times; all statements may be repeated.

mod attempts;
mod carry;
mod claims;
mod link;
mod phrases;
mod queue;
mod quotas;
mod reads;
mod rows;
mod scan;
mod schema;
mod statements;
mod tables;
mod writes;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use link::check_build;
pub use quotas::Quota;
pub use reads::{Checkpoint, Landmark};
pub use rows::{Commit, ConversationRows};
pub use scan::{Kept, Stored, kept, key_of};
pub use schema::{SPECIAL, migrate};

use crate::domain::time::Timestamp;
use crate::engine::{Error, Result};
use crate::projection::Schema;
use link::Link;
use statements::Statements;

/// How long it may take to say which tables there are.
const SCHEMA_PATIENCE: Duration = Duration::from_secs(3);

/// Where the store is and what it is called there.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `HOST:PORT` of some nodes, all of one data centre; the others are found.
    pub hosts: Vec<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    /// Speaks TLS; a node's certificate must name the address at which it is reached.
    pub tls: bool,
    /// Certificates (PEM) of who may vouch for the nodes; the system's where there is none.
    pub ca: Option<PathBuf>,
    /// `[a-z][a-z0-9_]{0,47}`.
    pub keyspace: String,
    /// How many nodes keep each row.
    pub replication: u32,
    /// What is kept beside what is special: [`crate::engine::SCHEMA`].
    pub schema: &'static Schema,
    /// The wall clock, as the brokers' is compared with it. Rows that are kept for a while are written with the
    /// time that they have left.
    pub clock: fn() -> Timestamp,
}

/// The store, ready for reading and writing. Cheap to clone.
#[derive(Clone)]
pub struct Cql {
    link: Arc<Link>,
    statements: Arc<Statements>,
    pub(super) schema: &'static Schema,
    clock: fn() -> Timestamp,
}

impl Cql {
    /// Connects to the store and makes every statement ready.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] when no node can be reached; [`Error::Storage`] when the keyspace or a
    /// table is missing or keeps fewer replicas than asked, in words for the operator.
    pub async fn open(settings: &Settings) -> Result<Self> {
        let link = Link::open(settings).await?;
        schema::check(&link.session(), settings)?;
        let (session, schema) = (link.session(), settings.schema);
        let statements = Statements::prepare(&session, &settings.keyspace, schema).await?;
        Ok(Self { link, statements: Arc::new(statements), schema, clock: settings.clock })
    }

    /// The name of a table that is gone.
    ///
    /// # Errors
    /// When the store does not say.
    pub async fn missing(&self) -> Result<Option<&'static str>> {
        let ask = async {
            schema::missing(&self.link.session(), self.link.keyspace(), self.schema).await
        };
        let late = || Error::ReadOnly("the CQL store does not say which tables it has".into());
        tokio::time::timeout(SCHEMA_PATIENCE, ask).await.unwrap_or_else(|_| Err(late()))
    }

    /// Whether some node is connected; asks nobody.
    pub fn is_reachable(&self) -> bool {
        self.link.is_reachable()
    }
}

/// JSON that we can always write.
fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Storage(error.to_string()))
}

/// Reads JSON that we wrote; `what` names the row.
fn parse<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::Storage(format!("a row of {what} is damaged: {error}")))
}
