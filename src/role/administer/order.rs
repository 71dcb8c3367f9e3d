//! What can be ordered, as data: it comes from a command line and may go through a socket.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::account::KeyKind;
use crate::domain::bot::Definition;
use crate::domain::ids::{BotId, KeyId};

/// What is to be done. `account` is a name or an id; where it is none, the only account is meant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    CreateAccount(CreateAccount),
    ListAccounts,
    ShowAccount {
        account: Option<String>,
    },
    /// JSON that is merged over the settings (RFC 7396).
    ChangeSettings {
        account: Option<String>,
        change: Value,
    },
    IssueKey {
        account: Option<String>,
        kind: KeyKind,
        label: String,
    },
    ListKeys {
        account: Option<String>,
    },
    RevokeKey {
        account: Option<String>,
        key: KeyId,
    },
    RotateSecret {
        account: Option<String>,
    },
    ListBots(Which),
    DraftBot {
        which: Which,
        new: bool,
        definition: Box<Definition>,
    },
    ShowBot {
        which: Which,
        version: Option<u32>,
    },
    ReplayBot {
        which: Which,
        definition: Option<Box<Definition>>,
        trial: Trial,
    },
    DeployBot {
        which: Which,
        definition: Option<Box<Definition>>,
        trial: Trial,
        accept: bool,
    },
    RollBackBot {
        which: Which,
        to: u32,
    },
    WithdrawBot(Which),
    /// Makes the views anew while they are served.
    RebuildViews,
}

impl Order {
    /// Whether it looks at what there is and then changes that: two such at once would each overlook
    /// what the other does. Keys are issued and revoked at once, whatever else takes its time.
    pub(super) fn rests_on_what_is_there(&self) -> bool {
        matches!(
            self,
            Self::CreateAccount(_)
                | Self::ChangeSettings { .. }
                | Self::DraftBot { .. }
                | Self::DeployBot { .. }
        )
    }
}

/// An account to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateAccount {
    pub name: String,
    pub template: Template,
    pub credits: Option<u64>,
    pub aerochat_per_minute: Option<u32>,
    /// The name of a person to hand over to, in the place of the template's.
    pub agent: Option<String>,
    pub no_agent: bool,
    pub no_bot: bool,
    /// Whether another account may have the name already.
    #[serde(default)]
    pub same_name: bool,
}

/// What a new account begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// Its own name as brand; no bot and no person
    Plain,
    /// What the demo account has: the shop's bots, its greeting, and Sarah to hand over to
    Demo,
}

/// Which bot of which account; where none is named, the one that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    pub account: Option<String>,
    pub bot: Option<BotId>,
}

/// How a definition is tried on what was really asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    pub conversations: usize,
    /// Whether a model may ask its upstream.
    pub ask_upstream: bool,
    /// Networks that it may be in although they are not public; where none is named, the server's.
    pub allow_networks: Vec<IpNet>,
}
