//! What the binary can be told to do.

pub mod administer;
pub mod documents;
pub mod serve;
pub mod telemetry;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::config::{Config, Flags};

/// An event-sourced streaming chat backend.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Serve (what is done when nothing is said)
    Serve(Flags),
    /// Make accounts
    #[command(subcommand)]
    Account(administer::AccountCommand),
    /// Issue, list and revoke keys
    #[command(subcommand)]
    Key(administer::KeyCommand),
    /// Deploy bots
    #[command(subcommand)]
    Bot(administer::BotCommand),
    /// Write the API documents, or check that the written ones are fresh
    Openapi {
        /// Compare instead of writing
        #[arg(long)]
        check: bool,
        #[arg(long, default_value = "openapi")]
        dir: PathBuf,
    },
    /// Drop every view and fill it from the log (the server must not run)
    Rebuild {
        #[arg(long, default_value = "data")]
        data_dir: PathBuf,
    },
    /// Fold the log anew and compare it with the views (the server must not run)
    Verify {
        #[arg(long, default_value = "data")]
        data_dir: PathBuf,
    },
}

/// A failure to be told to whoever ran the command.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Does what the command line says.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub async fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.role {
        None => serve::run(Config::load(&arguments.flags)?).await,
        Some(Role::Serve(flags)) => serve::run(Config::load(&flags)?).await,
        Some(Role::Account(command)) => administer::account(command).await,
        Some(Role::Key(command)) => administer::key(command).await,
        Some(Role::Bot(command)) => administer::bot(command).await,
        Some(Role::Openapi { check, dir }) => documents::run(&dir, check),
        Some(Role::Rebuild { data_dir }) => {
            must_exist(&data_dir)?;
            let events = crate::engine::embedded::rebuild(&data_dir)?;
            println!("rebuilt the views of {} from {events} events", data_dir.display());
            Ok(())
        }
        Some(Role::Verify { data_dir }) => {
            must_exist(&data_dir)?;
            let (events, difference) = crate::engine::embedded::verify(&data_dir)?;
            match difference {
                None => {
                    println!("the views of {} equal their {events} events", data_dir.display());
                    Ok(())
                }
                Some(difference) => Err(format!("the views differ: {difference:#?}").into()),
            }
        }
    }
}

/// Opening makes what is not there, which these commands must not.
fn must_exist(data_dir: &Path) -> Result<(), Failure> {
    if data_dir.is_dir() {
        return Ok(());
    }
    Err(format!("there is no data directory {}", data_dir.display()).into())
}
