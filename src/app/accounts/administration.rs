//! Making accounts, keys and bots. What is decided here is an event like any other.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use url::Url;

use super::secret;
use crate::app::{App, append, clock};
use crate::bot::drafts;
use crate::domain::account::{Account, Agent, KeyKind, Settings};
use crate::domain::bot::Definition;
use crate::domain::error::Fault;
use crate::domain::event::{
    AccountCreated, AgentUpdated, Body, BotDeployed, BotDrafted, BotVersion, BotWithdrawn,
    KeyIssued, KeyRevoked, SecretRotated, SettingsChanged,
};
use crate::domain::ids::{AccountId, BotId, KeyId, StreamKey};
use crate::domain::{Error, Result};

/// More first questions than these are a list and no offer.
const STARTERS_MAX: usize = 6;
/// What fits on a button.
const STARTER_MAX_CHARS: usize = 80;

/// An account to make: with its bots, the person it hands over to, and its settings.
#[derive(Debug, Clone)]
pub struct NewAccount {
    pub name: String,
    pub settings: Settings,
    pub agent: Option<Agent>,
    /// The first answers where a surface names no bot.
    pub bots: Vec<Definition>,
}

/// The most characters of an account's name.
const NAME_MAX: usize = 100;

impl NewAccount {
    /// One that has its own name as brand, and neither bot nor person yet.
    pub fn plain(name: &str) -> Self {
        let settings = Settings { brand: name.to_owned(), ..Settings::default() };
        Self { name: name.to_owned(), settings, agent: None, bots: Vec::new() }
    }
}

/// The secrets of a new account; they are not kept and cannot be shown again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    pub account: AccountId,
    pub aerochat_api_key: String,
    pub chataibot_token: String,
    pub widget_site_key: String,
    pub aloochat_api_token: String,
    /// In the order in which they were given.
    pub bots: Vec<BotId>,
}

/// Makes an account with a key for each surface.
///
/// # Errors
/// [`Error::Invalid`] for a bot that does not compile, and for a name that nobody could call it by.
pub async fn create_account(app: &App, new: NewAccount) -> Result<Credentials> {
    check_name(&new.name)?;
    let account = clock::mint();
    let mut bodies = vec![Body::AccountCreated(AccountCreated {
        name: new.name,
        signing_secret: secret::random(),
        settings: new.settings,
    })];
    let mut key = |kind| {
        let key = secret::new_key(kind);
        bodies.push(issued(clock::mint(), kind, &key, "first key"));
        key
    };
    let mut credentials = Credentials {
        account,
        aerochat_api_key: key(KeyKind::Aerochat),
        chataibot_token: key(KeyKind::Chataibot),
        widget_site_key: key(KeyKind::Widget),
        aloochat_api_token: key(KeyKind::Aloochat),
        bots: Vec::new(),
    };
    if let Some(agent) = new.agent {
        bodies.push(Body::AgentUpdated(AgentUpdated { agent_id: clock::mint(), agent }));
    }
    for definition in new.bots {
        let bot = clock::mint();
        bodies.push(deployed(bot, 1, checked(definition)?));
        credentials.bots.push(bot);
    }
    append(app, account, StreamKey::Account(account), bodies).await?;
    Ok(credentials)
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
    record(app, account, issued(id, kind, &key, label)).await?;
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
    record(app, account, Body::KeyRevoked(KeyRevoked { key_id: key })).await
}

/// Signs live tokens with another secret from now on; those that were signed before end.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account.
pub async fn rotate_secret(app: &App, account: AccountId) -> Result<()> {
    app.accounts.get(account).ok_or(Error::NotFound("account"))?;
    let rotated = SecretRotated { signing_secret: secret::random() };
    record(app, account, Body::SecretRotated(rotated)).await
}

/// Keeps a definition as the draft of a bot, or of a new one; says which bot it is.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account or bot, [`Error::Invalid`] for a definition
/// that does not compile.
pub async fn draft_bot(
    app: &App,
    account: AccountId,
    bot: Option<BotId>,
    definition: Definition,
) -> Result<BotId> {
    let tenant = app.accounts.get(account).ok_or(Error::NotFound("account"))?;
    let bot_id = match bot {
        Some(bot) if !tenant.account.bots.contains_key(&bot) => return Err(Error::NotFound("bot")),
        Some(bot) => bot,
        None => clock::mint(),
    };
    let definition = as_draft(&tenant.account, bot, definition)?;
    record(app, account, Body::BotDrafted(BotDrafted { bot_id, definition })).await?;
    Ok(bot_id)
}

/// A definition as it would be kept: with the secrets of the bot that it is for, where it was shown
/// without them.
///
/// # Errors
/// [`Error::Invalid`] for one that would not be.
pub fn as_draft(
    account: &Account,
    bot: Option<BotId>,
    definition: Definition,
) -> Result<Arc<Definition>> {
    let known = bot.and_then(|bot| account.bots.get(&bot)).and_then(|bot| {
        bot.draft.as_ref().or_else(|| bot.versions.last_key_value().map(|(_, last)| last))
    });
    checked(match known {
        Some(known) => definition.restored(known),
        None => definition,
    })
}

/// Makes a bot's draft its next version, which answers the conversations that begin from now on.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account or bot, or no draft of it, [`Error::Invalid`] for
/// a draft of an earlier time that would not be taken any more.
pub async fn deploy_bot(app: &App, account: AccountId, bot_id: BotId) -> Result<BotVersion> {
    let tenant = app.accounts.get(account).ok_or(Error::NotFound("account"))?;
    let bot = tenant.account.bots.get(&bot_id).ok_or(Error::NotFound("bot"))?;
    let draft = bot.draft.as_deref().cloned().ok_or(Error::NotFound("draft of this bot"))?;
    let definition = checked(draft)?;
    let version = bot.versions.last_key_value().map_or(1, |(last, _)| last + 1);
    record(app, account, deployed(bot_id, version, definition)).await?;
    Ok(BotVersion { bot_id, version })
}

/// Makes an earlier version of a bot answer again.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account or version.
pub async fn roll_back_bot(app: &App, account: AccountId, to: BotVersion) -> Result<()> {
    let tenant = app.accounts.get(account).ok_or(Error::NotFound("account"))?;
    let definition = tenant.account.definition(to).ok_or(Error::NotFound("version of this bot"))?;
    record(app, account, deployed(to.bot_id, to.version, definition.clone())).await
}

/// Takes a bot out of service for new conversations; those it has begun it goes on with.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account, or no such bot deployed.
pub async fn withdraw_bot(app: &App, account: AccountId, bot_id: BotId) -> Result<()> {
    let tenant = app.accounts.get(account).ok_or(Error::NotFound("account"))?;
    tenant.account.deployed(bot_id).ok_or(Error::NotFound("deployed bot"))?;
    record(app, account, Body::BotWithdrawn(BotWithdrawn { bot_id })).await
}

/// Replaces an account's settings.
///
/// # Errors
/// [`Error::NotFound`] when there is no such account, [`Error::Invalid`] for what could never work.
pub async fn change_settings(app: &App, account: AccountId, settings: Settings) -> Result<()> {
    let tenant = app.accounts.get(account).ok_or(Error::NotFound("account"))?;
    check_settings(&settings)?;
    check_default_bot(&tenant.account, &settings)?;
    record(app, account, Body::SettingsChanged(SettingsChanged { settings })).await
}

/// Appends one fact about an account.
async fn record(app: &App, account: AccountId, body: Body) -> Result<()> {
    append(app, account, StreamKey::Account(account), vec![body]).await.map(drop)
}

fn check_name(name: &str) -> Result<()> {
    let callable = name.trim() == name
        && (1..=NAME_MAX).contains(&name.chars().count())
        && !name.chars().any(char::is_control);
    if callable {
        return Ok(());
    }
    let problem = format!("must be 1 to {NAME_MAX} characters of one line, without spaces around");
    Err(Error::invalid("name", problem))
}

/// A bot that is chosen must be there to answer. One that was withdrawn since may stay chosen.
fn check_default_bot(account: &Account, settings: &Settings) -> Result<()> {
    let chosen =
        settings.default_bot.filter(|_| settings.default_bot != account.settings.default_bot);
    match chosen {
        Some(bot) if account.deployed(bot).is_none() => {
            Err(Error::invalid("default_bot", format!("{bot} is not deployed in this account")))
        }
        Some(_) | None => Ok(()),
    }
}

fn check_settings(settings: &Settings) -> Result<()> {
    let mut faults = Vec::new();
    for origin in settings.allowed_origins.iter().filter(|origin| *origin != "*") {
        let read = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let written = read.map(|url| url.origin().ascii_serialization());
        if !written.is_some_and(|written| written.eq_ignore_ascii_case(origin)) {
            let problem =
                format!("must be as browsers send it, such as https://shop.example, not {origin}");
            faults.push(Fault { field: "allowed_origins", problem });
        }
    }
    let colors =
        [("look.color", &settings.look.color), ("look.text_color", &settings.look.text_color)];
    for (field, color) in colors {
        let digits = color.as_deref().map(|color| color.strip_prefix('#').unwrap_or_default());
        let hex = |digits: &str| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if !digits.is_none_or(hex) {
            faults.push(Fault { field, problem: "must be a colour such as #7a2e8e".to_owned() });
        }
    }
    let own = ("starters", &settings.starters);
    let others = settings.translations.values();
    for (field, starters) in
        [own].into_iter().chain(others.map(|other| ("translations", &other.starters)))
    {
        let fits = |starter: &String| {
            let length = starter.trim().chars().count();
            (1..=STARTER_MAX_CHARS).contains(&length)
        };
        if starters.len() > STARTERS_MAX || !starters.iter().all(fits) {
            let problem = format!(
                "must be at most {STARTERS_MAX} questions of 1 to {STARTER_MAX_CHARS} characters"
            );
            faults.push(Fault { field, problem });
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::Invalid(faults)) }
}

/// Makes a key that the caller has chosen, unless the account has that one already.
pub(super) async fn adopt_key(
    app: &App,
    account: &Account,
    id: KeyId,
    (kind, key): (KeyKind, &str),
    label: &str,
) -> Result<()> {
    if account.keys.iter().any(|known| known.id == id) {
        return Ok(());
    }
    record(app, account.id, issued(id, kind, key, label)).await
}

fn issued(key_id: KeyId, kind: KeyKind, key: &str, label: &str) -> Body {
    let sha256 = HEXLOWER.encode(&secret::sha256(key));
    Body::KeyIssued(KeyIssued { key_id, kind, sha256, label: label.to_owned() })
}

fn checked(definition: Definition) -> Result<Arc<Definition>> {
    drafts::check_whole(&definition)
        .map_err(|faults| Error::invalid("definition", format!("is not valid: {faults}")))?;
    Ok(definition.into())
}

fn deployed(bot_id: BotId, version: u32, definition: Arc<Definition>) -> Body {
    Body::BotDeployed(BotDeployed { bot_id, version, definition })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::{Look, Welcome};

    #[test]
    fn settings_that_could_never_work_are_refused_by_name() {
        let fields = |settings: &Settings| match check_settings(settings) {
            Err(Error::Invalid(faults)) => faults.iter().map(|fault| fault.field).collect(),
            _ => Vec::new(),
        };
        let origins = |list: &[&str]| Settings {
            allowed_origins: list.iter().map(ToString::to_string).collect(),
            ..Settings::default()
        };
        let good = ["*", "https://shop.example", "http://localhost:3000", "https://Shop.example"];
        assert!(fields(&origins(&good)).is_empty());
        for bad in ["shop.example", "https://shop.example/", "https://a/b", "null", "ftp://a", ""] {
            assert_eq!(fields(&origins(&[bad])), ["allowed_origins"], "{bad}");
        }
        for (color, good) in [("#7a2e8e", true), ("7a2e8e", false), ("#fff", false), ("red", false)]
        {
            let look = Look { color: Some(color.to_owned()), text_color: None };
            let settings = Settings { look, ..Settings::default() };
            assert_eq!(fields(&settings).is_empty(), good, "{color}");
        }
        let offers = |starters: &[&str]| starters.iter().map(ToString::to_string).collect();
        let long = "x".repeat(81);
        for (starters, good) in [
            (vec!["Where is my order?"], true),
            (vec!["x"; 6], true),
            (vec!["x"; 7], false),
            (vec![" "], false),
            (vec![long.as_str()], false),
        ] {
            let own = Settings { starters: offers(&starters), ..Settings::default() };
            assert_eq!(fields(&own).is_empty(), good, "{starters:?}");
            let welcome = Welcome { starters: offers(&starters), ..Welcome::default() };
            let translations = [("es".parse().expect("a language"), welcome)].into();
            let other = Settings { translations, ..Settings::default() };
            assert_eq!(fields(&other).is_empty(), good, "{starters:?}");
        }
    }

    #[test]
    fn an_account_has_a_name_that_it_can_be_called_by() {
        for good in ["Acme", "Café Ümlaut 24/7", "店"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", " ", " Acme", "Acme\n", "a\tb", &"x".repeat(101)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
