//! Files that are being uploaded: so many at a time, and of one account or address no more than its share.
//!
//! A slot is a temporary file and a part of the disk. It is taken when a file begins to come, not with
//! the request: a form without a file needs none.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use crate::app::shares::{Held, Shares};
use crate::domain::ids::AccountId;
use crate::domain::{Error, Result};

/// Files at a time.
const ALL: usize = 64;
/// Of one account: a quarter.
const OF_ACCOUNT: usize = ALL / 4;
/// Of one address in one account: a public site key must not take all that its account has.
const OF_ADDRESS: usize = OF_ACCOUNT / 2;
/// How long one waits for a slot, and when it may try again after that.
const TURN: Duration = Duration::from_secs(5);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Share {
    All,
    Account(AccountId),
    Address(AccountId, Option<IpAddr>),
}

/// All slots of this node.
#[derive(Debug, Default)]
pub struct Uploads {
    shares: Arc<Shares<Share>>,
    freed: Notify,
}

/// A file's slot; it is free again when this is dropped.
#[derive(Debug)]
pub struct Slot {
    held: Option<Held<Share, 3>>,
    uploads: Arc<Uploads>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.held.take());
        self.uploads.freed.notify_waiters();
    }
}

impl Uploads {
    /// A slot for a file of an account that comes from an address; waits for one a while.
    ///
    /// # Errors
    /// [`Error::RateLimited`] where the account or the address has its share already,
    /// [`Error::Unavailable`] where there is no slot at all.
    pub async fn slot(
        self: &Arc<Self>,
        account: AccountId,
        address: Option<IpAddr>,
    ) -> Result<Slot> {
        let wanted = [
            Some((Share::Address(account, address), OF_ADDRESS)),
            Some((Share::Account(account), OF_ACCOUNT)),
            Some((Share::All, ALL)),
        ];
        let mut used_up = Share::All;
        let taking = async {
            loop {
                // Whoever leaves between the look and the waiting is not missed.
                let mut freed = std::pin::pin!(self.freed.notified());
                freed.as_mut().enable();
                match self.shares.take(wanted) {
                    Ok(held) => return Slot { held: Some(held), uploads: self.clone() },
                    Err(share) => used_up = share,
                }
                freed.await;
            }
        };
        let taken = timeout(TURN, taking).await.ok();
        taken.ok_or(match used_up {
            Share::All => {
                Error::Unavailable("too many files are being uploaded at the moment; try again")
            }
            Share::Account(_) | Share::Address(..) => {
                Error::RateLimited { retry_after_s: TURN.as_secs() }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::clock;

    #[tokio::test(start_paused = true)]
    async fn neither_an_address_nor_an_account_has_all_places() {
        let uploads = Arc::new(Uploads::default());
        let (greedy, other) = (clock::mint(), clock::mint());
        let at = |last: u8| Some(IpAddr::from([203, 0, 113, last]));
        let mut taken = Vec::new();
        for last in 1..=2 {
            for _ in 0..OF_ADDRESS {
                taken.push(uploads.slot(greedy, at(last)).await.expect("a slot"));
            }
            let refused = uploads.slot(greedy, at(last)).await.expect_err("no slot");
            assert_eq!(refused, Error::RateLimited { retry_after_s: 5 });
        }
        let refused = uploads.slot(greedy, at(3)).await.expect_err("the account has its quarter");
        assert_eq!(refused, Error::RateLimited { retry_after_s: 5 });
        let another = uploads.slot(other, at(1)).await.expect("a slot");
        drop((another, taken));
        let waiting = uploads.slot(greedy, at(1));
        waiting.await.expect("a slot");
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_place_that_becomes_free() {
        let uploads = Arc::new(Uploads::default());
        let account = clock::mint();
        let mut taken = Vec::new();
        for _ in 0..OF_ADDRESS {
            taken.push(uploads.slot(account, None).await.expect("a slot"));
        }
        let (waiting, ()) = tokio::join!(uploads.slot(account, None), async {
            tokio::task::yield_now().await;
            taken.pop();
        });
        waiting.expect("the slot of who left");
    }
}
