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
/// How often, and after what pause, it is asked again while messages under way may be the last.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// What all accounts have used, as far as it is known here.
#[derive(Default)]
pub(super) struct Credits {
    accounts: DashMap<AccountId, Arc<Account>>,
}

#[derive(Default)]
struct Account(Mutex<Used>);

#[derive(Default)]
struct Used {
    /// Messages kept, as the totals said.
    total: u64,
    /// Kept by this node since it asked for them: the total may have them already.
    since: u64,
    /// Credits of this node for messages that are not kept yet; the total may have those, too.
    under_way: u64,
    /// Kept by this node, ever.
    kept_here: u64,
    read_at: Option<Instant>,
}

/// What became of the wish for a credit.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Yes,
    No,
    /// Perhaps none is left: some may have been counted twice.
    Unsure,
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
        let has_others = engine.relay().is_some();
        for _ in 0..TRIES {
            let asked_at = here.lock().must_be_read(credits, has_others);
            if let Some(kept_here) = asked_at {
                let totals = engine.totals(account).await.map_err(crate::app::failed)?;
                here.lock().read(totals.inbound, kept_here);
            }
            let taken = here.lock().take(credits);
            match taken {
                Taken::Yes => return Ok(Credit(Some(here))),
                Taken::Unsure if has_others => tokio::time::sleep(PAUSE).await,
                Taken::No | Taken::Unsure => break,
            }
        }
        Err(Error::OutOfCredits)
    }
}

impl Account {
    fn lock(&self) -> MutexGuard<'_, Used> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Used {
    /// Credits that are certainly left, but for what other nodes take.
    fn left(&self, credits: u64) -> u64 {
        credits.saturating_sub(self.total + self.since + self.under_way)
    }

    fn is_exact(&self) -> bool {
        self.since + self.under_way == 0
    }

    /// What this node has kept so far, if the totals must be read now.
    fn must_be_read(&self, credits: u64, has_others: bool) -> Option<u64> {
        let is_old = |at: Instant| at.elapsed() > KNOWN_FOR;
        let unsure = match (self.read_at, self.left(credits)) {
            (None, _) => true,
            (Some(at), 0) => has_others && (is_old(at) || !self.is_exact()),
            (Some(at), left) => has_others && (is_old(at) || left <= FEW),
        };
        unsure.then_some(self.kept_here)
    }

    /// Takes over a total that was asked for when this node had kept `kept_here`.
    fn read(&mut self, total: u64, kept_here: u64) {
        self.total = total;
        self.since = self.kept_here - kept_here;
        self.read_at = Some(Instant::now());
    }

    fn take(&mut self, credits: u64) -> Taken {
        if self.left(credits) > 0 {
            self.under_way += 1;
            Taken::Yes
        } else if self.total >= credits || self.is_exact() {
            Taken::No
        } else {
            Taken::Unsure
        }
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
            used.since += 1;
            used.kept_here += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Arc<Account> {
        Arc::new(Account::default())
    }

    fn taken(account: &Arc<Account>, credits: u64) -> Option<Credit> {
        let taken = account.lock().take(credits);
        (taken == Taken::Yes).then(|| Credit(Some(account.clone())))
    }

    #[test]
    fn what_is_kept_while_the_total_is_read_is_not_forgotten() {
        let account = account();
        let asked_at = account.lock().must_be_read(2, true).expect("nothing is known yet");
        drop(taken(&account, 2));
        account.lock().read(0, asked_at);
        let second = taken(&account, 2).expect("one is kept");
        assert_eq!(account.lock().take(2), Taken::Unsure, "the total may have both");
        second.refund();
        assert!(taken(&account, 2).is_some(), "what was given back is there again");
    }

    #[test]
    fn what_counts_twice_is_asked_for_again() {
        let account = account();
        let first = taken(&account, 2);
        account.lock().read(1, 0);
        assert_eq!(account.lock().take(2), Taken::Unsure, "the first is in the total");
        drop(first);
        let asked_at = account.lock().must_be_read(2, true).expect("it must be known");
        account.lock().read(1, asked_at);
        assert_eq!(account.lock().take(2), Taken::Yes);
        account.lock().read(2, asked_at);
        assert_eq!(account.lock().take(2), Taken::No);
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
