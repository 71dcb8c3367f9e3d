//! How much an account may use: counted here, and set right by its totals, to which other nodes add.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;

use crate::domain::ids::AccountId;
use crate::domain::{Error, Result};
use crate::engine::Engine;

/// How old an account's use may be that other nodes add to.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// So few credits left are asked for each time.
const FEW: u64 = 64;

/// What all accounts have used, as far as it is known here.
#[derive(Default)]
pub(super) struct Credits {
    accounts: DashMap<AccountId, Arc<Account>>,
}

#[derive(Default)]
struct Account(Mutex<Used>);

#[derive(Default)]
struct Used {
    /// Messages kept, by the totals and by this node since those were read.
    kept: u64,
    /// Of this node, since it knows the account.
    kept_here: u64,
    /// Credits of this node for messages that are not kept yet.
    under_way: u64,
    read_at: Option<Instant>,
}

impl Credits {
    /// Takes one of an account's credits. Other nodes may take what is left at the same moment.
    pub(super) async fn take(
        &self,
        engine: &dyn Engine,
        account: AccountId,
        credits: u64,
    ) -> Result<Credit> {
        let here = self.accounts.entry(account).or_default().clone();
        let asked_at = here.lock().must_be_read(credits, engine.relay().is_some());
        if let Some(kept_here) = asked_at {
            let totals = engine.totals(account).await.map_err(crate::app::failed)?;
            here.lock().read(totals.inbound, kept_here);
        }
        if !here.lock().take(credits) {
            return Err(Error::OutOfCredits);
        }
        Ok(Credit(Some(here)))
    }
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    fn left(&self, credits: u64) -> u64 {
        credits.saturating_sub(self.kept + self.under_way)
    }

    /// What this node has kept so far, if the totals must be read now.
    fn must_be_read(&self, credits: u64, has_others: bool) -> Option<u64> {
        let unsure = match self.read_at {
            None => true,
            Some(at) => {
                has_others && (at.elapsed() > KNOWN_FOR || (1..=FEW).contains(&self.left(credits)))
            }
        };
        unsure.then_some(self.kept_here)
    }

    /// Takes over a total that was asked for when this node had kept `kept_here`. What it has kept
    /// since may be in it already: then it counts twice until the next time, which is no gift.
    fn read(&mut self, total: u64, kept_here: u64) {
        self.kept = total + (self.kept_here - kept_here);
        self.read_at = Some(Instant::now());
    }

    fn take(&mut self, credits: u64) -> bool {
        let is_left = self.left(credits) > 0;
        self.under_way += u64::from(is_left);
        is_left
    }
}

/// A credit that was taken; dropped once the message it paid for is kept.
#[must_use]
pub struct Credit(Option<Arc<Account>>);

impl Credit {
    /// Of an account without a limit.
    pub(super) fn free() -> Self {
        Self(None)
    }

    /// Gives it back: nothing was kept that it paid for.
    pub fn refund(mut self) {
        if let Some(account) = self.0.take() {
            account.lock().under_way -= 1;
        }
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        if let Some(account) = self.0.take() {
            let mut used = account.lock();
            used.under_way -= 1;
            used.kept += 1;
            used.kept_here += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_while_the_total_is_read_is_not_forgotten() {
        let account = Arc::new(Account::default());
        let asked_at = account.lock().must_be_read(2, true).expect("nothing is known yet");
        assert!(account.lock().take(2));
        drop(Credit(Some(account.clone())));
        account.lock().read(0, asked_at);
        assert!(account.lock().take(2));
        assert!(!account.lock().take(2), "one is kept and one under way");
        Credit(Some(account.clone())).refund();
        assert!(account.lock().take(2), "what was given back is there again");
    }

    #[test]
    fn the_last_credits_are_asked_for_each_time_where_others_take_them_too() {
        let mut used = Used::default();
        used.read(0, 0);
        assert_eq!(used.must_be_read(FEW + 1, true), None);
        assert_eq!(used.must_be_read(FEW, true), Some(0));
        assert_eq!(used.must_be_read(FEW, false), None);
        used.read(FEW, 0);
        assert_eq!(used.must_be_read(FEW, true), None, "none is left: asking gives none back");
    }
}
