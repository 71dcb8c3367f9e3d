//! Orders carried out on an application: the server's, or one that was opened for the order.

use super::order::{CreateAccount, Template};
use super::outcome::{Account, Key};
use super::{Order, OrderResult, bots, change};
use crate::app::App;
use crate::app::accounts::administration::{self, NewAccount};
use crate::app::accounts::{Tenant, demo};
use crate::config::USUAL_ACCOUNT;
use crate::domain::account::Agent;
use crate::domain::ids::AccountId;
use crate::engine::{self, Rebuilt};
use crate::role::{Failure, credentials};

/// Does what an order says. Dropping the future leaves undone what was not begun.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub(super) async fn carry_out(app: &App, order: &Order) -> Result<OrderResult, Failure> {
    match order {
        Order::CreateAccount(create) => create_account(app, create).await,
        Order::ListAccounts => {
            let all = app.accounts.all();
            let accounts = all.iter().map(|tenant| shown(tenant)).collect();
            Ok(OrderResult::Accounts { accounts })
        }
        Order::ShowAccount { account } => {
            let tenant = chosen(app, account.as_deref())?;
            let settings = Some(tenant.account.settings.clone());
            Ok(OrderResult::Account(Box::new(Account { settings, ..shown(&tenant) })))
        }
        Order::ChangeSettings { account, change } => {
            let tenant = chosen(app, account.as_deref())?;
            let merged = change::merged(&tenant.account.settings, change.clone())?;
            administration::change_settings(app, tenant.account.id, merged.clone()).await?;
            Ok(OrderResult::Settings(Box::new(merged)))
        }
        Order::IssueKey { account, kind, label } => {
            let account = chosen(app, account.as_deref())?.account.id;
            let (key_id, key) = administration::issue_key(app, account, *kind, label).await?;
            Ok(OrderResult::KeyIssued { key_id, kind: *kind, key })
        }
        Order::ListKeys { account } => {
            let tenant = chosen(app, account.as_deref())?;
            let keys = tenant.account.keys.iter().map(|key| Key {
                key_id: key.id,
                kind: key.kind,
                label: key.label.clone(),
                issued_at: key.issued_at,
                revoked_at: key.revoked_at,
            });
            Ok(OrderResult::Keys { keys: keys.collect() })
        }
        Order::RevokeKey { account, key } => {
            let account = chosen(app, account.as_deref())?.account.id;
            administration::revoke_key(app, account, *key).await?;
            Ok(OrderResult::KeyRevoked { key_id: *key })
        }
        Order::RotateSecret { account } => {
            let account_id = chosen(app, account.as_deref())?.account.id;
            administration::rotate_secret(app, account_id).await?;
            Ok(OrderResult::SecretRotated { account_id })
        }
        Order::ListBots(which) => bots::list(app, which),
        Order::DraftBot { which, new, definition } => {
            bots::draft(app, which, *new, definition).await
        }
        Order::ShowBot { which, version } => bots::show(app, which, *version),
        Order::ReplayBot { which, definition, trial } => {
            bots::replay(app, which, definition.as_deref(), trial).await
        }
        Order::DeployBot { which, definition, trial, accept } => {
            bots::deploy(app, which, definition.as_deref(), trial, *accept).await
        }
        Order::RollBackBot { which, to } => bots::roll_back(app, which, *to).await,
        Order::WithdrawBot(which) => bots::withdraw(app, which).await,
        Order::RebuildViews => {
            let rebuild =
                app.engine.rebuild().ok_or("this engine's views are made anew beside it")?;
            let Rebuilt { events, difference } = rebuild.rebuild().await.map_err(rebuild_failed)?;
            Ok(OrderResult::ViewsRebuilt { events, difference })
        }
    }
}

fn rebuild_failed(error: engine::Error) -> Failure {
    match error {
        engine::Error::Overloaded => "the views are being made anew already".into(),
        error => error.into(),
    }
}

async fn create_account(app: &App, create: &CreateAccount) -> Result<OrderResult, Failure> {
    let all = app.accounts.all();
    if !create.same_name
        && let Some(other) = all.iter().find(|it| it.account.name == create.name)
    {
        return Err(format!(
            "there is an account {:?} already, {}: take another name, or say --same-name",
            create.name, other.account.id
        )
        .into());
    }
    let mut new = match create.template {
        Template::Plain => NewAccount::plain(&create.name),
        Template::Demo => demo::account(&create.name)?,
    };
    new.settings.credits = create.credits;
    new.settings.aerochat_per_minute = create.aerochat_per_minute;
    if let Some(agent) = &create.agent {
        let name = agent.parse().map_err(|error| format!("--agent {agent:?}: {error}"))?;
        new.agent = Some(Agent { name, available: true });
    }
    new.agent = new.agent.filter(|_| !create.no_agent);
    new.bots.retain(|_| !create.no_bot);
    let has_bot = !new.bots.is_empty();
    let made = administration::create_account(app, new).await?;
    Ok(OrderResult::AccountCreated {
        name: create.name.clone(),
        credentials: credentials::as_json(&made),
        has_bot,
        one_of_several: app.accounts.all().len() > 1,
    })
}

fn shown(tenant: &Tenant) -> Account {
    Account {
        account_id: tenant.account.id,
        name: tenant.account.name.clone(),
        created_at: tenant.account.created_at,
        settings: None,
    }
}

/// The account that is meant: by its id, by its name where no other has it, or the only one.
pub(super) fn chosen(app: &App, given: Option<&str>) -> Result<std::sync::Arc<Tenant>, Failure> {
    let all = app.accounts.all();
    let Some(given) = given else {
        return match all.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err("there is no account; make one with `parlor account create`".into()),
            several => Err(format!(
                "there are several accounts ({}): say which with --account, or export {USUAL_ACCOUNT}",
                listed(several)
            )
            .into()),
        };
    };
    if let Ok(id) = given.parse::<AccountId>()
        && let Some(tenant) = app.accounts.get(id)
    {
        return Ok(tenant);
    }
    let called: Vec<_> = all.iter().filter(|it| it.account.name == given).cloned().collect();
    match called.as_slice() {
        [only] => Ok(only.clone()),
        [] if all.is_empty() => {
            Err("there is no account; make one with `parlor account create`".into())
        }
        [] => Err(format!("there is no account {given:?}; there are {}", listed(&all)).into()),
        several => {
            let ids: Vec<_> = several.iter().map(|it| it.account.id.to_string()).collect();
            let several =
                format!("several accounts are called {given:?}: say which of them by its id");
            Err(format!("{several}, {}", ids.join(" or ")).into())
        }
    }
}

/// Names of accounts, a few of them.
fn listed(accounts: &[std::sync::Arc<Tenant>]) -> String {
    const TOLD: usize = 10;
    let names: Vec<_> = accounts.iter().take(TOLD).map(|it| it.account.name.as_str()).collect();
    let more = if accounts.len() > TOLD { ", …" } else { "" };
    format!("{}{more}", names.join(", "))
}
