//! What this node projects, and how far it is: told by its projector, read by the others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use dashmap::DashMap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::recent::Recent;
use crate::domain::seq::Seq;

/// One for each engine.
pub(in super::super) struct OwnedPartitions {
    /// How far each partition of this node is projected.
    pub(in super::super) projected: DashMap<u32, Seq>,
    /// What was applied lately there.
    pub(in super::super) recent: Recent,
    /// Changes when more is projected.
    pub(in super::super) news: watch::Sender<()>,
    /// When the broker took the oldest event that is being projected, by partition.
    pub(in super::super) projecting_since: DashMap<u32, i64>,
    /// Ends with the engine, or once nothing may be projected any more.
    pub(in super::super) projecting: CancellationToken,
    /// The keyspace is gone: not even where the views were is noted.
    lost: AtomicBool,
    partitions: RwLock<Vec<u32>>,
}

impl OwnedPartitions {
    /// Nothing yet; what is projected ends with `closing`.
    pub(in super::super) fn new(closing: &CancellationToken) -> Self {
        Self {
            projected: DashMap::new(),
            recent: Recent::default(),
            news: watch::Sender::new(()),
            projecting_since: DashMap::new(),
            projecting: closing.child_token(),
            lost: AtomicBool::new(false),
            partitions: RwLock::default(),
        }
    }

    /// The partitions, in order.
    pub(in super::super) fn partitions(&self) -> Vec<u32> {
        self.partitions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(in super::super) fn set_partitions(&self, partitions: Vec<u32>) {
        *self.partitions.write().unwrap_or_else(PoisonError::into_inner) = partitions;
    }

    /// Whether the keyspace is gone.
    pub(in super::super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Nothing is projected any more: what was, is lost.
    pub(in super::super) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.projecting.cancel();
    }
}
