//! What a stream was opened with, and when that ceases to be good.
//!
//! Whoever opens a stream is judged once; the stream may go on for days. So it ends with what opened it:
//! when a token expires, when its key is revoked, when the secret that signed it is rotated. Every node
//! folds the accounts' events, so this happens on all of them as soon as the event is read.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Accounts, Tenant};
use crate::app::clock;
use crate::domain::ids::{AccountId, KeyId};
use crate::domain::time::Timestamp;

/// Why a credential is good no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Expired,
    Revoked,
}

/// What was shown, as far as it can end.
#[derive(Debug, Clone)]
pub struct Credential {
    account: AccountId,
    /// The key that was shown, or that a token was made with.
    key: Option<KeyId>,
    /// What a token was signed with.
    secret: Option<Arc<str>>,
    expires_at: Option<Timestamp>,
}

impl Credential {
    /// A key.
    pub fn of_key(tenant: &Tenant, key: KeyId) -> Self {
        let account = tenant.account.id;
        Self { account, key: Some(key), secret: None, expires_at: None }
    }

    /// A live token, with the key that it was made with where it names one.
    pub fn of_token(tenant: &Tenant, key: Option<KeyId>, expires_at: Timestamp) -> Self {
        let secret = Some(tenant.account.token_secret.clone());
        Self { account: tenant.account.id, key, secret, expires_at: Some(expires_at) }
    }

    /// The key that was shown, or that a token was made with.
    pub fn key(&self) -> Option<KeyId> {
        self.key
    }

    /// Waits until it is good no more.
    pub fn ended(
        &self,
        accounts: &Arc<Accounts>,
    ) -> impl Future<Output = Ended> + Send + 'static + use<> {
        let (credential, accounts) = (self.clone(), accounts.clone());
        // Before the look: what is revoked right after it is not missed.
        let mut revocations = accounts.revocations();
        let left = self.expires_at.map(|at| at.since(clock::latest()));
        let expiry = left.map(|left| Instant::now() + left);
        async move {
            let expired = async {
                match expiry {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = expired => Ended::Expired,
                () = credential.revoked(&accounts, &mut revocations) => Ended::Revoked,
            }
        }
    }

    async fn revoked(&self, accounts: &Accounts, revocations: &mut watch::Receiver<()>) {
        while self.is_good(accounts) {
            // The accounts are held by whoever waits here, so their end is none of the sender's.
            if revocations.changed().await.is_err() {
                return;
            }
        }
    }

    fn is_good(&self, accounts: &Accounts) -> bool {
        let Some(tenant) = accounts.get(self.account) else { return false };
        self.key.is_none_or(|key| tenant.account.holds(key))
            && self.secret.as_ref().is_none_or(|secret| *secret == tenant.account.token_secret)
    }
}
