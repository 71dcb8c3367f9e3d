//! Limits on how often a caller may call (GCRA, by `governor`) and how much an account may use.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::domain::ids::AccountId;
use crate::domain::{Error, Result};
use crate::engine::Engine;

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
    credits: DashMap<AccountId, Arc<AtomicU64>>,
}

impl Limits {
    /// Counts one call against `per_minute`; a minute's worth may come at once.
    pub fn check(&self, caller: &Caller, per_minute: NonZeroU32) -> Allowance {
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
            Some(used) => used,
            None => {
                let totals = engine.totals(account).await.map_err(super::failed)?;
                let used = Arc::new(AtomicU64::new(totals.inbound));
                self.credits.entry(account).or_insert(used).clone()
            }
        };
        let taken = used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            (used < credits).then_some(used + 1)
        });
        taken.map_or(Err(Error::OutOfCredits), |_| Ok(Credit(Some(used))))
    }
}

/// A credit that was taken.
#[must_use]
pub struct Credit(Option<Arc<AtomicU64>>);

impl Credit {
    /// Gives it back: nothing was kept that it paid for.
    pub fn refund(self) {
        if let Some(used) = self.0 {
            used.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
