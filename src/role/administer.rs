//! `parlor account` and `parlor key`: on a data directory that no server has open, or
//! beside the nodes of a cluster.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Failure, serve};
use crate::app::{App, administration, demo};
use crate::config::{Config, Flags, Storage};
use crate::domain::account::{KeyKind, Settings};
use crate::domain::ids::{AccountId, KeyId};

/// Where the accounts are.
pub(super) type At = Storage;

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
    /// Change an account's settings; what is not given stays. Prints what they are
    Set {
        #[command(flatten)]
        at: At,
        /// `ac_…`; the only account where there is one
        #[arg(long)]
        account: Option<String>,
        /// Settings as JSON, merged over those that are (RFC 7396): `{"greeting":"Hi!"}`
        #[arg(long, value_name = "JSON")]
        settings: String,
    },
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
        /// Which surface it opens
        #[arg(long, value_enum, default_value = "aerochat")]
        kind: Kind,
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

/// A surface with keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    Aerochat,
    Chataibot,
    /// A site key, for pages
    Widget,
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

impl From<KeyKind> for Kind {
    fn from(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Aerochat => Self::Aerochat,
            KeyKind::Chataibot => Self::Chataibot,
            KeyKind::Widget => Self::Widget,
            KeyKind::Aloochat => Self::Aloochat,
        }
    }
}

impl Kind {
    /// Its name in `credentials.json`.
    const fn credential(self) -> &'static str {
        match self {
            Self::Aerochat => "aerochat_api_key",
            Self::Chataibot => "chataibot_token",
            Self::Widget => "widget_site_key",
            Self::Aloochat => "aloochat_api_token",
        }
    }
}

/// Opens the application, does something with it, and closes it.
pub(super) async fn with_app<T, F>(
    at: &At,
    act: impl FnOnce(std::sync::Arc<App>) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    with_flags(Flags { storage: at.clone(), ..Flags::default() }, act).await
}

/// The same, with more of the settings.
pub(super) async fn with_flags<T, F>(
    flags: Flags,
    act: impl FnOnce(std::sync::Arc<App>) -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let app = serve::open(&Config::load(&flags)?, false).await?;
    let outcome = act(app.clone()).await;
    app.engine.close().await;
    outcome
}

/// The account that is meant; the only one where none is named.
pub(super) fn chosen(app: &App, given: Option<&str>) -> Result<AccountId, Failure> {
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
        AccountCommand::Set { at, account, settings } => {
            with_app(&at, async |app| {
                let account = chosen(&app, account.as_deref())?;
                let tenant = app.accounts.get(account).ok_or("there is no such account")?;
                let change = serde_json::from_str(&settings)
                    .map_err(|error| format!("the settings are not JSON: {error}"))?;
                let merged = merged(&tenant.account.settings, change)?;
                administration::change_settings(&app, account, merged.clone()).await?;
                println!("{}", serde_json::to_string_pretty(&merged)?);
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

/// Settings with a change merged over them (RFC 7396); what they do not have is refused.
fn merged(settings: &Settings, change: Value) -> Result<Settings, Failure> {
    fn merge(target: &mut Value, change: Value) {
        match change {
            Value::Object(fields) => {
                if !target.is_object() {
                    *target = json!({});
                }
                for (name, value) in fields {
                    if value.is_null() {
                        target.as_object_mut().map(|target| target.remove(&name));
                    } else {
                        merge(&mut target[name], value);
                    }
                }
            }
            other => *target = other,
        }
    }
    /// The first thing in a change that the schema of settings has not. A list where settings
    /// belong would be read as settings that are all left out.
    fn wrong(change: &Value, schema: &Value, path: &str) -> Option<String> {
        let known = schema["properties"].as_object()?;
        let Value::Object(fields) = change else {
            let place = if path.is_empty() { "the change" } else { path };
            return (!change.is_null()).then(|| format!("{place} is no JSON object"));
        };
        fields.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match known.get(name) {
                Some(schema) => wrong(value, schema, &path),
                None => Some(format!("there is no setting {path}")),
            }
        })
    }
    if let Some(problem) = wrong(&change, schemars::schema_for!(Settings).as_value(), "") {
        return Err(problem.into());
    }
    let mut whole = serde_json::to_value(settings)?;
    merge(&mut whole, change);
    Ok(serde_json::from_value(whole)?)
}

/// Does what `parlor key …` says.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub async fn key(command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Issue { at, account, kind, label } => {
            with_app(&at, async |app| {
                let account = chosen(&app, account.as_deref())?;
                let (id, key) =
                    administration::issue_key(&app, account, kind.into(), &label).await?;
                println!("{}", json!({ "key_id": id, kind.credential(): key }));
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
                    let kind = Kind::from(key.kind).credential();
                    let (id, issued_at, label) = (key.id, key.issued_at, &key.label);
                    println!("{id}  {kind}  issued {issued_at}  {state}  {label}");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_merged_and_what_is_no_setting_is_refused() {
        let settings = Settings { brand: "Acme".to_owned(), ..Settings::default() };
        let change = json!({ "greeting": "Hi!", "limits": { "widget_read": 7 }, "credits": null });
        let changed = merged(&settings, change).expect("settings");
        assert_eq!((changed.brand.as_str(), changed.greeting.as_str()), ("Acme", "Hi!"));
        assert_eq!(changed.limits.widget_read, Some(7));
        let more = merged(&changed, json!({ "limits": { "widget_send": 8 } })).expect("settings");
        assert_eq!((more.limits.widget_read, more.limits.widget_send), (Some(7), Some(8)));
        let none = json!({ "limits": { "widget_send": null, "widget_read": null } });
        assert_eq!(merged(&more, none).expect("settings").limits, Default::default());
        let same = json!({ "limits": { "chataibot": null }, "look": {} });
        assert_eq!(merged(&settings, same).expect("settings"), settings);
        for (wrong, told) in [
            (json!({ "colour": "red" }), "no setting colour"),
            (json!({ "colour": null }), "no setting colour"),
            (json!({ "limits": { "widget": 7 } }), "no setting limits.widget"),
            (json!({ "look": { "title": "x" } }), "no setting look.title"),
            (json!({ "credits": "x" }), "invalid type"),
            (json!([]), "the change is no JSON object"),
            (json!({ "limits": [] }), "limits is no JSON object"),
        ] {
            let error = merged(&settings, wrong.clone()).expect_err("refused").to_string();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
