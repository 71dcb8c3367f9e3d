//! `parlor account`, `parlor key` and `parlor bot`: on a data directory that no server has open, or
//! beside the nodes of a cluster.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::{Failure, serve};
use crate::app::{App, administration, demo};
use crate::config::{Config, Flags, Storage};
use crate::domain::account::KeyKind;
use crate::domain::bot::Definition;
use crate::domain::ids::{AccountId, KeyId};

/// Where the accounts are.
type At = Storage;

/// `parlor account …`
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make an account with the demo's bot; prints its credentials
    Create {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        name: String,
        /// How many inbound messages it may take; no limit where it is not given
        #[arg(long)]
        credits: Option<u64>,
        /// Requests per minute on AeroChat; no limit where it is not given
        #[arg(long)]
        aerochat_per_minute: Option<u32>,
        /// Have nobody to hand over to
        #[arg(long)]
        no_agent: bool,
        /// Deploy no bot
        #[arg(long)]
        no_bot: bool,
    },
    /// List the accounts
    List(At),
}

/// `parlor key …`
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make another key; it is printed once
    Issue {
        #[command(flatten)]
        at: At,
        /// `ac_…`; the only account where there is one
        #[arg(long)]
        account: Option<String>,
        #[arg(long, default_value = "")]
        label: String,
    },
    /// List an account's keys
    List {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        account: Option<String>,
    },
    /// Make a key stop working
    Revoke {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        account: Option<String>,
        /// `key_…`
        key: String,
    },
}

/// `parlor bot …`
#[derive(Debug, Subcommand)]
pub enum BotCommand {
    /// Make a definition (JSON) the bot that answers
    Deploy {
        #[command(flatten)]
        at: At,
        #[arg(long)]
        account: Option<String>,
        #[arg(long)]
        file: PathBuf,
    },
}

async fn with_app<T, F>(at: &At, act: impl FnOnce(std::sync::Arc<App>) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let flags = Flags { storage: at.clone(), ..Flags::default() };
    let app = serve::open(&Config::load(&flags)?, false).await?;
    let outcome = act(app.clone()).await;
    app.engine.close().await;
    outcome
}

fn chosen(app: &App, given: Option<&str>) -> Result<AccountId, Failure> {
    let all = app.accounts.all();
    match (given, all.as_slice()) {
        (Some(id), _) => Ok(id.parse()?),
        (None, [only]) => Ok(only.account.id),
        (None, []) => Err("there is no account; make one with `parlor account create`".into()),
        (None, _) => Err("there are several accounts; say which with --account".into()),
    }
}

/// Does what `parlor account …` says.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub async fn account(command: AccountCommand) -> Result<(), Failure> {
    match command {
        AccountCommand::Create { at, name, credits, aerochat_per_minute, no_agent, no_bot } => {
            with_app(&at, async |app| {
                let mut new = demo::account(&name)?;
                new.settings.credits = credits;
                new.settings.aerochat_per_minute = aerochat_per_minute;
                new.agent = new.agent.filter(|_| !no_agent);
                new.bots.retain(|_| !no_bot);
                let made = administration::create_account(&app, new).await?;
                println!("{}", serde_json::to_string_pretty(&made.as_json())?);
                Ok(())
            })
            .await
        }
        AccountCommand::List(at) => {
            with_app(&at, async |app| {
                for tenant in app.accounts.all() {
                    println!("{}  {}", tenant.account.id, tenant.account.name);
                }
                Ok(())
            })
            .await
        }
    }
}

/// Does what `parlor key …` says.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub async fn key(command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Issue { at, account, label } => {
            with_app(&at, async |app| {
                let account = chosen(&app, account.as_deref())?;
                let kind = KeyKind::Aerochat;
                let (id, key) = administration::issue_key(&app, account, kind, &label).await?;
                println!("{}", json!({ "key_id": id, "aerochat_api_key": key }));
                Ok(())
            })
            .await
        }
        KeyCommand::List { at, account } => {
            with_app(&at, async |app| {
                let account = chosen(&app, account.as_deref())?;
                let tenant = app.accounts.get(account).ok_or("there is no such account")?;
                for key in &tenant.account.keys {
                    let state = match key.revoked_at {
                        Some(at) => format!("revoked {at}"),
                        None => "active".to_owned(),
                    };
                    println!("{}  issued {}  {state}  {}", key.id, key.issued_at, key.label);
                }
                Ok(())
            })
            .await
        }
        KeyCommand::Revoke { at, account, key } => {
            with_app(&at, async |app| {
                let account = chosen(&app, account.as_deref())?;
                let key: KeyId = key.parse()?;
                administration::revoke_key(&app, account, key).await?;
                println!("{key} no longer works");
                Ok(())
            })
            .await
        }
    }
}

/// Does what `parlor bot …` says.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub async fn bot(command: BotCommand) -> Result<(), Failure> {
    let BotCommand::Deploy { at, account, file } = command;
    let text = std::fs::read_to_string(&file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let definition: Definition = serde_json::from_str(&text)
        .map_err(|error| format!("{} is not a bot's definition: {error}", file.display()))?;
    with_app(&at, async |app| {
        let account = chosen(&app, account.as_deref())?;
        let tenant = app.accounts.get(account).ok_or("there is no such account")?;
        let first = tenant.account.default_bot().map(|version| version.bot_id);
        let bot = administration::draft_bot(&app, account, first, definition).await?;
        let deployed = administration::deploy_bot(&app, account, bot).await?;
        println!("version {} answers now", deployed.version);
        Ok(())
    })
    .await
}
