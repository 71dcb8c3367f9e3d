//! `parlor bot`: drafts, versions, and which of them answers.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use ipnet::IpNet;

use super::Failure;
use super::administer::{At, chosen, with_flags};
use crate::app::replay_bot::{Answer, Difference, Report};
use crate::app::{App, administration, replay_bot};
use crate::bot::faults::Faults;
use crate::bot::{document, drafts};
use crate::config::Flags;
use crate::domain::account::Account;
use crate::domain::bot::Definition;
use crate::domain::event::BotVersion;
use crate::domain::ids::{AccountId, BotId};

/// Which bot of which account.
#[derive(Debug, clap::Args)]
pub struct Which {
    #[command(flatten)]
    at: At,
    /// `ac_…`; the only account where there is one
    #[arg(long)]
    account: Option<String>,
    /// `bot_…`; the one that answers where no bot is named
    #[arg(long)]
    bot: Option<String>,
}

/// How a definition is tried before it goes live.
#[derive(Debug, clap::Args)]
pub struct Gate {
    /// How many of the bot's last conversations are replayed; 0 replays none
    #[arg(long, value_name = "CONVERSATIONS", default_value_t = 50)]
    replay: usize,
    /// Let a model ask its upstream while it is tried; else such conversations are left out
    #[arg(long)]
    ask_upstream: bool,
    /// A network that the model may be in although it is not public; may be given again
    #[arg(long = "allow-network", value_name = "CIDR,…", value_delimiter = ',')]
    allow_networks: Option<Vec<IpNet>>,
}

/// `parlor bot …`
#[derive(Debug, Subcommand)]
pub enum BotCommand {
    /// List the bots, their versions, and which answers
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Check a definition (JSON) without keeping it
    Check {
        #[arg(long)]
        file: PathBuf,
    },
    /// Keep a definition as a bot's draft
    Draft {
        #[command(flatten)]
        which: Which,
        #[arg(long)]
        file: PathBuf,
        /// Of a new bot
        #[arg(long, conflicts_with = "bot")]
        new: bool,
    },
    /// Print a definition, without its secrets
    Show {
        #[command(flatten)]
        which: Which,
        /// The draft where it is not given
        #[arg(long)]
        version: Option<u32>,
    },
    /// Try the draft, or a definition, on recorded conversations, and print what would be different
    Replay {
        #[command(flatten)]
        which: Which,
        #[arg(long)]
        file: Option<PathBuf>,
        #[command(flatten)]
        gate: Gate,
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
        gate: Gate,
        /// Deploy whatever would be different
        #[arg(long)]
        accept: bool,
    },
    /// Make an earlier version answer new conversations again
    RollBack {
        #[command(flatten)]
        which: Which,
        #[arg(long)]
        to: u32,
    },
    /// Take a bot out of service for new conversations
    Withdraw {
        #[command(flatten)]
        which: Which,
    },
}

/// Does what `parlor bot …` says.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub async fn run(command: BotCommand) -> Result<(), Failure> {
    match command {
        BotCommand::List { which } => {
            let named = which.bot.is_some();
            with(which, async |app, account, bot| list(&app, account, bot.filter(|_| named))).await
        }
        BotCommand::Check { file } => {
            drafts::check(&read(&file)?).map_err(|faults| not_a_bot(&file, &faults))?;
            println!("{} is a bot", file.display());
            Ok(())
        }
        BotCommand::Draft { which, file, new } => {
            let definition = read(&file)?;
            with(which, async |app, account, bot| {
                let bot = bot.filter(|_| !new);
                let bot = administration::draft_bot(&app, account, bot, definition).await?;
                println!("{bot} has this draft now; `parlor bot deploy` makes it answer");
                Ok(())
            })
            .await
        }
        BotCommand::Show { which, version } => {
            with(which, async |app, account, bot| show(&app, account, bot, version)).await
        }
        BotCommand::Replay { which, file, gate } => {
            let definition = file.as_deref().map(read).transpose()?;
            with_networks(which, gate.allow_networks.clone(), async |app, account, bot| {
                let definition = match definition {
                    Some(given) => {
                        let tenant = app.accounts.get(account).ok_or("there is no such account")?;
                        administration::as_draft(&tenant.account, bot, given)?
                    }
                    None => draft(&app, account, bot)?.into(),
                };
                tried(&app, account, bot, &definition, &gate).await.map(drop)
            })
            .await
        }
        BotCommand::Deploy { which, file, gate, accept } => {
            let definition = file.as_deref().map(read).transpose()?;
            with_networks(which, gate.allow_networks.clone(), async |app, account, bot| {
                let bot = match definition {
                    Some(new) => administration::draft_bot(&app, account, bot, new).await?,
                    None => bot.ok_or(NO_BOT)?,
                };
                let definition = draft(&app, account, Some(bot))?;
                let differences = tried(&app, account, Some(bot), &definition, &gate).await?;
                if differences > 0 && !accept {
                    let problem = format!(
                        "{differences} recorded turns would be answered otherwise: the draft is \
                         kept and not deployed; look at them, then say --accept"
                    );
                    return Err(problem.into());
                }
                let deployed = administration::deploy_bot(&app, account, bot).await?;
                println!("version {} answers now", deployed.version);
                Ok(())
            })
            .await
        }
        BotCommand::RollBack { which, to } => {
            with(which, async |app, account, bot| {
                let version = BotVersion { bot_id: bot.ok_or(NO_BOT)?, version: to };
                administration::roll_back_bot(&app, account, version).await?;
                println!("version {to} answers now");
                Ok(())
            })
            .await
        }
        BotCommand::Withdraw { which } => {
            with(which, async |app, account, bot| {
                let bot = bot.ok_or(NO_BOT)?;
                administration::withdraw_bot(&app, account, bot).await?;
                println!("{bot} begins no more conversations");
                Ok(())
            })
            .await
        }
    }
}

const NO_BOT: &str = "there is no such bot; see `parlor bot list`";

async fn with<F>(
    which: Which,
    act: impl FnOnce(std::sync::Arc<App>, AccountId, Option<BotId>) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    with_networks(which, None, act).await
}

/// The same, where bots may call these networks.
async fn with_networks<F>(
    which: Which,
    allow_networks: Option<Vec<IpNet>>,
    act: impl FnOnce(std::sync::Arc<App>, AccountId, Option<BotId>) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let flags = Flags { storage: which.at.clone(), allow_networks, ..Flags::default() };
    with_flags(flags, async |app| {
        let account = chosen(&app, which.account.as_deref())?;
        let tenant = app.accounts.get(account).ok_or("there is no such account")?;
        let bot = match &which.bot {
            Some(id) => Some(id.parse()?),
            None => default_bot(&tenant.account),
        };
        act(app, account, bot).await
    })
    .await
}

/// The bot that answers, or the only one there is.
fn default_bot(account: &Account) -> Option<BotId> {
    let only = || account.bots.keys().next().filter(|_| account.bots.len() == 1).copied();
    account.default_bot().map(|version| version.bot_id).or_else(only)
}

fn read(file: &Path) -> Result<Definition, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    document::read(&text).map_err(|faults| not_a_bot(file, &faults))
}

/// All that is wrong with a definition, line by line.
fn not_a_bot(file: &Path, faults: &Faults) -> Failure {
    let lines: Vec<_> =
        faults.0.iter().map(|fault| format!("\n  {}: {}", fault.place, fault.problem)).collect();
    format!("{} is not a bot's definition:{}", file.display(), lines.concat()).into()
}

/// A bot's draft.
fn draft(app: &App, account: AccountId, bot: Option<BotId>) -> Result<Definition, Failure> {
    let tenant = app.accounts.get(account).ok_or("there is no such account")?;
    let bot = bot.and_then(|bot| tenant.account.bots.get(&bot)).ok_or(NO_BOT)?;
    let draft = bot.draft.as_ref().ok_or("there is no draft of this bot")?;
    Ok((**draft).clone())
}

/// Replays with a definition and prints what is different; says how many turns are.
async fn tried(
    app: &App,
    account: AccountId,
    bot: Option<BotId>,
    definition: &Definition,
    gate: &Gate,
) -> Result<usize, Failure> {
    // A flow's calls and a remote bot's are messages to somebody: they never leave a replay.
    let is_model = matches!(definition, Definition::Llm(_));
    let outside = (gate.ask_upstream && is_model).then_some(&app.outside);
    let report = replay_bot::replay(app, account, definition, gate.replay, bot, outside).await?;
    for Difference { conversation, asked, was, would_be, .. } in &report.differences {
        println!("{conversation}  {asked:?}");
        println!("  - {}", shown(was));
        println!("  + {}", shown(would_be));
    }
    for failure in &report.failures {
        println!("the bot failed: {failure}");
    }
    if report.conversations > 0 {
        let Report { conversations, turns, differences, left_out, .. } = &report;
        println!(
            "{turns} turns of {conversations} conversations replayed: {} would be answered \
             otherwise, {} conversations were left out where the bot calls somebody",
            differences.len(),
            left_out.len()
        );
    }
    Ok(report.differences.len())
}

/// An answer in one line.
fn shown(answer: &Answer) -> String {
    let mut parts = Vec::new();
    if !answer.text.is_empty() {
        parts.push(format!("{:?}", answer.text));
    }
    if !answer.buttons.is_empty() {
        parts.push(format!("[{}]", answer.buttons.join("] [")));
    }
    if answer.handed_over {
        parts.push("handed over".to_owned());
    }
    if answer.failed {
        parts.push("no answer".to_owned());
    }
    parts.join(", ")
}

/// Lists the bots of an account, or the one that is named.
fn list(app: &App, account: AccountId, named: Option<BotId>) -> Result<(), Failure> {
    let tenant = app.accounts.get(account).ok_or("there is no such account")?;
    let default = default_bot(&tenant.account);
    if named.is_some_and(|bot| !tenant.account.bots.contains_key(&bot)) {
        return Err(NO_BOT.into());
    }
    for (id, bot) in tenant.account.bots.iter().filter(|(id, _)| named.is_none_or(|it| it == **id))
    {
        let versions: Vec<_> = bot.versions.keys().map(u32::to_string).collect();
        let deployed = bot.deployed.map_or("none".to_owned(), |version| version.to_string());
        let draft = if bot.draft.is_some() { "  a draft" } else { "" };
        let answers = if Some(*id) == default { "  answers where none is named" } else { "" };
        println!("{id}  versions {}  deployed {deployed}{draft}{answers}", versions.join(", "));
    }
    Ok(())
}

fn show(
    app: &App,
    account: AccountId,
    bot: Option<BotId>,
    version: Option<u32>,
) -> Result<(), Failure> {
    let tenant = app.accounts.get(account).ok_or("there is no such account")?;
    let bot = bot.and_then(|bot| tenant.account.bots.get(&bot)).ok_or(NO_BOT)?;
    let definition = match version {
        Some(version) => bot.versions.get(&version).ok_or("there is no such version")?,
        None => bot.draft.as_ref().ok_or("there is no draft; name a --version")?,
    };
    println!("{}", serde_json::to_string_pretty(&definition.redacted())?);
    Ok(())
}
