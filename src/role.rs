//! What the binary can be told to do.

pub mod administer;
pub mod cluster;
pub mod credentials;
pub mod documents;
mod limits;
pub mod measures;
mod output;
pub mod serve;
pub mod settings;
pub mod telemetry;
pub mod views;
mod welcome;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::config::{Config, EngineKind, Flags, Storage};

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
    Serve(Box<Flags>),
    /// Make and change accounts
    #[command(subcommand)]
    Account(administer::AccountCommand),
    /// Issue, list and revoke keys
    #[command(subcommand)]
    Key(administer::KeyCommand),
    /// Draft, deploy and roll back bots
    #[command(subcommand)]
    Bot(administer::BotCommand),
    /// Show the settings as a server here would understand them; starts nothing
    Config {
        /// All of them, as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Write the API documents, or check that the written ones are fresh
    Openapi {
        /// Compare instead of writing
        #[arg(long)]
        check: bool,
        /// Where they are
        #[arg(long, default_value = "openapi")]
        dir: PathBuf,
    },
    /// Make topics, keyspace and tables of a cluster, where they are missing
    Migrate(Storage),
    /// Make the views anew from the log: those of a data directory, also while its server serves them,
    /// or into a second keyspace while the cluster serves
    Rebuild {
        /// The keyspace to fill, on a cluster; nodes move to it with `--keyspace`
        #[arg(long, value_name = "KEYSPACE")]
        into: Option<String>,
        #[command(flatten)]
        storage: Storage,
    },
    /// Read every byte of the log, fold it anew and compare it with the views. A cluster may serve; where a
    /// server has the data directory, its log alone is read
    Verify(Storage),
    /// Go on without events that cannot be read, on a data directory whose log is damaged
    Repair {
        /// Those events are gone, and you know it
        #[arg(long)]
        accept_loss: bool,
        #[command(flatten)]
        storage: Storage,
    },
}

/// A failure to be told to whoever ran the command.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Does what the command line says.
///
/// The runtime is made here, not in the binary: futures are compiled where they are driven, and
/// what the library and the binary have in common would be compiled twice.
///
/// # Errors
/// Whatever kept it from being done, in words for the operator.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    Runtime::new()?.block_on(carry_out(arguments))
}

async fn carry_out(arguments: Arguments) -> Result<(), Failure> {
    match arguments.role {
        None => serve::run(Config::load(&arguments.flags)?).await,
        Some(Role::Serve(flags)) => serve::run(Config::load(&flags)?).await,
        Some(Role::Account(command)) => administer::run(command.order()).await,
        Some(Role::Key(command)) => administer::run(command.order()).await,
        Some(Role::Bot(command)) => administer::bot(command).await,
        Some(Role::Config { json, flags }) => settings::run(&Config::load(&flags)?, json),
        Some(Role::Openapi { check, dir }) => documents::run(&dir, check),
        Some(Role::Migrate(storage)) => migrate(&loaded(storage)?).await,
        Some(Role::Rebuild { storage, into }) => views::rebuild(&loaded(storage)?, into).await,
        Some(Role::Verify(storage)) => views::verify(&loaded(storage)?).await,
        Some(Role::Repair { storage, accept_loss }) => {
            views::repair(&loaded(storage)?, accept_loss)
        }
    }
}

async fn migrate(config: &Config) -> Result<(), Failure> {
    if config.engine == EngineKind::Embedded {
        let problem = "migrate is for the cluster engine: say --engine cluster. The embedded engine \
                       makes what it needs when it starts";
        return Err(problem.into());
    }
    cluster::migrate(config).await
}

fn loaded(storage: Storage) -> Result<Config, Failure> {
    Ok(Config::load(&Flags { storage, ..Flags::default() })?)
}

/// Whatever this process makes from now on is for its user alone.
fn keep_files_private() {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}
