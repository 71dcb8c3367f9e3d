//! Idempotency keys: at most one request per key at a time, and the claim that outlives it.

use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::secret;
use crate::domain::event::Idempotency;
use crate::domain::ids::AccountId;
use crate::domain::{Error, Result};

/// How long a request waits for another with its key.
const WAIT: Duration = Duration::from_secs(30);

type Turnstile = (AccountId, String);

/// The keys of requests under way on this node.
#[derive(Default)]
pub struct InFlight {
    turnstiles: Arc<DashMap<Turnstile, Arc<Semaphore>>>,
}

/// The right to act under a key; ends when dropped.
pub struct Pass {
    turnstiles: Arc<DashMap<Turnstile, Arc<Semaphore>>>,
    turnstile: Turnstile,
    permit: Option<OwnedSemaphorePermit>,
}

impl InFlight {
    /// Waits until no other request of this account has this key.
    ///
    /// # Errors
    /// [`Error::IdempotencyInFlight`] when the other takes too long.
    pub async fn enter(&self, account: AccountId, key: &str) -> Result<Pass> {
        let turnstile = (account, key.to_owned());
        let semaphore = self
            .turnstiles
            .entry(turnstile.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(1)))
            .clone();
        // Made before waiting, so that giving up tidies too.
        let mut pass = Pass { turnstiles: self.turnstiles.clone(), turnstile, permit: None };
        match tokio::time::timeout(WAIT, semaphore.acquire_owned()).await {
            Ok(Ok(permit)) => {
                pass.permit = Some(permit);
                Ok(pass)
            }
            Ok(Err(_)) | Err(_) => Err(Error::IdempotencyInFlight),
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.permit.take();
        // The map's own reference is the last one when nobody waits.
        self.turnstiles.remove_if(&self.turnstile, |_, held| Arc::strong_count(held) == 1);
    }
}

/// What stands in the log for a key and the request made with it.
pub fn claim(surface: &str, key: &str, request: &[&str]) -> Idempotency {
    let parts: Vec<&[u8]> = request.iter().map(|part| part.as_bytes()).collect();
    Idempotency {
        key: secret::sha256_hex(&[surface.as_bytes(), key.as_bytes()]),
        request: secret::sha256_hex(&parts),
    }
}
