//! What came of an order, as data: it is printed, and may come through a socket.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::bots::replay::Report;
use crate::domain::account::{KeyKind, Settings};
use crate::domain::ids::{AccountId, BotId, KeyId};
use crate::domain::time::Timestamp;

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderResult {
    AccountCreated {
        name: String,
        /// As in `credentials.json`.
        credentials: Value,
        has_bot: bool,
        /// Whether commands must say from now on which account they mean.
        one_of_several: bool,
    },
    Accounts {
        accounts: Vec<Account>,
    },
    Account(Box<Account>),
    Settings(Box<Settings>),
    KeyIssued {
        key_id: KeyId,
        kind: KeyKind,
        key: String,
    },
    Keys {
        keys: Vec<Key>,
    },
    KeyRevoked {
        key_id: KeyId,
    },
    SecretRotated {
        account_id: AccountId,
    },
    Bots {
        bots: Vec<Bot>,
    },
    BotDrafted {
        bot_id: BotId,
    },
    /// A definition without its secrets.
    BotShown(Value),
    Replayed(Report),
    BotDeployed {
        bot_id: BotId,
        /// None where the draft is kept and was not deployed.
        version: Option<u32>,
        replay: Report,
    },
    BotRolledBack {
        bot_id: BotId,
        version: u32,
    },
    BotWithdrawn {
        bot_id: BotId,
    },
    ViewsRebuilt {
        /// Folded from the log.
        events: u64,
        /// The first row that the views before had otherwise.
        difference: Option<String>,
    },
}

/// An account, in a list or by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    pub account_id: AccountId,
    pub name: String,
    pub created_at: Timestamp,
    /// Only where one account is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
}

/// A key, without itself: only a hash of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    pub key_id: KeyId,
    pub kind: KeyKind,
    pub label: String,
    pub issued_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// A bot in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bot {
    pub bot_id: BotId,
    /// What it is called, by its newest definition.
    pub name: String,
    /// `faq`, `flow`, `llm` or `remote`.
    pub kind: String,
    /// The bot as Aloo names it.
    pub agent_key: String,
    pub versions: Vec<u32>,
    pub deployed: Option<u32>,
    pub has_draft: bool,
    /// Whether it answers where no bot is named.
    pub answers: bool,
}

impl OrderResult {
    /// What `--json` prints.
    pub fn document(&self) -> Value {
        match self {
            Self::AccountCreated { credentials, .. } => credentials.clone(),
            Self::KeyIssued { key_id, kind, key } => {
                serde_json::json!({ "key_id": key_id, kind.credential(): key })
            }
            // Everything else is a JSON object with one member, named for what it is.
            other => match serde_json::to_value(other).unwrap_or_default() {
                Value::Object(object) => {
                    object.into_iter().next().map(|it| it.1).unwrap_or_default()
                }
                value => value,
            },
        }
    }

    /// Why what was ordered was not done, where something else came of it.
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::BotDeployed { version: None, replay, .. } => Some(format!(
                "{} recorded turns would be answered otherwise: the draft is kept and not deployed; \
                 look at them, then say --accept",
                replay.differences.len()
            )),
            _ => None,
        }
    }
}
