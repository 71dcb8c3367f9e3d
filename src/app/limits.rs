//! Limits on how often a caller may call (GCRA, by `governor`) and how much an account may use.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::domain::ids::AccountId;
use crate::domain::{Error, Result};
use crate::engine::Engine;

mod shared;

/// How old an account's use may be that other nodes add to.
const USE_KNOWN_FOR: Duration = Duration::from_secs(1);

/// Who is limited: an account's key, or an address where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller(pub String);

type Limiter =
    RateLimiter<Caller, DefaultKeyedStateStore<Caller>, DefaultClock, StateInformationMiddleware>;

/// What a caller has left; the `RateLimit-*` headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    /// Seconds until the whole limit is there again.
    pub reset_s: u64,
    /// Set when the call is refused.
    pub retry_after_s: Option<u64>,
}

/// All limits of this node.
#[derive(Default)]
pub struct Limits {
    /// By calls per minute: callers with the same quota share a limiter.
    limiters: DashMap<NonZeroU32, Arc<Limiter>>,
    leases: shared::Leases,
    credits: DashMap<AccountId, Arc<Used>>,
}

/// What an account has used, as far as it is known here.
struct Used {
    /// By the totals and what was taken here since they were read.
    count: AtomicU64,
    /// Taken here for messages that are not kept yet.
    under_way: AtomicU64,
    read_at: Mutex<Instant>,
}

impl Limits {
    /// Counts one call against `per_minute`, over all nodes; a minute's worth may come at once.
    /// While the other nodes' calls cannot be known, those of this node are counted alone.
    pub async fn check(
        &self,
        engine: &dyn Engine,
        caller: &Caller,
        per_minute: NonZeroU32,
    ) -> Allowance {
        if let Some(quotas) = engine.quotas() {
            match self.leases.check(&*quotas, caller, per_minute).await {
                Ok(allowance) => return allowance,
                Err(error) => tracing::debug!(%error, "a limit is counted by this node alone"),
            }
        }
        self.check_here(caller, per_minute)
    }

    fn check_here(&self, caller: &Caller, per_minute: NonZeroU32) -> Allowance {
        let limiter = self.limiters.entry(per_minute).or_insert_with(|| {
            Arc::new(RateLimiter::keyed(Quota::per_minute(per_minute)).with_middleware())
        });
        let limiter = limiter.clone();
        let limit = per_minute.get();
        match limiter.check_key(caller) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = u64::from(limit - remaining.min(limit));
                let reset_s = (used * 60).div_ceil(u64::from(limit));
                Allowance { limit, remaining, reset_s, retry_after_s: None }
            }
            Err(refused) => {
                let wait = refused.wait_time_from(DefaultClock::default().now());
                let retry = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Allowance { limit, remaining: 0, reset_s: 60, retry_after_s: Some(retry.max(1)) }
            }
        }
    }

    /// Forgets callers whose whole limit is there again; to be called now and then.
    pub fn tidy(&self) {
        self.leases.tidy();
        for limiter in &self.limiters {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    /// Takes one of an account's credits; give it back with [`Credit::refund`] when the message
    /// was not kept.
    ///
    /// # Errors
    /// [`Error::OutOfCredits`], or the engine's when the account's use cannot be read.
    pub async fn take_credit(
        &self,
        engine: &dyn Engine,
        account: AccountId,
        credits: Option<u64>,
    ) -> Result<Credit> {
        let Some(credits) = credits else { return Ok(Credit(None)) };
        let known = self.credits.get(&account).map(|used| used.clone());
        let used = match known {
            Some(used) => {
                if engine.relay().is_some() && used.is_old() {
                    let totals = engine.totals(account).await.map_err(super::failed)?;
                    used.set(totals.inbound);
                }
                used
            }
            None => {
                let totals = engine.totals(account).await.map_err(super::failed)?;
                self.credits.entry(account).or_insert(Arc::new(Used::new(totals.inbound))).clone()
            }
        };
        let taken = used.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            (used < credits).then_some(used + 1)
        });
        if taken.is_err() {
            return Err(Error::OutOfCredits);
        }
        used.under_way.fetch_add(1, Ordering::AcqRel);
        Ok(Credit(Some(used)))
    }
}

impl Used {
    fn new(count: u64) -> Self {
        Self {
            count: AtomicU64::new(count),
            under_way: AtomicU64::new(0),
            read_at: Mutex::new(Instant::now()),
        }
    }

    fn is_old(&self) -> bool {
        let read_at = *self.read_at.lock().unwrap_or_else(PoisonError::into_inner);
        read_at.elapsed() > USE_KNOWN_FOR
    }

    /// Takes over what the totals say. What is under way may be in them already: then it counts
    /// twice until the next time, which is no gift.
    fn set(&self, total: u64) {
        self.count.store(total + self.under_way.load(Ordering::Acquire), Ordering::Release);
        *self.read_at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// A credit that was taken; dropped once the message it paid for is kept.
#[must_use]
pub struct Credit(Option<Arc<Used>>);

impl Credit {
    /// Gives it back: nothing was kept that it paid for.
    pub fn refund(self) {
        if let Some(used) = &self.0 {
            used.count
                .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                    Some(used.saturating_sub(1))
                })
                .ok();
        }
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        if let Some(used) = &self.0 {
            used.under_way.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
