//! The fold of an account: who may call, what answers, and the settings.
//!
//! Every node holds this fold of all accounts in memory, so authenticating costs no I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bot::Definition;
use super::event::{Body, BotVersion, Event};
use super::ids::{AccountId, AgentId, KeyId};
use super::text::PersonName;
use super::time::Timestamp;

/// Which surface a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    Aerochat,
}

impl KeyKind {
    /// What the key begins with, so that a leak can be found by scanners.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Aerochat => "aero_",
        }
    }
}

/// What an account has chosen. Absent limits mean the documented default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Settings {
    /// Shown as the name of a bot that has none of its own, and in greetings.
    pub brand: String,
    /// The first thing a visitor sees, before any message.
    pub greeting: String,
    /// How many inbound messages the account may still take, over its life; none is no limit.
    pub credits: Option<u64>,
    /// Requests per minute on AeroChat, per key; none is no limit.
    pub aerochat_per_minute: Option<u32>,
    /// The pages that may open the live feed from a browser, besides our own origin.
    pub allowed_origins: Vec<String>,
}

/// A person who answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agent {
    pub name: PersonName,
    /// Whether conversations may be handed over to this person now.
    pub available: bool,
}

/// A key as the account knows it: enough to check one and not to make one.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub id: KeyId,
    pub kind: KeyKind,
    pub sha256: String,
    pub label: String,
    pub issued_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// The version of the bot that answers.
#[derive(Debug, Clone)]
pub struct Deployment {
    pub version: BotVersion,
    pub definition: Arc<Definition>,
}

/// A tenant, as of the last administrative event.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub signing_secret: Arc<str>,
    pub settings: Settings,
    pub keys: Vec<Key>,
    pub agents: BTreeMap<AgentId, Agent>,
    pub bot: Option<Deployment>,
    pub created_at: Timestamp,
}

impl Account {
    /// The account that an `account.created` makes; none for any other event.
    pub fn created(event: &Event) -> Option<Self> {
        let Body::AccountCreated(data) = &event.body else { return None };
        Some(Self {
            id: event.account,
            name: data.name.clone(),
            signing_secret: data.signing_secret.as_str().into(),
            settings: data.settings.clone(),
            keys: Vec::new(),
            agents: BTreeMap::new(),
            bot: None,
            created_at: event.at,
        })
    }

    /// Folds one administrative event in; others change nothing.
    pub fn apply(&mut self, event: &Event) {
        match &event.body {
            Body::KeyIssued(data) if !self.keys.iter().any(|key| key.id == data.key_id) => {
                self.keys.push(Key {
                    id: data.key_id,
                    kind: data.kind,
                    sha256: data.sha256.clone(),
                    label: data.label.clone(),
                    issued_at: event.at,
                    revoked_at: None,
                });
            }
            Body::KeyRevoked(data) => {
                for key in self.keys.iter_mut().filter(|key| key.id == data.key_id) {
                    key.revoked_at.get_or_insert(event.at);
                }
            }
            Body::BotDeployed(data) => {
                let version = BotVersion { bot_id: data.bot_id, version: data.version };
                self.bot = Some(Deployment { version, definition: data.definition.clone() });
            }
            Body::AgentUpdated(data) => {
                self.agents.insert(data.agent_id, data.agent.clone());
            }
            Body::SettingsChanged(data) => self.settings = data.settings.clone(),
            _ => {}
        }
    }

    /// The person a conversation is handed to: the first who is available.
    pub fn available_agent(&self) -> Option<&Agent> {
        self.agents.values().find(|agent| agent.available)
    }
}
