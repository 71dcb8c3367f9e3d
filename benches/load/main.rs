//! The load generator: what the server does under load, beside what the machine could do.
//!
//! `cargo bench --features jemalloc --bench load -- send` (or `stream`, `upstream`, `fanout`, `idle`, `history`, `attacks`,
//! `recover`, and of a cluster `cluster`, `lag`, `scale`, `rebuild`; or `all --quick`). The image has that feature.
//! Each starts the real server on a fresh data directory, drives it over loopback through its
//! front door, measures the limit next to it in the same run (an empty poem handler, the bare
//! storage, the disk's sync), and prints both with their ratio, the CPU time per operation and
//! whether the goal was met. The clients run on one thread and cost little: they share the machine
//! with the server. Everything ends by itself; a missed goal is printed, not an error.

mod attacks;
mod baseline;
mod bulk;
mod client;
#[cfg(feature = "cluster")]
mod cluster;
mod conversations;
mod drive;
mod empty;
mod fanout;
mod figures;
mod history;
mod idle;
mod readers;
mod recover;
mod send;
mod server;
mod story;
mod stream;
mod upstream;

use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{CommandFactory, Parser, Subcommand};

use crate::server::{PROGRAM_VARIABLE, Setting};

/// Measures the server under load, beside the machine's limits.
#[derive(Parser)]
#[command(name = "load")]
struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Where data directories are made: the disk to measure.
    #[arg(long, global = true)]
    directory: Option<PathBuf>,
    /// The server's executable; otherwise $PARLOR_BIN, otherwise the one built with this bench.
    #[arg(long, global = true)]
    program: Option<PathBuf>,
    /// Passed by cargo; means nothing here.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum What {
    /// Durable messages with the bot's answer.
    Send(send::Options),
    /// Answers streamed at a pace to many readers.
    Stream(stream::Options),
    /// A model's answers to many readers, beside the model itself.
    Upstream(upstream::Options),
    /// One event to many readers, beside a bare broadcast.
    Fanout(fanout::Options),
    /// Memory of idle connections.
    Idle(idle::Options),
    /// Pages of a conversation's messages.
    History(history::Options),
    /// Attacks of one account, and what becomes of another's.
    Attacks(attacks::Options),
    /// Restart after a crash.
    Recover(recover::Options),
    /// Durable messages through three nodes over Kafka and Cassandra.
    #[cfg(feature = "cluster")]
    Cluster(cluster::messages::Options),
    /// How far a cluster's views trail its log.
    #[cfg(feature = "cluster")]
    Lag(cluster::lag::Options),
    /// What a message costs with one node, two, three.
    #[cfg(feature = "cluster")]
    Scale(cluster::scale::Options),
    /// Filling a second keyspace of a cluster from its log.
    #[cfg(feature = "cluster")]
    Rebuild(cluster::rebuild::Options),
    /// All of them, one after the other.
    All {
        /// A few seconds each, with smaller numbers.
        #[arg(long)]
        quick: bool,
    },
    /// The empty server, started by the others.
    #[command(hide = true)]
    ServeEmpty { address: SocketAddr },
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let arguments = Arguments::parse();
    let Some(what) = arguments.what else {
        // `cargo bench` and `cargo test --benches` name nothing: say what there is.
        return Arguments::command().print_help();
    };
    if let What::ServeEmpty { address } = what {
        return empty::serve(address);
    }
    let program = arguments.program.or_else(|| std::env::var_os(PROGRAM_VARIABLE).map(Into::into));
    let setting = Setting {
        program: program.unwrap_or_else(|| env!("CARGO_BIN_EXE_parlor").into()),
        directory: arguments.directory.unwrap_or_else(std::env::temp_dir),
    };
    server::raise_open_files();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(measure(&setting, what))
}

async fn measure(setting: &Setting, what: What) -> io::Result<()> {
    match what {
        What::Send(options) => send::run(setting, &options).await,
        What::Stream(options) => stream::run(setting, &options).await,
        What::Upstream(options) => upstream::run(setting, &options).await,
        What::Fanout(options) => fanout::run(setting, &options).await,
        What::Idle(options) => idle::run(setting, &options).await,
        What::History(options) => history::run(setting, &options).await,
        What::Attacks(options) => attacks::run(setting, &options).await,
        What::Recover(options) => recover::run(setting, &options).await,
        #[cfg(feature = "cluster")]
        What::Cluster(options) => cluster::messages::run(setting, &options).await,
        #[cfg(feature = "cluster")]
        What::Lag(options) => cluster::lag::run(setting, &options).await,
        #[cfg(feature = "cluster")]
        What::Scale(options) => cluster::scale::run(setting, &options).await,
        #[cfg(feature = "cluster")]
        What::Rebuild(options) => cluster::rebuild::run(setting, &options).await,
        What::All { quick } => {
            let (lines, cluster) =
                if quick { (QUICK, CLUSTER_QUICK) } else { (FULL, CLUSTER_FULL) };
            for line in lines.iter().chain(cluster) {
                println!("\n== {} ==", line.join(" "));
                let arguments = Arguments::parse_from(["load"].iter().chain(*line));
                if let Some(what) = arguments.what {
                    Box::pin(measure(setting, what)).await?;
                }
            }
            Ok(())
        }
        What::ServeEmpty { .. } => Err(io::Error::other("it has a runtime of its own")),
    }
}

/// The command lines of `all`.
const FULL: &[&[&str]] = &[
    &["send"],
    &["stream"],
    &["upstream"],
    &["upstream", "--each"],
    &["fanout"],
    &["idle"],
    &["history"],
    &["attacks"],
    &["recover"],
];

/// Those of them that need `tests/services/services.sh fetch` to have been run.
const CLUSTER_FULL: &[&[&str]] = if cfg!(feature = "cluster") {
    &[&["cluster"], &["lag"], &["scale"], &["rebuild"]]
} else {
    &[]
};

/// The command lines of `all --quick`.
const QUICK: &[&[&str]] = &[
    &["send", "--clients", "1,256", "--seconds", "1", "--rounds", "1"],
    &["stream", "--streams", "1,100", "--seconds", "2", "--rounds", "1"],
    &["upstream", "--readers", "100", "--seconds", "2", "--rounds", "1"],
    &["upstream", "--each", "--readers", "20", "--seconds", "2", "--rounds", "1"],
    &["fanout", "--readers", "100", "--events", "50", "--rounds", "1"],
    &["idle", "--connections", "1000", "--settle", "1", "--keep", "0"],
    &["history", "--messages", "10,1000", "--seconds", "1", "--rounds", "1"],
    &["attacks", "--smaller", "10", "--seconds", "2", "--rounds", "1"],
    &["recover", "--events", "20000", "--rounds", "1"],
];

const CLUSTER_QUICK: &[&[&str]] = if cfg!(feature = "cluster") {
    &[
        &["cluster", "--clients", "1,64", "--seconds", "1", "--rounds", "1", "--warm", "2"],
        &["lag", "--seconds", "2", "--rounds", "1", "--warm", "2"],
        &["scale", "--nodes", "1,3", "--seconds", "2", "--rounds", "1", "--warm", "2"],
        &["rebuild", "--events", "5000", "--rounds", "1"],
    ]
} else {
    &[]
};
