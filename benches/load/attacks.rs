//! One account attacks: what becomes of another's, and of the server.
//!
//! A server with its usual limits has two accounts. One of them, or a stranger, attacks in full; the other
//! goes on as before, and what it notices is measured beside what it notices without the attack, in the
//! same run and in turns. The attack runs in a thread of its own on the machine that serves, so it
//! takes a part of the processor too: `--nice` says how much of it is left to the server.

mod attacker;
mod dripping;
mod flood;
mod http2;
mod stage;
mod uploads;

use std::io;

use crate::{
    figures::{Table, goal, median, millis, whole},
    server::Setting,
};

use self::stage::{Noticed, Stage};

/// Which attacks, and how long each.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Attacks: crowd, readers, http2, overload, idle, uploads, dripping, senders.
    #[arg(long, value_delimiter = ',', default_value = ALL)]
    pub(crate) only: Vec<String>,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
    /// Seconds that an attack has before it is measured: who heeds no refusal is held back more and more.
    #[arg(long, default_value_t = 10)]
    pub(crate) settle: u64,
    /// Rounds; each measures without the attack and under it.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// How nice the attacker's thread is to the server: in life it is on other machines.
    #[arg(long, default_value_t = 5)]
    pub(crate) nice: i32,
    /// All numbers divided by this.
    #[arg(long, default_value_t = 1)]
    pub(crate) smaller: usize,
}

const ALL: &str = "crowd,readers,http2,overload,idle,uploads,dripping,senders";
/// What the server may hold at most, in MiB.
const MOST_MIB: f64 = 512.0;

/// Measures, prints a table and the goals.
pub(crate) async fn run(setting: &Setting, options: &Options) -> io::Result<()> {
    for attack in &options.only {
        println!("\n-- {attack}");
        match attack.as_str() {
            "crowd" => flood::crowd(setting, options).await?,
            "readers" => flood::readers(setting, options).await?,
            "http2" => http2::run(setting, options).await?,
            "overload" => flood::overload(setting, options).await?,
            "idle" => flood::idle(setting, options).await?,
            "uploads" => uploads::run(setting, options).await?,
            "dripping" => dripping::run(setting, options).await?,
            "senders" => flood::senders(setting, options).await?,
            other => return Err(io::Error::other(format!("no attack is called {other}: {ALL}"))),
        }
    }
    Ok(())
}

/// Prints what the other account noticed, and whether its p99 is at most twice its own alone.
fn print(name: &str, noticed: &[Noticed]) {
    let mut table =
        Table::new([name, "/s", "p50 ms", "p99 ms", "failed", "attack /s", "refused /s", "MiB"]);
    let of = |figure: &dyn Fn(&Noticed) -> f64| median(noticed.iter().map(figure).collect());
    table.row(vec![
        "another account, alone".into(),
        whole(of(&|n| n.alone.rate())),
        millis(of(&|n| n.alone.latency.at(0.5))),
        millis(of(&|n| n.alone.latency.at(0.99))),
        whole(of(&|n| n.alone.failures as f64)),
    ]);
    table.row(vec![
        "another account, attacked".into(),
        whole(of(&|n| n.attacked.rate())),
        millis(of(&|n| n.attacked.latency.at(0.5))),
        millis(of(&|n| n.attacked.latency.at(0.99))),
        whole(of(&|n| n.attacked.failures as f64)),
        whole(of(&|n| n.answered)),
        whole(of(&|n| n.refused)),
        whole(of(&|n| n.mib)),
    ]);
    table.print();
    let ratio = of(&|n| n.attacked.latency.at(0.99) / n.alone.latency.at(0.99));
    goal("another's p99 at most twice its own alone", &millis(ratio), ratio <= 2.0);
    let failed: u64 = noticed.iter().map(|n| n.attacked.failures).sum();
    goal("another is answered each time", &format!("{failed} failed"), failed == 0);
}

/// Prints whether the server's memory stayed below what it may hold.
fn print_memory(stage: &Stage) {
    let most = stage.most_mib();
    goal("resident memory below 512 MiB", &format!("{most:.0} MiB"), most < MOST_MIB);
}
