//! Rate limits that hold over all nodes: each node takes a few calls at a time from a quota that
//! all share, so that a node alone can never grant more than is left.
//!
//! What a node has taken and not used is at most a fiftieth of the limit; so with a few nodes a
//! caller gets the limit within some percent, and never more.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tokio::sync::Mutex;

use super::{Allowance, Caller};
use crate::engine::{self, Quotas};

/// The part of a minute's calls that a node takes at once.
const PART: u32 = 50;
/// What was taken and not used by then counts no longer: it belongs to a minute that is over.
const LEASE: Duration = Duration::from_secs(60);

/// The leases of this node.
#[derive(Default)]
pub(super) struct Leases {
    leases: DashMap<(Caller, NonZeroU32), Arc<Mutex<Lease>>>,
}

/// What a node may grant one caller without asking.
#[derive(Debug, Default, Clone, Copy)]
struct Lease {
    calls: u32,
    /// Left for all nodes when it was taken.
    remaining: u32,
    taken: Option<Instant>,
    refused_until: Option<Instant>,
}

impl Leases {
    /// Counts one call.
    ///
    /// # Errors
    /// As the engine's, when it had to be asked.
    pub(super) async fn check(
        &self,
        quotas: &dyn Quotas,
        caller: &Caller,
        per_minute: NonZeroU32,
    ) -> engine::Result<Allowance> {
        let lease = self.leases.entry((caller.clone(), per_minute)).or_default().clone();
        let mut lease = lease.lock().await;
        let now = Instant::now();
        if lease.taken.is_some_and(|taken| now - taken > LEASE) {
            lease.calls = 0;
        }
        if lease.calls == 0 && lease.refused_until.is_none_or(|until| until <= now) {
            let part = (per_minute.get() / PART).max(1);
            let bucket = format!("{}/{per_minute}", caller.0);
            let grant = quotas.take(&bucket, part, per_minute).await?;
            let refused = (grant.granted == 0).then(|| now + grant.retry_after);
            *lease = Lease {
                calls: grant.granted,
                remaining: grant.remaining,
                taken: Some(now),
                refused_until: refused,
            };
        }
        Ok(lease.spend(per_minute.get(), now))
    }

    /// Forgets what has run out.
    pub(super) fn tidy(&self) {
        self.leases.retain(|_, lease| {
            let idle = |lease: tokio::sync::MutexGuard<'_, Lease>| {
                lease.taken.is_none_or(|taken| taken.elapsed() > LEASE)
            };
            Arc::strong_count(lease) > 1 || !lease.try_lock().is_ok_and(idle)
        });
    }
}

impl Lease {
    fn spend(&mut self, limit: u32, now: Instant) -> Allowance {
        if let Some(left) = self.calls.checked_sub(1) {
            self.calls = left;
            let remaining = (self.remaining + left).min(limit);
            let used = u64::from(limit - remaining);
            let reset_s = (used * 60).div_ceil(u64::from(limit));
            return Allowance { limit, remaining, reset_s, retry_after_s: None };
        }
        let wait = self.refused_until.map_or(Duration::ZERO, |until| until - now);
        let retry = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Allowance { limit, remaining: 0, reset_s: 60, retry_after_s: Some(retry.max(1)) }
    }
}
