//! Idempotency keys: at most one request per key at a time, and what it led to.
//!
//! [`once`] looks a key up before anything else is asked: what a repeat would be refused for, or
//! would cost, may have changed since the first request was answered. Of two that look at once, on two nodes,
//! the log has one first, and the fold discards the other ([`crate::domain::conversation::Keys`]): a
//! conversation that a request begins has an id that follows from the key, so both begin the same.

use std::sync::Arc;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use dashmap::DashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::accounts::{Tenant, secret};
use crate::app::{App, clock, failed};
use crate::domain::conversation::Conversation;
use crate::domain::event::Idempotency;
use crate::domain::ids::{AccountId, ContactId, ConversationId};
use crate::domain::seq::Seq;
use crate::domain::{Error, Result};
use crate::projection::claims;

/// How long a request waits for another with its key.
const WAIT: Duration = Duration::from_secs(30);
/// How often and how long a repeated request looks for what the first one is doing.
const REPEAT_PAUSE: Duration = Duration::from_millis(100);
const REPEAT_TRIES: usize = 50;

/// The message that begins a conversation is among its first events: after its start and its contact.
const FIRST: usize = 4;

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

/// A caller's `Idempotency-Key` and the surface it was given to, where there is one.
pub type Given = Option<(&'static str, String)>;

/// Where a request goes.
#[derive(Debug, Clone, Copy)]
pub enum Goes {
    Into(ConversationId),
    /// It begins a conversation, with the ids that it names.
    Begins {
        conversation: Option<ConversationId>,
        contact: Option<ContactId>,
    },
}

/// A key that no request has used yet.
#[derive(Debug, Clone)]
pub struct Unused {
    pub claim: Idempotency,
    /// The conversation that the request goes into, as it was when the key was looked for.
    pub state: Option<Conversation>,
    /// The conversation and the contact of a request that begins one.
    pub begins: Option<(ConversationId, ContactId)>,
}

/// Does what is asked with `first`, unless a request with this key did it before: then `again`
/// answers as that was answered. `request` is what tells one request from another.
///
/// # Errors
/// [`Error::IdempotencyMismatch`] where the key was used for another request,
/// [`Error::IdempotencyInFlight`], and those of `first` and `again`.
pub async fn once<T, F, A>(
    app: &App,
    tenant: &Tenant,
    given: &Given,
    goes: Goes,
    request: &[&str],
    first: impl FnOnce(Option<Unused>) -> F,
    again: impl FnOnce(claims::Row) -> A,
) -> Result<T>
where
    F: Future<Output = Result<T>>,
    A: Future<Output = Result<T>>,
{
    let Some((surface, key)) = given else { return first(None).await };
    let account = tenant.account.id;
    let mut claim = claim(surface, key, request);
    let _pass = app.idempotency.enter(account, &claim.key).await?;
    let (state, begins) = match goes {
        // Before the key: what the state has, the look finds.
        Goes::Into(id) => (app.engine.conversation(account, id).await.map_err(failed)?, None),
        Goes::Begins { conversation, contact } => {
            (None, Some(begun(tenant, &claim, conversation, contact)))
        }
    };
    claim.seen = state.as_ref().map(|state| state.last_seq);
    let look = async || app.engine.claim(account, &claim.key).await.map_err(failed);
    let earlier = match look().await?.filter(|row| clock::now().since(row.at) < claims::KEPT) {
        Some(earlier) => earlier,
        None => match first(Some(Unused { claim: claim.clone(), state, begins })).await {
            // Another was before it, which may be an earlier try of which nobody knew whether it was kept.
            Err(error @ (Error::IdempotencyInFlight | Error::AlreadyExists(_))) => {
                let earlier = match (look().await?, begins) {
                    (None, Some((id, _))) => beginning(app, account, id, &claim.key).await?,
                    (earlier, _) => earlier,
                };
                earlier.ok_or(error)?
            }
            done => return done,
        },
    };
    if earlier.request != claim.request {
        return Err(Error::IdempotencyMismatch);
    }
    again(earlier).await
}

/// The conversation and the contact that a request begins: what it does not name follows from its key, so that
/// two under one key begin the same. A contact that is named is part of that: all of a conversation is in one
/// stream, which is the contact's.
fn begun(
    tenant: &Tenant,
    claim: &Idempotency,
    conversation: Option<ConversationId>,
    contact: Option<ContactId>,
) -> (ConversationId, ContactId) {
    let of = contact.map(|contact| contact.to_string()).unwrap_or_default();
    let name = format!("{} {of}", claim.key);
    (
        conversation.unwrap_or_else(|| tenant.derived("keyed conversation", &name)),
        contact.unwrap_or_else(|| tenant.derived("keyed contact", &name)),
    )
}

/// The claim of the request that began a conversation, for as long as that is there.
async fn beginning(
    app: &App,
    account: AccountId,
    id: ConversationId,
    key: &str,
) -> Result<Option<claims::Row>> {
    let first = app.engine.timeline(account, id, Seq::START, FIRST).await.map_err(failed)?;
    let mut claims = first.iter().filter_map(|entry| claims::project(&entry.event));
    Ok(claims.find(|claim| claim.key == key))
}

/// Looks for what an earlier request has led to until it is there: on another node it may still be
/// under way.
///
/// # Errors
/// [`Error::IdempotencyInFlight`] when that takes too long, and those of `look`.
pub async fn awaited<T, F: Future<Output = Result<T>>>(look: impl FnMut() -> F) -> Result<T> {
    let patience = ConstantBuilder::default().with_delay(REPEAT_PAUSE).with_max_times(REPEAT_TRIES);
    look.retry(patience).when(|error| matches!(error, Error::IdempotencyInFlight)).await
}

/// What stands in the log for a key and the request made with it.
fn claim(surface: &str, key: &str, request: &[&str]) -> Idempotency {
    let parts: Vec<&[u8]> = request.iter().map(|part| part.as_bytes()).collect();
    Idempotency {
        key: secret::sha256_hex(&[surface.as_bytes(), key.as_bytes()]),
        request: secret::sha256_hex(&parts),
        seen: None,
    }
}
