//! The fold of an account: who may call, what answers, and the settings.
//!
//! Every node holds this fold of all accounts in memory, so authenticating costs no I/O.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bot::Definition;
use super::event::{Body, BotVersion, Event};
use super::ids::{AccountId, AgentId, BotId, KeyId};
use super::language::Language;
use super::text::PersonName;
use super::time::Timestamp;

/// What visitors are told where an account has not chosen its own words (seed 003).
const AUTO_REPLY: &str = "Thanks for reaching out! We'll get back to you soon.";

/// Which surface a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    Aerochat,
    Chataibot,
    /// A site key: it stands in pages for all to see.
    Widget,
    Aloochat,
}

impl KeyKind {
    /// What the key begins with, so that a leak can be found by scanners.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Aerochat => "aero_",
            Self::Chataibot => "cab_",
            Self::Widget => "site_",
            Self::Aloochat => "aloo_",
        }
    }

    /// What it is called among an account's credentials.
    pub const fn credential(self) -> &'static str {
        match self {
            Self::Aerochat => "aerochat_api_key",
            Self::Chataibot => "chataibot_token",
            Self::Widget => "widget_site_key",
            Self::Aloochat => "aloochat_api_token",
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
    /// Requests per minute on AeroChat, per key; none is no limit, and 0 lets nothing through.
    pub aerochat_per_minute: Option<u32>,
    /// The pages whose scripts may use the site key and the live feed, besides our own origin;
    /// `*` is every page.
    pub allowed_origins: Vec<String>,
    /// The bot that answers where a surface names none; the first one deployed where it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_bot: Option<BotId>,
    /// What a visitor of the widget is told when people will answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_reply: Option<String>,
    #[serde(skip_serializing_if = "Limits::is_default")]
    pub limits: Limits,
    #[serde(skip_serializing_if = "Look::is_default")]
    pub look: Look,
    /// When the widget asks a visitor for name and e-mail.
    #[serde(skip_serializing_if = "RequireDetails::is_default")]
    pub require_details: RequireDetails,
    /// First questions that the widget offers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starters: Vec<String>,
    /// Greeting and first questions in other languages; who reads none of them gets those above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<Language, Welcome>,
    /// How soon an answer usually comes, as the widget says it; nothing is said where it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_time: Option<ReplyTime>,
}

/// When a visitor is asked for name and e-mail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum RequireDetails {
    /// Before the first message.
    Before,
    /// With the message that follows the first answer.
    AfterFirstAnswer,
    #[default]
    Never,
}

impl RequireDetails {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How soon an answer usually comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ReplyTime {
    AtOnce,
    Minutes,
    Hours,
    Day,
}

/// What a visitor sees before any message, in one language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(inline)]
pub struct Welcome {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub greeting: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub starters: Vec<String>,
}

/// Requests per minute, where they are not the documented ones, by the names that the surfaces give their limits;
/// 0 is none at all.
// They stay in their order, so that an old event is written as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Limits(IndexMap<String, u32>);

impl Limits {
    /// What the account has chosen for a limit.
    pub fn get(&self, name: &str) -> Option<u32> {
        self.0.get(name).copied()
    }

    fn is_default(&self) -> bool {
        self.0.is_empty()
    }
}

/// How the widget looks; colours as in CSS, `#rrggbb`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(inline)]
pub struct Look {
    /// The launcher, the header and the visitor's own messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
    /// What is written on that colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_color: Option<String>,
}

impl Look {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
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

/// A bot as the account has it.
#[derive(Debug, Clone, Default)]
pub struct Bot {
    /// What is being worked on.
    pub draft: Option<Arc<Definition>>,
    /// What was ever deployed, by number; versions never change.
    pub versions: BTreeMap<u32, Arc<Definition>>,
    /// The version that new conversations get.
    pub deployed: Option<u32>,
}

/// A tenant, as of the last administrative event.
#[derive(Debug, Clone)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub signing_secret: Arc<str>,
    /// Signs live tokens: the same until it is rotated.
    pub token_secret: Arc<str>,
    pub settings: Settings,
    pub keys: Vec<Key>,
    pub agents: BTreeMap<AgentId, Agent>,
    pub bots: BTreeMap<BotId, Bot>,
    /// In the order in which they were first deployed or drafted.
    bot_order: Vec<BotId>,
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
            token_secret: data.signing_secret.as_str().into(),
            settings: data.settings.clone(),
            keys: Vec::new(),
            agents: BTreeMap::new(),
            bots: BTreeMap::new(),
            bot_order: Vec::new(),
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
            Body::SecretRotated(data) => self.token_secret = data.signing_secret.as_str().into(),
            Body::BotDrafted(data) => {
                self.bot_mut(data.bot_id).draft = Some(data.definition.clone());
            }
            Body::BotDeployed(data) => {
                let bot = self.bot_mut(data.bot_id);
                bot.versions.entry(data.version).or_insert_with(|| data.definition.clone());
                bot.deployed = Some(data.version);
            }
            Body::BotWithdrawn(data) => self.bot_mut(data.bot_id).deployed = None,
            Body::AgentUpdated(data) => {
                self.agents.insert(data.agent_id, data.agent.clone());
            }
            Body::SettingsChanged(data) => self.settings = data.settings.clone(),
            _ => {}
        }
    }

    /// Whether a key is the account's and was not revoked.
    pub fn holds(&self, key: KeyId) -> bool {
        self.keys.iter().any(|known| known.id == key && known.revoked_at.is_none())
    }

    fn bot_mut(&mut self, id: BotId) -> &mut Bot {
        if !self.bots.contains_key(&id) {
            self.bot_order.push(id);
        }
        self.bots.entry(id).or_default()
    }

    /// The deployed version of a bot.
    pub fn deployed(&self, bot_id: BotId) -> Option<BotVersion> {
        let version = self.bots.get(&bot_id)?.deployed?;
        Some(BotVersion { bot_id, version })
    }

    /// The deployed versions of all bots, in the order in which the bots came.
    pub fn all_deployed(&self) -> impl Iterator<Item = BotVersion> {
        self.bot_order.iter().filter_map(|bot| self.deployed(*bot))
    }

    /// What answers a conversation that names no bot: the deployed version of the chosen bot, or
    /// of the first that has one.
    pub fn default_bot(&self) -> Option<BotVersion> {
        match self.settings.default_bot {
            Some(chosen) => self.deployed(chosen),
            None => self.bot_order.iter().find_map(|bot| self.deployed(*bot)),
        }
    }

    /// What answers a conversation: the version it began with, if that is still known, else what
    /// is deployed of the same bot, else the account's default.
    pub fn answering(&self, pinned: Option<BotVersion>) -> Option<BotVersion> {
        let pinned = pinned.filter(|pinned| self.bots.contains_key(&pinned.bot_id));
        let Some(pinned) = pinned else { return self.default_bot() };
        match self.definition(pinned) {
            Some(_) => Some(pinned),
            None => self.deployed(pinned.bot_id).or_else(|| self.default_bot()),
        }
    }

    /// What a version is made of.
    pub fn definition(&self, version: BotVersion) -> Option<&Arc<Definition>> {
        self.bots.get(&version.bot_id)?.versions.get(&version.version)
    }

    /// Under which name it speaks: the brand, or its own where there is none.
    pub fn brand(&self) -> &str {
        let brand = self.settings.brand.as_str();
        if brand.trim().is_empty() { &self.name } else { brand }
    }

    /// What a visitor of the widget is told when people will answer.
    pub fn auto_reply(&self) -> &str {
        self.settings.auto_reply.as_deref().unwrap_or(AUTO_REPLY)
    }

    /// The person a conversation is handed to: the first who is available.
    pub fn available_agent(&self) -> Option<&Agent> {
        self.agents.values().find(|agent| agent.available)
    }
}
