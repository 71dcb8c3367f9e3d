//! Making accounts, keys and bots. What is decided here is an event like any other.

use super::{App, clock, failed, secret};
use crate::bot::Bot;
use crate::domain::account::{Agent, KeyKind, Settings};
use crate::domain::bot::Definition;
use crate::domain::event::{
    AccountCreated, AgentUpdated, Body, BotDeployed, Event, KeyIssued, KeyRevoked, SettingsChanged,
};
use crate::domain::ids::{AccountId, BotId, KeyId, StreamKey};
use crate::domain::{Error, Result};

/// An account to make: with its bot, the person it hands over to, and its settings.
#[derive(Debug, Clone)]
pub struct NewAccount {
    pub name: String,
    pub settings: Settings,
    pub agent: Option<Agent>,
    pub bot: Option<Definition>,
}

/// The secrets of a new account; they are not kept and cannot be shown again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub account: AccountId,
    pub aerochat_api_key: String,
}

impl Credentials {
    /// As in `credentials.json`.
    pub fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "account_id": self.account,
            "aerochat_api_key": self.aerochat_api_key,
        })
    }
}

/// Makes an account with a key.
///
/// # Errors
/// [`Error::Invalid`] for a bot that does not compile.
pub async fn create_account(app: &App, new: NewAccount) -> Result<Credentials> {
    let account = clock::mint();
    let key = secret::new_key(KeyKind::Aerochat);
    let mut bodies = vec![
        Body::AccountCreated(AccountCreated {
            name: new.name,
            signing_secret: secret::random(),
            settings: new.settings,
        }),
        issued(clock::mint(), KeyKind::Aerochat, &key, "first key"),
    ];
    if let Some(agent) = new.agent {
        bodies.push(Body::AgentUpdated(AgentUpdated { agent_id: clock::mint(), agent }));
    }
    if let Some(definition) = new.bot {
        bodies.push(deployed(clock::mint(), 1, definition)?);
    }
    append(app, account, bodies).await?;
    Ok(Credentials { account, aerochat_api_key: key })
}

/// Makes another key of an account; it is shown once.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account.
pub async fn issue_key(
    app: &App,
    account: AccountId,
    kind: KeyKind,
    label: &str,
) -> Result<(KeyId, String)> {
    app.accounts.get(account).ok_or(Error::NotFound("account"))?;
    let (id, key) = (clock::mint(), secret::new_key(kind));
    append(app, account, vec![issued(id, kind, &key, label)]).await?;
    Ok((id, key))
}

/// Makes a key stop working.
///
/// # Errors
/// [`Error::NotFound`] when the account has no such key.
pub async fn revoke_key(app: &App, account: AccountId, key: KeyId) -> Result<()> {
    let tenant = app.accounts.get(account).ok_or(Error::NotFound("account"))?;
    if !tenant.account.keys.iter().any(|known| known.id == key) {
        return Err(Error::NotFound("key"));
    }
    append(app, account, vec![Body::KeyRevoked(KeyRevoked { key_id: key })]).await
}

/// Makes a definition the bot that answers; says which version it is.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account, [`Error::Invalid`] for a definition that
/// does not compile.
pub async fn deploy_bot(app: &App, account: AccountId, definition: Definition) -> Result<u32> {
    let tenant = app.accounts.get(account).ok_or(Error::NotFound("account"))?;
    let (bot, version) = match &tenant.account.bot {
        Some(now) => (now.version.bot_id, now.version.version + 1),
        None => (clock::mint(), 1),
    };
    append(app, account, vec![deployed(bot, version, definition)?]).await?;
    Ok(version)
}

/// Replaces an account's settings.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account.
pub async fn change_settings(app: &App, account: AccountId, settings: Settings) -> Result<()> {
    app.accounts.get(account).ok_or(Error::NotFound("account"))?;
    append(app, account, vec![Body::SettingsChanged(SettingsChanged { settings })]).await
}

fn issued(key_id: KeyId, kind: KeyKind, key: &str, label: &str) -> Body {
    let sha256 = secret::hex(&secret::sha256(key));
    Body::KeyIssued(KeyIssued { key_id, kind, sha256, label: label.to_owned() })
}

fn deployed(bot_id: BotId, version: u32, definition: Definition) -> Result<Body> {
    Bot::compile(&definition).map_err(|error| Error::invalid("definition", error.to_string()))?;
    Ok(Body::BotDeployed(BotDeployed { bot_id, version, definition: definition.into() }))
}

async fn append(app: &App, account: AccountId, bodies: Vec<Body>) -> Result<()> {
    let at = clock::now();
    let key = StreamKey::Account(account);
    let events = bodies.into_iter().map(|body| Event { id: clock::mint(), at, account, key, body });
    app.engine.append(events.collect()).await.map_err(failed)?;
    Ok(())
}
