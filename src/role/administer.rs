//! `parlor account`, `parlor key` and `parlor bot`.
//!
//! The command line becomes an [`Order`], which is data. `carry_out` does it on
//! an application and says what came of it, which is data again. Whose application that is, is
//! another matter: with the embedded engine the server's, where one has the data directory (the order
//! goes through its control socket); else one that is opened for this order alone, on the directory or
//! beside the nodes of a cluster.

mod arguments;
mod bots;
mod carry_out;
mod change;
mod check;
mod control;
mod order;
mod outcome;
mod show;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use serde_json::{Value, json};

pub use arguments::{AccountCommand, BotCommand, KeyCommand};
pub use control::Control;
pub use order::Order;
pub use outcome::OrderResult;

use super::{Failure, output, serve};
use crate::config::{Config, EngineKind, Flags, Storage};
use crate::engine::{self, embedded::directory};

/// How often and how long a directory is asked for that somebody holds who does not answer: a server
/// that is starting or stopping, or another command.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
const AGAIN: usize = 200;

/// What a command line comes to: what is to be done, where, and how it is told.
pub struct Command {
    pub(super) order: Order,
    pub(super) storage: Storage,
    pub(super) json: bool,
}

/// Does what a command says and prints what came of it.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub async fn run(command: Result<Command, Failure>) -> Result<(), Failure> {
    let command = command?;
    let json = command.json;
    match obey(command).await {
        Ok(outcome) => {
            print(&outcome, json)?;
            outcome.refusal().map_or(Ok(()), |refusal| Err(refusal.into()))
        }
        Err(error) => {
            if json {
                output::print(failed(&error.to_string()))?;
            }
            Err(error)
        }
    }
}

/// Does what `parlor bot …` says.
///
/// # Errors
/// As [`run`].
pub async fn bot(command: BotCommand) -> Result<(), Failure> {
    match command {
        BotCommand::Check { file, json } => check::run(&file, json),
        command => run(command.order()).await,
    }
}

/// The document of a command that was not done.
pub(super) fn failed(message: &str) -> Value {
    json!({ "error": { "message": message } })
}

fn print(outcome: &OrderResult, json: bool) -> Result<(), Failure> {
    if json {
        return output::print(serde_json::to_string_pretty(&outcome.document())?);
    }
    output::print(show::text(outcome)?)?;
    if let Some(hint) = show::hint(outcome) {
        eprintln!("{hint}");
    }
    Ok(())
}

async fn obey(command: Command) -> Result<OrderResult, Failure> {
    let Command { order, storage, .. } = command;
    let config = Config::load(&Flags { storage, ..Flags::default() })?;
    if config.engine == EngineKind::Cluster {
        return on_our_own(&config, &order).await;
    }
    // Only this order makes what is not there.
    let makes = matches!(order, Order::CreateAccount(_));
    if !makes && directory::look(&config.data_dir)? == directory::Found::Nothing {
        let dir = config.data_dir.display();
        return Err(format!(
            "there is no account in {dir} yet: `parlor account create` makes one, or name another \
             directory with --data-dir"
        )
        .into());
    }
    by_server_or(&config.data_dir, &order, || on_our_own(&config, &order)).await
}

/// Makes the views of a directory anew: a server that has it does so while it serves them; where there is
/// none, `own` does.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub(super) async fn rebuild(
    dir: &Path,
    own: impl AsyncFn() -> Result<OrderResult, Failure>,
) -> Result<(), Failure> {
    let outcome = by_server_or(dir, &Order::RebuildViews, own).await?;
    print(&outcome, false)
}

/// Has an order carried out by the server that has a directory; where there is none, `own` does it.
async fn by_server_or(
    dir: &Path,
    order: &Order,
    own: impl AsyncFn() -> Result<OrderResult, Failure>,
) -> Result<OrderResult, Failure> {
    let attempt = || async {
        match control::call(dir, order).await? {
            Some(outcome) => Ok(outcome),
            None => own().await,
        }
    };
    let pauses = ConstantBuilder::default().with_delay(AGAIN_AFTER).with_max_times(AGAIN);
    attempt.retry(pauses).when(is_held).await
}

/// Whether somebody has the directory. Whoever is told so has done nothing yet.
fn is_held(error: &Failure) -> bool {
    matches!(error.downcast_ref(), Some(engine::Error::Locked(_)))
}

/// Opens the application for one order.
async fn on_our_own(config: &Config, order: &Order) -> Result<OrderResult, Failure> {
    let app = serve::open(config, false, Arc::new(|_: &str| {})).await?;
    let outcome = carry_out::carry_out(&app, order).await;
    app.engine.close().await;
    outcome
}
