//! All accounts, in memory on every node: the fold of the administration log.
//!
//! Authenticating is a hash and a map look-up. The map follows the log through [`Observer`], so
//! what is durable is known here before anyone who appended it is answered.

use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use data_encoding::HEXLOWER;
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use super::clock;
use crate::bot::Bot;
use crate::domain::account::{Account, KeyKind};
use crate::domain::bot::Definition;
use crate::domain::event::{Body, BotVersion, Event};
use crate::domain::ids::{AccountId, Id, KeyId};
use crate::domain::language::Language;
use crate::domain::seq::Seq;
use crate::engine::{self, Engine, Observer, Recorded, Topic};
use secret::LiveToken;

pub mod administration;
pub mod credentials;
pub mod demo;
pub mod limits;
pub mod secret;
pub mod visitors;

/// Events read at once when starting.
const PAGE: usize = 1_000;

/// An account as of now, with its bots ready to answer.
#[derive(Debug)]
pub struct Tenant {
    pub account: Account,
    /// Versions never change: those that were asked for are kept from one state of the account to
    /// the next.
    bots: Arc<DashMap<BotVersion, Option<Arc<Bot>>>>,
}

impl Tenant {
    /// What a live token of this account opens at the moment: it is signed with the secret of now, has
    /// not expired, and the key that it was made with still works.
    pub fn opened_by(&self, token: &str) -> Option<LiveToken> {
        let account = &self.account;
        let secret_of = |id| (id == account.id).then(|| account.token_secret.clone());
        let token = LiveToken::verify(token, clock::latest(), secret_of)?;
        token.key.is_none_or(|key| account.holds(key)).then_some(token)
    }

    /// An id that follows from a name given outside, and tells nothing of it.
    pub fn derived<I: Id>(&self, kind: &str, name: &str) -> I {
        I::from_uuid(secret::derived(&self.account.signing_secret, kind, name))
    }

    /// What answers a conversation that began with `pinned`, compiled when first asked for. A
    /// definition that does not compile counts as none; deploying checks it beforehand.
    pub fn bot(&self, pinned: Option<BotVersion>) -> Option<(Arc<Bot>, BotVersion)> {
        let version = self.account.answering(pinned)?;
        if let Some(bot) = self.bots.get(&version) {
            return bot.clone().map(|bot| (bot, version));
        }
        let compiled = match Bot::compile(self.account.definition(version)?) {
            Ok(bot) => Some(Arc::new(bot)),
            Err(error) => {
                tracing::error!(%error, account.id = %self.account.id, "a deployed bot is broken");
                None
            }
        };
        self.bots.insert(version, compiled.clone());
        compiled.map(|bot| (bot, version))
    }

    /// What the account's FAQ bots take a message to be about: the first of those deployed that knows.
    pub fn intent_of(&self, text: &str, language: Language) -> Option<String> {
        self.account.all_deployed().find_map(|version| {
            if !matches!(**self.account.definition(version)?, Definition::Faq(_)) {
                return None;
            }
            match &*self.bot(Some(version))?.0 {
                Bot::Faq(faq) => faq.intent_of(text, language).map(str::to_owned),
                Bot::Flow(_) | Bot::Llm(_) | Bot::Remote(_) => None,
            }
        })
    }
}

/// The directory of accounts and keys.
#[derive(Default)]
pub struct Accounts {
    tenants: DashMap<AccountId, Arc<Tenant>>,
    /// SHA-256 of a key, raw, to its owner.
    keys: DashMap<[u8; 32], (AccountId, KeyId, KeyKind)>,
    /// Up to where the log is applied: what is read at the start may be told as well.
    position: Mutex<Seq>,
    /// Changes when something that was good is good no more.
    revoked: watch::Sender<()>,
}

impl Accounts {
    /// Reads the whole administration log.
    ///
    /// # Errors
    /// As the engine's log.
    pub async fn load(&self, engine: &dyn Engine) -> engine::Result<()> {
        for partition in 0..engine.partitions(Topic::Accounts) {
            let mut after = Seq::START;
            loop {
                let page = engine.read(Topic::Accounts, partition, after, PAGE).await?;
                self.committed(&page);
                after = page.last().map_or(after, |entry| entry.seq);
                if page.len() < PAGE {
                    break;
                }
            }
        }
        Ok(())
    }

    pub fn get(&self, id: AccountId) -> Option<Arc<Tenant>> {
        self.tenants.get(&id).map(|tenant| tenant.clone())
    }

    /// The account that a key opens, and the key's id.
    pub fn by_key(&self, kind: KeyKind, key: &str) -> Option<(Arc<Tenant>, KeyId)> {
        if !key.starts_with(kind.prefix()) {
            return None;
        }
        let digest = secret::sha256(key);
        let found = self.keys.get(&digest).map(|entry| (*entry.key(), *entry.value()));
        let (stored, (account, id, found_kind)) = found?;
        let equal = bool::from(stored.ct_eq(&digest)) && found_kind == kind;
        equal.then(|| self.get(account)).flatten().map(|tenant| (tenant, id))
    }

    /// The account and conversation that a live token opens at the moment.
    pub fn by_token(&self, token: &str) -> Option<(Arc<Tenant>, LiveToken)> {
        let tenant = self.get(LiveToken::account(token)?)?;
        let token = tenant.opened_by(token)?;
        Some((tenant, token))
    }

    /// Is told whenever a key or a secret ceases to be good.
    pub fn revocations(&self) -> watch::Receiver<()> {
        self.revoked.subscribe()
    }

    /// Every account, in the order of their ids.
    pub fn all(&self) -> Vec<Arc<Tenant>> {
        let mut all: Vec<_> = self.tenants.iter().map(|entry| entry.value().clone()).collect();
        all.sort_by_key(|tenant| tenant.account.id.uuid());
        all
    }

    fn apply(&self, event: &Event) {
        let before = self.get(event.account);
        let account = match (&before, Account::created(event)) {
            (None, Some(created)) => created,
            (Some(tenant), None) => {
                let mut account = tenant.account.clone();
                account.apply(event);
                account
            }
            (Some(_), Some(_)) | (None, None) => return,
        };
        match &event.body {
            Body::KeyIssued(data) => {
                let digest = HEXLOWER.decode(data.sha256.as_bytes()).ok();
                if let Some(digest) = digest.and_then(|digest| digest.try_into().ok()) {
                    self.keys.insert(digest, (event.account, data.key_id, data.kind));
                }
            }
            Body::KeyRevoked(data) => self.keys.retain(|_, (_, id, _)| *id != data.key_id),
            _ => {}
        }
        let bots = before.map(|tenant| tenant.bots.clone()).unwrap_or_default();
        self.tenants.insert(event.account, Arc::new(Tenant { account, bots }));
        if matches!(event.body, Body::KeyRevoked(_) | Body::SecretRotated(_)) {
            self.revoked.send_replace(());
        }
    }
}

impl Observer for Accounts {
    fn committed(&self, events: &[Recorded]) {
        for entry in events.iter().filter(|entry| entry.event.body.is_administrative()) {
            let mut position = self.position.lock().unwrap_or_else(PoisonError::into_inner);
            if entry.seq > *position {
                *position = entry.seq;
                self.apply(&entry.event);
            }
        }
    }

    fn interrupted(&self) {}
}
