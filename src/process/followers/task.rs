//! One follower at one partition.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Behind;
use crate::domain::seq::Seq;
use crate::engine::feed::{Follower, Source};
use crate::engine::pauses::Pauses;
use crate::engine::{Error, Result};

/// Events that are taken at once.
const PAGE: usize = 500;
/// How long what comes alone waits for company.
const LINGER: Duration = Duration::from_millis(50);
/// How often it is looked without news: a follower may begin anew.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const STORE_EVERY: Duration = Duration::from_secs(1);
/// How long each may take.
const FEED_TIMEOUT: Duration = Duration::from_secs(30);
const TAKE_TIMEOUT: Duration = Duration::from_secs(60);
const PLACE_TIMEOUT: Duration = Duration::from_secs(4);

pub(super) struct Task {
    source: Arc<dyn Source>,
    follower: Arc<dyn Follower>,
    partition: u32,
    behind: Arc<Behind>,
    /// Held while a page is read and taken: so many of a follower are in memory at once.
    pages: Arc<Semaphore>,
    news: watch::Receiver<()>,
    /// The name whose place was loaded.
    kept_as: Option<Arc<str>>,
    taken: Seq,
    stored: Seq,
    /// When the place may be stored again.
    store_at: Instant,
}

impl Task {
    pub(super) fn new(
        source: Arc<dyn Source>,
        follower: Arc<dyn Follower>,
        partition: u32,
        behind: Arc<Behind>,
        pages: Arc<Semaphore>,
    ) -> Self {
        let news = source.news();
        Self {
            source,
            follower,
            partition,
            behind,
            pages,
            news,
            kept_as: None,
            taken: Seq::START,
            stored: Seq::START,
            store_at: Instant::now(),
        }
    }

    /// Follows until `stop`, then stores the place.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let _ = stop.run_until_cancelled(self.follow()).await;
        self.store().await;
    }

    async fn follow(&mut self) {
        let mut pauses = Pauses::default();
        loop {
            match self.step().await {
                Ok(()) => pauses = Pauses::default(),
                Err(error) => {
                    let (follower, partition) = (self.follower.name(), self.partition);
                    metrics::counter!("parlor_follower_failures_total", "follower" => follower)
                        .increment(1);
                    let pause = pauses.after(|| {
                        tracing::warn!(%error, follower, partition, "a follower fails; it is tried again until it does not");
                    });
                    sleep(pause).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<()> {
        self.know_place().await?;
        let pages = self.pages.clone();
        let page = pages.acquire().await;
        self.news.mark_unchanged();
        let read = self.source.applied(self.partition, self.taken, PAGE);
        let found = in_time("what was applied", FEED_TIMEOUT, read).await?;
        if let (Some(first), Some(last)) = (found.events.first(), found.events.last()) {
            self.behind.set(Some(first.event.at));
            let take = self.follower.take(self.partition, &found.events);
            in_time(self.follower.name(), TAKE_TIMEOUT, take).await?;
            self.behind.set(Some(last.event.at));
        }
        drop(page);
        let more = found.upto > self.taken;
        self.taken = self.taken.max(found.upto);
        if !more {
            self.behind.set(None);
            self.wait().await;
        }
        if self.store_at <= Instant::now() {
            self.store().await;
        }
        Ok(())
    }

    /// Begins at the stored place, again where that is of another name.
    async fn know_place(&mut self) -> Result<()> {
        let name = in_time(self.follower.name(), PLACE_TIMEOUT, self.follower.kept_as()).await?;
        if self.kept_as.as_ref() == Some(&name) {
            return Ok(());
        }
        let load = self.source.load(&name, self.partition);
        self.taken = in_time("the place of a follower", PLACE_TIMEOUT, load).await?;
        self.stored = self.taken;
        self.kept_as = Some(name);
        Ok(())
    }

    /// Until there are news, the place is to be stored, or it is time to look.
    async fn wait(&mut self) {
        let is_unsaved = self.unstored().is_some();
        tokio::select! {
            changed = self.news.changed() => {
                // Of an engine that is closed there are none.
                if changed.is_err() { sleep(LOOK_EVERY).await } else { sleep(LINGER).await }
            }
            () = sleep_until(self.store_at), if is_unsaved => {}
            () = sleep(LOOK_EVERY) => {}
        }
    }

    fn unstored(&self) -> Option<(Arc<str>, Seq)> {
        let name = self.kept_as.clone()?;
        (self.taken != self.stored).then_some((name, self.taken))
    }

    async fn store(&mut self) {
        self.store_at = Instant::now() + STORE_EVERY;
        let Some((name, taken)) = self.unstored() else { return };
        let store = self.source.store(&name, self.partition, taken);
        match in_time("the place of a follower", PLACE_TIMEOUT, store).await {
            Ok(()) => self.stored = taken,
            // Costs only time, and only after a restart.
            Err(error) => {
                tracing::debug!(%error, follower = self.follower.name(), "a place was not stored");
            }
        }
    }
}

async fn in_time<T>(
    what: &str,
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let late = |_| Error::Storage(format!("{what} did not answer in time"));
    timeout(limit, work).await.map_err(late)?
}
