//! The server under attack, and the account that is not in it.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::time::sleep;

use crate::{
    conversations,
    drive::{Plan, drive},
    figures::Measure,
    server::{Account, Server, Setting},
};

use super::{Options, attacker::Attacker};

/// Clients of the account that is not in the attack.
const CLIENTS: usize = 4;
/// What an attack's connections may take to stand, and the server to be itself again.
const STANDING: Duration = Duration::from_secs(60);
const CALM: Duration = Duration::from_secs(2);

/// A server with its usual limits and two accounts.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) other: Account,
    /// The other account's requests.
    posts: Vec<Arc<[u8]>>,
    most: AtomicU64,
    home: TempDir,
}

/// What the other account noticed in a round.
pub(crate) struct Noticed {
    pub(crate) alone: Measure,
    pub(crate) attacked: Measure,
    /// The attack's own answers and refusals a second.
    pub(crate) answered: f64,
    pub(crate) refused: f64,
    pub(crate) mib: f64,
}

impl Stage {
    /// Starts the server.
    ///
    /// # Errors
    /// If it does not start.
    pub(crate) async fn start(setting: &Setting, flags: &[&str]) -> io::Result<Self> {
        let home = setting.fresh()?;
        Self::open(setting, home, flags).await
    }

    /// The same, with a bot of its own for the account that attacks.
    ///
    /// # Errors
    /// If it does not start, or the bot is refused.
    pub(crate) async fn with_bot(setting: &Setting, bot: &str, flags: &[&str]) -> io::Result<Self> {
        let home = setting.fresh()?;
        let data = home.path().join("data");
        Server::usual(setting, &data, flags)?.stop();
        Server::deploy(setting, &data, bot)?;
        Self::open(setting, home, flags).await
    }

    /// Makes an account more.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn account(&self, setting: &Setting, name: &str) -> io::Result<Account> {
        Server::account(setting, &self.home.path().join("data"), name)
    }

    async fn open(setting: &Setting, home: TempDir, flags: &[&str]) -> io::Result<Self> {
        let data = home.path().join("data");
        let server = Server::usual(setting, &data, flags)?;
        let other = Server::account(setting, &data, "Other")?;
        let posts = conversations::start_as(server.address, &other.credential(), CLIENTS).await?;
        let posts = posts.into_iter().map(|one| one.post).collect();
        Ok(Self { server, other, posts, most: AtomicU64::new(0), home })
    }

    /// The most memory that was seen, in MiB.
    pub(crate) fn most_mib(&self) -> f64 {
        self.most.load(Relaxed) as f64 / f64::from(1 << 20)
    }

    /// What the other account notices, without the attack and under it, round by round. The attack has begun
    /// once so many of its connections stand.
    ///
    /// # Errors
    /// If it is not even answered once.
    pub(crate) async fn rounds(
        &self,
        options: &Options,
        standing: usize,
        attack: impl Fn() -> io::Result<Attacker>,
    ) -> io::Result<Vec<Noticed>> {
        let mut rounds = Vec::new();
        for _ in 0..options.rounds {
            let plan = Plan { seconds: options.seconds, rate: None };
            let alone = drive(&self.server, &self.posts, plan).await?;
            let attacker = attack()?;
            let (began, standing) = (Instant::now(), standing as u64);
            while attacker.tally.standing.load(Relaxed) < standing && began.elapsed() < STANDING {
                sleep(Duration::from_millis(50)).await;
            }
            sleep(Duration::from_secs(options.settle)).await;
            let ([answered, refused], began) = (attacker.tally.counts(), Instant::now());
            let attacked = self.watch(drive(&self.server, &self.posts, plan)).await?;
            let (now, took) = (attacker.tally.counts(), began.elapsed().as_secs_f64());
            let mib = self.server.resident() as f64 / f64::from(1 << 20);
            drop(attacker);
            rounds.push(Noticed {
                alone,
                attacked,
                answered: (now[0] - answered) as f64 / took,
                refused: (now[1] - refused) as f64 / took,
                mib,
            });
            sleep(CALM).await;
        }
        Ok(rounds)
    }

    /// Does something, and looks at the server's memory meanwhile.
    pub(crate) async fn watch<T>(&self, work: impl Future<Output = T>) -> T {
        let looking = async {
            loop {
                self.most.fetch_max(self.server.resident(), Relaxed);
                sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            done = work => done,
            () = looking => unreachable!("it looks for ever"),
        }
    }
}
