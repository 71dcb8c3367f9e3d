//! The commands as they are typed, and the orders that they come to.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;

use super::order::{self, CreateAccount, Template};
use super::{Command, Order, check};
use crate::config::{Storage, usual_account};
use crate::domain::account::KeyKind;
use crate::domain::ids::{BotId, KeyId};
use crate::role::Failure;

/// What every command takes.
#[derive(Debug, Args)]
pub struct Common {
    /// Print JSON: one document on standard output, also where the command fails
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: Storage,
}

/// Which account is meant.
#[derive(Debug, Args)]
pub struct Of {
    /// Its name or its id, `ac_…` [default: PARLOR_ACCOUNT, else the only account there is]
    #[arg(long, value_name = "NAME|ID")]
    account: Option<String>,
}

impl Of {
    fn named(self) -> Option<String> {
        self.account.or_else(usual_account)
    }
}

/// `parlor account …`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make an account; prints its credentials, once
    Create {
        /// What it is called: the brand that visitors see, and what commands call it by
        #[arg(long)]
        name: String,
        /// What it begins with
        #[arg(long, value_enum, default_value = "plain")]
        template: Template,
        /// How many inbound messages it may take [default: no limit]
        #[arg(long, value_name = "N")]
        credits: Option<u64>,
        /// Requests per minute on AeroChat [default: no limit]
        #[arg(long, value_name = "N")]
        aerochat_per_minute: Option<u32>,
        /// A person to hand over to
        #[arg(long, value_name = "NAME", conflicts_with = "no_agent")]
        agent: Option<String>,
        /// Have nobody to hand over to, whatever the template says
        #[arg(long)]
        no_agent: bool,
        /// Deploy no bot, whatever the template says
        #[arg(long)]
        no_bot: bool,
        /// Make it although there is one of that name; commands then need its id
        #[arg(long)]
        same_name: bool,
        #[command(flatten)]
        common: Common,
    },
    /// List the accounts
    List {
        #[command(flatten)]
        common: Common,
    },
    /// Show an account and its settings
    Show {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        common: Common,
    },
    /// Change an account's settings; what is not given stays. Prints what they are
    Set {
        #[command(flatten)]
        of: Of,
        /// Settings as JSON, merged over those that are (RFC 7396): `{"greeting":"Hi!"}`. See
        /// docs/settings.md
        #[arg(long, value_name = "JSON")]
        settings: String,
        #[command(flatten)]
        common: Common,
    },
    /// Sign live tokens with another secret: all those made before end, and the streams they opened
    RotateSecret {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        common: Common,
    },
}

/// `parlor key …`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make another key; it is printed once
    Issue {
        #[command(flatten)]
        of: Of,
        /// Which surface it opens
        #[arg(long, value_enum, default_value = "aerochat")]
        kind: Kind,
        /// What it is for, as lists show it
        #[arg(long, default_value = "", hide_default_value = true)]
        label: String,
        #[command(flatten)]
        common: Common,
    },
    /// List an account's keys
    List {
        #[command(flatten)]
        of: Of,
        #[command(flatten)]
        common: Common,
    },
    /// Make a key stop working
    Revoke {
        #[command(flatten)]
        of: Of,
        /// Its id, `key_…`, as `parlor key list` shows it
        key: String,
        #[command(flatten)]
        common: Common,
    },
}

/// A surface with keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// AeroChat and the live surface
    Aerochat,
    /// ChatAIBot
    Chataibot,
    /// A site key, for pages
    Widget,
    /// Aloo
    Aloochat,
}

impl From<Kind> for KeyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Aerochat => Self::Aerochat,
            Kind::Chataibot => Self::Chataibot,
            Kind::Widget => Self::Widget,
            Kind::Aloochat => Self::Aloochat,
        }
    }
}

/// Which bot of which account.
#[derive(Debug, Args)]
pub struct Which {
    #[command(flatten)]
    of: Of,
    /// Its id, `bot_…` [default: the one that answers where no bot is named]
    #[arg(long, value_name = "ID")]
    bot: Option<String>,
}

impl Which {
    fn order(self) -> Result<order::Which, Failure> {
        let bot: Option<BotId> = self.bot.as_deref().map(str::parse).transpose()?;
        Ok(order::Which { account: self.of.named(), bot })
    }
}

/// How a definition is tried before it goes live.
#[derive(Debug, Args)]
pub struct Trial {
    /// How many of the bot's last conversations are replayed; 0 replays none
    #[arg(long, value_name = "CONVERSATIONS", default_value_t = 50)]
    replay: usize,
    /// Let a model ask its upstream while it is tried; else such conversations are left out
    #[arg(long)]
    ask_upstream: bool,
    /// A network that the model may be in although it is not public; may be given again
    #[arg(long = "allow-network", value_name = "CIDR,…", value_delimiter = ',')]
    allow_networks: Vec<IpNet>,
}

impl From<Trial> for order::Trial {
    fn from(trial: Trial) -> Self {
        let Trial { replay: conversations, ask_upstream, allow_networks } = trial;
        Self { conversations, ask_upstream, allow_networks }
    }
}

/// `parlor bot …`
#[derive(Debug, Subcommand)]
pub enum BotCommand {
    /// List the bots, their versions, and which answers
    List {
        #[command(flatten)]
        of: Of,
        /// Only this one, `bot_…` [default: all]
        #[arg(long, value_name = "ID")]
        bot: Option<String>,
        #[command(flatten)]
        common: Common,
    },
    /// Check a definition (JSON) without keeping it
    Check {
        /// The definition
        #[arg(long)]
        file: PathBuf,
        /// Print JSON: one document on standard output, also where the definition is wrong
        #[arg(long)]
        json: bool,
    },
    /// Keep a definition as a bot's draft
    Draft {
        #[command(flatten)]
        which: Which,
        /// The definition
        #[arg(long)]
        file: PathBuf,
        /// Of a new bot
        #[arg(long, conflicts_with = "bot")]
        new: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Print a definition, without its secrets
    Show {
        #[command(flatten)]
        which: Which,
        /// Which version [default: the draft, else the version that answers]
        #[arg(long, value_name = "N")]
        version: Option<u32>,
        #[command(flatten)]
        common: Common,
    },
    /// Try the draft, or a definition, on recorded conversations, and print what would be different
    Replay {
        #[command(flatten)]
        which: Which,
        /// The definition [default: the draft]
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        trial: Trial,
        #[command(flatten)]
        common: Common,
    },
    /// Make the draft, or a definition, the version that new conversations get; first it is tried on
    /// recorded conversations, and what would be different must be accepted
    Deploy {
        #[command(flatten)]
        which: Which,
        /// A definition to draft first
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        trial: Trial,
        /// Deploy whatever would be different
        #[arg(long)]
        accept: bool,
        #[command(flatten)]
        common: Common,
    },
    /// Make an earlier version answer new conversations again
    RollBack {
        #[command(flatten)]
        which: Which,
        /// Which version
        #[arg(long, value_name = "N")]
        to: u32,
        #[command(flatten)]
        common: Common,
    },
    /// Take a bot out of service for new conversations
    Withdraw {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        common: Common,
    },
}

fn ordered(order: Order, common: Common) -> Result<Command, Failure> {
    let Common { json, at: storage } = common;
    Ok(Command { order, storage, json })
}

impl AccountCommand {
    /// What it comes to.
    ///
    /// # Errors
    /// When what was typed cannot be read.
    pub fn order(self) -> Result<Command, Failure> {
        match self {
            Self::Create {
                name,
                template,
                credits,
                aerochat_per_minute,
                agent,
                no_agent,
                no_bot,
                same_name,
                common,
            } => {
                let create = CreateAccount {
                    name,
                    template,
                    credits,
                    aerochat_per_minute,
                    agent,
                    no_agent,
                    no_bot,
                    same_name,
                };
                ordered(Order::CreateAccount(create), common)
            }
            Self::List { common } => ordered(Order::ListAccounts, common),
            Self::Show { of, common } => {
                ordered(Order::ShowAccount { account: of.named() }, common)
            }
            Self::Set { of, settings, common } => {
                let change = serde_json::from_str(&settings)
                    .map_err(|error| format!("the settings are not JSON: {error}"))?;
                ordered(Order::ChangeSettings { account: of.named(), change }, common)
            }
            Self::RotateSecret { of, common } => {
                ordered(Order::RotateSecret { account: of.named() }, common)
            }
        }
    }
}

impl KeyCommand {
    /// What it comes to.
    ///
    /// # Errors
    /// When what was typed cannot be read.
    pub fn order(self) -> Result<Command, Failure> {
        match self {
            Self::Issue { of, kind, label, common } => {
                let (account, kind) = (of.named(), kind.into());
                ordered(Order::IssueKey { account, kind, label }, common)
            }
            Self::List { of, common } => ordered(Order::ListKeys { account: of.named() }, common),
            Self::Revoke { of, key, common } => {
                let key: KeyId = key.parse()?;
                ordered(Order::RevokeKey { account: of.named(), key }, common)
            }
        }
    }
}

impl BotCommand {
    /// What it comes to.
    ///
    /// # Errors
    /// When what was typed, or the definition in the file, cannot be read.
    pub fn order(self) -> Result<Command, Failure> {
        let boxed = |file: &PathBuf| check::read(file).map(Box::new);
        match self {
            Self::List { of, bot, common } => {
                ordered(Order::ListBots(Which { of, bot }.order()?), common)
            }
            Self::Check { .. } => Err("checking a definition needs no account".into()),
            Self::Draft { which, file, new, common } => {
                let (which, definition) = (which.order()?, boxed(&file)?);
                ordered(Order::DraftBot { which, new, definition }, common)
            }
            Self::Show { which, version, common } => {
                ordered(Order::ShowBot { which: which.order()?, version }, common)
            }
            Self::Replay { which, file, trial, common } => {
                let (which, trial) = (which.order()?, trial.into());
                let definition = file.as_ref().map(boxed).transpose()?;
                ordered(Order::ReplayBot { which, definition, trial }, common)
            }
            Self::Deploy { which, file, trial, accept, common } => {
                let (which, trial) = (which.order()?, trial.into());
                let definition = file.as_ref().map(boxed).transpose()?;
                ordered(Order::DeployBot { which, definition, trial, accept }, common)
            }
            Self::RollBack { which, to, common } => {
                ordered(Order::RollBackBot { which: which.order()?, to }, common)
            }
            Self::Withdraw { which, common } => ordered(Order::WithdrawBot(which.order()?), common),
        }
    }
}
