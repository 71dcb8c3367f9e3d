//! What happened to an account: the events of `parlor.accounts`.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::account::{Agent, KeyKind, Settings};
use crate::domain::bot::Definition;
use crate::domain::ids::{AgentId, BotId, KeyId};

/// A tenant was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccountCreated {
    pub name: String,
    /// Signs live tokens: 32 random bytes, base64url. Whoever reads this topic can mint them.
    pub signing_secret: String,
    pub settings: Settings,
}

/// A key was made; only its SHA-256 is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyIssued {
    pub key_id: KeyId,
    /// Which surface it opens.
    pub kind: KeyKind,
    /// SHA-256 of the key, hex.
    pub sha256: String,
    pub label: String,
}

/// A key stopped working.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeyRevoked {
    pub key_id: KeyId,
}

/// Live tokens are signed with another secret from here on; those signed before open nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SecretRotated {
    /// As in `account.created`, whose own goes on to name visitors' conversations.
    pub signing_secret: String,
}

/// A bot's draft is now this; nobody talks to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BotDrafted {
    pub bot_id: BotId,
    pub definition: Arc<Definition>,
}

/// A bot answers no new conversations until it is deployed again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BotWithdrawn {
    pub bot_id: BotId,
}

/// A bot's version went live: a new one, or again one that was live before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BotDeployed {
    pub bot_id: BotId,
    /// Counts from 1.
    pub version: u32,
    pub definition: Arc<Definition>,
}

/// A person who answers was added or changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AgentUpdated {
    pub agent_id: AgentId,
    pub agent: Agent,
}

/// The account's settings are now these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SettingsChanged {
    pub settings: Settings,
}
