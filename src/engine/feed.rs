//! What followers follow: the events that the fold applied, in order; and how far each follower is.
//!
//! The log also has what the fold discarded, such as a reply that lost to a takeover. Whoever tells others of
//! what happened reads this feed and not the log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Error, Recorded, Result};
use crate::domain::seq::Seq;
use crate::projection::{Places, followers};

/// A stretch of what was applied in a partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// In the order of the log.
    pub events: Vec<Recorded>,
    /// All that was applied up to here is in `events` or came before; nothing of it comes later.
    pub upto: Seq,
}

impl Applied {
    /// Nothing after a place.
    pub fn nothing(after: Seq) -> Self {
        Self { events: Vec::new(), upto: after }
    }
}

/// What the fold applied.
#[async_trait]
pub trait Feed: Send + Sync {
    /// The partitions of the events whose unfinished work falls to this node.
    fn owned(&self) -> Vec<u32>;

    /// Up to `limit` events of a partition after `after` that the fold applied. `upto` is `after` where
    /// nothing more is known yet, and where the partition is not this node's; else it is beyond `after`, also
    /// where nothing between was applied.
    async fn applied(&self, partition: u32, after: Seq, limit: usize) -> Result<Applied>;

    /// Changes when more may have been applied.
    fn news(&self) -> watch::Receiver<()>;
}

/// How far followers are, by their names. A place that was lost or is old costs time and not truth.
#[async_trait]
pub trait Checkpoints: Send + Sync {
    /// [`Seq::START`] where nothing was stored.
    async fn load(&self, follower: &str, partition: u32) -> Result<Seq>;

    /// Never goes back: of two nodes that take each other for gone, the one that is further counts.
    async fn store(&self, follower: &str, partition: u32, seq: Seq) -> Result<()>;
}

#[async_trait]
impl<P: Places<Error = Error> + ?Sized> Checkpoints for P {
    async fn load(&self, follower: &str, partition: u32) -> Result<Seq> {
        followers::place(self, follower, partition).await
    }

    async fn store(&self, follower: &str, partition: u32, seq: Seq) -> Result<()> {
        followers::reached(self, follower, partition, seq).await
    }
}

/// All that following needs.
pub trait Source: Feed + Checkpoints {}

impl<S: Feed + Checkpoints + ?Sized> Source for S {}

/// What reacts to applied events: search, webhooks.
///
/// The owner of a partition runs it (`process::followers`), from the place that was stored last. So it is given
/// everything, in the order of the partition, and some of it again: after an error, a crash, or while two nodes
/// take each other for gone. Doing it again must do no harm.
#[async_trait]
pub trait Follower: Send + Sync {
    /// Permanent. Metrics and logs name it so.
    fn name(&self) -> &'static str;

    /// The name under which its places are kept; with another one it begins anew.
    async fn kept_as(&self) -> Result<Arc<str>> {
        Ok(self.name().into())
    }

    /// Takes applied events of a partition. They are given again until it succeeds.
    async fn take(&self, partition: u32, events: &[Recorded]) -> Result<()>;

    /// Is told every moment how old the oldest event is that this node has not had taken.
    fn lags(&self, _lag: Duration) {}
}
