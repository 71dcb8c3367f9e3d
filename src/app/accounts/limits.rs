//! Limits on how often a caller may call (GCRA, by `governor`) and how much an account may use.

use std::num::NonZeroU32;
use std::sync::Arc;

use dashmap::DashMap;
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::domain::Result;
use crate::domain::ids::AccountId;
use crate::engine::{self, Engine};

mod credits;
mod shared;

pub use credits::Credit;

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

impl Allowance {
    /// Nothing for the moment.
    fn none(per_minute: NonZeroU32) -> Self {
        let limit = per_minute.get();
        Self { limit, remaining: 0, reset_s: 60, retry_after_s: Some(1) }
    }
}

/// All limits of this node.
#[derive(Default)]
pub struct Limits {
    /// By calls per minute: callers with the same quota share a limiter.
    limiters: DashMap<NonZeroU32, Arc<Limiter>>,
    leases: shared::Leases,
    credits: credits::Credits,
}

impl Limits {
    /// Counts one call against `per_minute`, over all nodes; a minute's worth may come at once.
    /// While the nodes' common count is away, those of this node are counted alone; while it is only
    /// slow, a call that it has not admitted is refused, so that never more than the limit are.
    pub async fn check(
        &self,
        engine: &dyn Engine,
        caller: &Caller,
        per_minute: NonZeroU32,
    ) -> Allowance {
        if let Some(quotas) = engine.quotas() {
            match self.leases.check(&*quotas, caller, per_minute).await {
                Ok(allowance) => return allowance,
                Err(engine::Error::Overloaded) => return Allowance::none(per_minute),
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
    /// [`crate::domain::Error::OutOfCredits`], or the engine's when the account's use cannot be read.
    pub async fn take_credit(
        &self,
        engine: &dyn Engine,
        account: AccountId,
        credits: Option<u64>,
    ) -> Result<Credit> {
        match credits {
            Some(credits) => self.credits.take(engine, account, credits).await,
            None => Ok(Credit::free()),
        }
    }
}
