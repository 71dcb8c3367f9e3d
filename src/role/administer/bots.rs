//! Orders about bots: drafts, versions, and which of them answers.

use std::sync::Arc;

use super::carry_out::chosen;
use super::order::{Trial, Which};
use super::{OrderResult, outcome};
use crate::app::App;
use crate::app::accounts::{Tenant, administration};
use crate::app::bots::replay::{self, Report};
use crate::domain::account::{Account, Bot};
use crate::domain::bot::Definition;
use crate::domain::event::BotVersion;
use crate::domain::ids::{AccountId, BotId};
use crate::outside::Outside;
use crate::role::Failure;
use crate::surface::aloochat::agent_key;

const NO_BOT: &str = "there is no such bot; see `parlor bot list`";

/// The account that is meant, and the bot, if there is one to mean.
fn meant(app: &App, which: &Which) -> Result<(Arc<Tenant>, Option<BotId>), Failure> {
    let tenant = chosen(app, which.account.as_deref())?;
    let bot = which.bot.or_else(|| default_bot(&tenant.account));
    Ok((tenant, bot))
}

/// The bot that answers, or the only one there is.
fn default_bot(account: &Account) -> Option<BotId> {
    let only = || account.bots.keys().next().filter(|_| account.bots.len() == 1).copied();
    account.default_bot().map(|version| version.bot_id).or_else(only)
}

/// Lists the bots of an account, or the one that is named.
pub(super) fn list(app: &App, which: &Which) -> Result<OrderResult, Failure> {
    let (tenant, default) = meant(app, &Which { bot: None, ..which.clone() })?;
    let all = &tenant.account.bots;
    if which.bot.is_some_and(|bot| !all.contains_key(&bot)) {
        return Err(NO_BOT.into());
    }
    let listed = all.iter().filter(|(id, _)| which.bot.is_none_or(|named| named == **id));
    let bots = listed.map(|(id, bot)| {
        let named = newest(bot).map(|definition| (definition.name(), definition.kind()));
        let (name, kind) = named.unwrap_or_default();
        outcome::Bot {
            bot_id: *id,
            name: name.to_owned(),
            kind: kind.to_owned(),
            agent_key: agent_key(*id),
            versions: bot.versions.keys().copied().collect(),
            deployed: bot.deployed,
            has_draft: bot.draft.is_some(),
            answers: Some(*id) == default,
        }
    });
    Ok(OrderResult::Bots { bots: bots.collect() })
}

/// Keeps a definition as a draft.
pub(super) async fn draft(
    app: &App,
    which: &Which,
    new: bool,
    definition: &Definition,
) -> Result<OrderResult, Failure> {
    let (tenant, bot) = meant(app, which)?;
    let bot = bot.filter(|_| !new);
    let drafted =
        administration::draft_bot(app, tenant.account.id, bot, definition.clone()).await?;
    Ok(OrderResult::BotDrafted { bot_id: drafted })
}

/// The draft, else the version that answers, else the last one.
fn newest(bot: &Bot) -> Option<&Definition> {
    let answering = || bot.deployed.and_then(|version| bot.versions.get(&version));
    let last = || bot.versions.last_key_value().map(|(_, last)| last);
    bot.draft.as_ref().or_else(answering).or_else(last).map(Arc::as_ref)
}

/// Shows the draft or a version, without its secrets.
pub(super) fn show(app: &App, which: &Which, version: Option<u32>) -> Result<OrderResult, Failure> {
    let (tenant, bot) = meant(app, which)?;
    let bot = bot.and_then(|bot| tenant.account.bots.get(&bot)).ok_or(NO_BOT)?;
    let definition = match version {
        Some(version) => bot.versions.get(&version).ok_or("there is no such version")?,
        None => newest(bot).ok_or("this bot has no definition yet")?,
    };
    Ok(OrderResult::BotShown(serde_json::to_value(definition.redacted())?))
}

/// Tries a definition, or the draft, and keeps nothing.
pub(super) async fn replay(
    app: &App,
    which: &Which,
    definition: Option<&Definition>,
    trial: &Trial,
) -> Result<OrderResult, Failure> {
    let (tenant, bot) = meant(app, which)?;
    let definition = match definition {
        Some(given) => administration::as_draft(&tenant.account, bot, given.clone())?,
        None => drafted(&tenant.account, bot)?.into(),
    };
    let report = tried(app, tenant.account.id, bot, &definition, trial).await?;
    Ok(OrderResult::Replayed(report))
}

/// Tries the draft, or a definition that becomes the draft, and deploys it where nothing would be
/// different or that is accepted.
pub(super) async fn deploy(
    app: &App,
    which: &Which,
    definition: Option<&Definition>,
    trial: &Trial,
    accept: bool,
) -> Result<OrderResult, Failure> {
    let (tenant, bot) = meant(app, which)?;
    let account = tenant.account.id;
    let bot_id = match definition {
        Some(new) => administration::draft_bot(app, account, bot, new.clone()).await?,
        None => bot.ok_or(NO_BOT)?,
    };
    let tenant = app.accounts.get(account).ok_or("there is no such account")?;
    let definition = drafted(&tenant.account, Some(bot_id))?;
    let replay = tried(app, account, Some(bot_id), &definition, trial).await?;
    if !replay.differences.is_empty() && !accept {
        return Ok(OrderResult::BotDeployed { bot_id, version: None, replay });
    }
    let deployed = administration::deploy_bot(app, account, bot_id).await?;
    Ok(OrderResult::BotDeployed { bot_id, version: Some(deployed.version), replay })
}

/// Makes an earlier version answer.
pub(super) async fn roll_back(app: &App, which: &Which, to: u32) -> Result<OrderResult, Failure> {
    let (tenant, bot) = meant(app, which)?;
    let bot_id = bot.ok_or(NO_BOT)?;
    let version = BotVersion { bot_id, version: to };
    administration::roll_back_bot(app, tenant.account.id, version).await?;
    Ok(OrderResult::BotRolledBack { bot_id, version: to })
}

/// Takes a bot out of service.
pub(super) async fn withdraw(app: &App, which: &Which) -> Result<OrderResult, Failure> {
    let (tenant, bot) = meant(app, which)?;
    let bot_id = bot.ok_or(NO_BOT)?;
    administration::withdraw_bot(app, tenant.account.id, bot_id).await?;
    Ok(OrderResult::BotWithdrawn { bot_id })
}

/// A bot's draft.
fn drafted(account: &Account, bot: Option<BotId>) -> Result<Definition, Failure> {
    let bot = bot.and_then(|bot| account.bots.get(&bot)).ok_or(NO_BOT)?;
    let draft = bot.draft.as_ref().ok_or("there is no draft of this bot")?;
    Ok((**draft).clone())
}

async fn tried(
    app: &App,
    account: AccountId,
    bot: Option<BotId>,
    definition: &Definition,
    trial: &Trial,
) -> Result<Report, Failure> {
    // A flow's calls and a remote bot's are messages to somebody: they never leave a replay.
    let may_ask = trial.ask_upstream && matches!(definition, Definition::Llm(_));
    let networks = trial.allow_networks.clone();
    let own = match may_ask && !networks.is_empty() {
        // Reading the system's certificates blocks.
        true => Some(tokio::task::spawn_blocking(move || Outside::new(networks)).await?),
        false => None,
    };
    let outside = may_ask.then(|| own.unwrap_or_else(|| app.outside.of(account)));
    let (many, outside) = (trial.conversations, outside.as_ref());
    let tried = replay::replay(app, account, definition, many, bot, outside);
    Ok(tried.await?)
}
