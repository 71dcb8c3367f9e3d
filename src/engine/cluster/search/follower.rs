//! The task that indexes one partition: batches as they are pushed, pages when it is behind.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::document::Document;
use super::http::Failure;
use super::indexer::{Followed, Shared};
use super::progress::Work;
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result};

/// Messages of a page that is read from the backlog.
const PAGE: usize = 500;
/// How long what comes alone waits for company.
const LINGER: Duration = Duration::from_millis(50);
/// How long the backlog may take to show what the projector told of.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
const SAVE_EVERY: Duration = Duration::from_secs(1);
const BACKLOG_TIMEOUT: Duration = Duration::from_secs(30);
const CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(4);

/// Follows a partition until `left`, then stores its checkpoint.
pub(super) async fn follow(shared: Arc<Shared>, followed: Arc<Followed>, left: CancellationToken) {
    let index = shared.index.subscribe();
    let mut follower = Follower {
        shared,
        followed,
        index,
        known: None,
        saved: Seq::START,
        save_at: Instant::now(),
    };
    let _ = left.run_until_cancelled(follower.run()).await;
    follower.save().await;
}

struct Follower {
    shared: Arc<Shared>,
    followed: Arc<Followed>,
    index: watch::Receiver<Option<Arc<str>>>,
    /// The index whose checkpoint was loaded.
    known: Option<Arc<str>>,
    saved: Seq,
    /// When the checkpoint may be stored again.
    save_at: Instant,
}

impl Follower {
    async fn run(&mut self) {
        let mut pauses = Pauses::default();
        loop {
            match self.step().await {
                Ok(()) => pauses = Pauses::default(),
                Err(error) => {
                    let what = format!("partition {} is not indexed", self.followed.partition);
                    sleep(pauses.after(&error, &what)).await;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<()> {
        self.know_index().await?;
        let shared = self.shared.clone();
        // Before anything is taken out of the queue: what is under way is bounded too.
        let Ok(permit) = shared.permits.acquire().await else { return Ok(()) };
        let work = self.followed.progress().next();
        match work {
            Work::Nothing => {
                drop(permit);
                self.wait().await;
            }
            Work::Batch { messages, up_to } => {
                self.index(&messages).await?;
                let last = messages.last().map(|message| message.event.at);
                self.followed.progress().advance(up_to, last, false);
            }
            Work::Page { after } => self.page(after).await?,
        }
        if self.save_at <= Instant::now() {
            self.save().await;
        }
        Ok(())
    }

    /// Waits until there is an index, and begins at its checkpoint when it is another one.
    async fn know_index(&mut self) -> Result<()> {
        // Its sender is in `shared`, so it does not close.
        let Ok(index) = self.index.wait_for(Option::is_some).await.map(|found| found.clone())
        else {
            return Ok(());
        };
        if index == self.known {
            return Ok(());
        }
        if let Some(name) = &index {
            let load = self.shared.checkpoints.load(name, self.followed.partition);
            let seq = in_time("search checkpoint", CHECKPOINT_TIMEOUT, load).await?;
            self.followed.progress().begin(seq);
            self.saved = seq;
        }
        self.known = index;
        Ok(())
    }

    async fn page(&self, after: Seq) -> Result<()> {
        let read = self.shared.backlog.applied_messages(self.followed.partition, after, PAGE);
        let (messages, read_up_to) = in_time("search backlog", BACKLOG_TIMEOUT, read).await?;
        let time = |message: &Recorded| message.event.at;
        let (first, last) = (messages.first().map(time), messages.last().map(time));
        self.followed.progress().found(first);
        self.index(&messages).await?;
        let near = messages.len() < PAGE;
        self.followed.progress().advance(read_up_to, last, near);
        if read_up_to <= after {
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    async fn index(&self, messages: &[Recorded]) -> Result<()> {
        let documents: Vec<_> = messages.iter().filter_map(Document::of).collect();
        if documents.is_empty() {
            return Ok(());
        }
        let indexed = self.shared.send(documents).await?;
        if indexed.is_empty() {
            return Ok(());
        }
        // Perhaps the mapping was changed under us: a document is given up only by our own.
        self.shared.search.ensure_index().await?;
        let again = indexed.into_iter().map(|(document, _)| document).collect();
        for (document, reason) in self.shared.send(again).await? {
            metrics::counter!("parlor_search_failures_total", "reason" => "refused").increment(1);
            let (id, seq) = (document.id(), document.seq.get());
            tracing::error!(document.id = id, seq, reason, "a message cannot be searched");
        }
        Ok(())
    }

    /// Until something is pushed, the index is another one, or the checkpoint is to be stored.
    async fn wait(&mut self) {
        let unsaved = self.unsaved().is_some();
        tokio::select! {
            () = self.followed.pushed.notified() => sleep(LINGER).await,
            _ = self.index.changed() => {}
            () = sleep_until(self.save_at), if unsaved => {}
        }
    }

    fn unsaved(&self) -> Option<Seq> {
        let indexed = self.followed.progress().indexed();
        (self.known.is_some() && indexed != self.saved).then_some(indexed)
    }

    async fn save(&mut self) {
        self.save_at = Instant::now() + SAVE_EVERY;
        let (Some(index), Some(seq)) = (&self.known, self.unsaved()) else { return };
        let store = self.shared.checkpoints.store(index, self.followed.partition, seq);
        match in_time("search checkpoint", CHECKPOINT_TIMEOUT, store).await {
            Ok(()) => self.saved = seq,
            // Costs only time, and only after a restart.
            Err(error) => tracing::debug!(%error, "a search checkpoint was not stored"),
        }
    }
}

impl Shared {
    /// Puts documents into the index and answers those that it refuses.
    async fn send(&self, documents: Vec<Document>) -> Result<Vec<(Document, String)>> {
        match self.search.index(documents).await {
            Ok(indexed) => {
                let written = u64::try_from(indexed.written).unwrap_or(u64::MAX);
                metrics::counter!("parlor_search_indexed_total").increment(written);
                Ok(indexed.refused)
            }
            Err(failure) => {
                if failure == Failure::NoIndex {
                    self.look.notify_one();
                }
                Err(failure.into())
            }
        }
    }
}

/// Pauses between tries that fail, growing; a failure is logged when it begins.
pub(super) struct Pauses {
    waits: ExponentialBackoff,
    failing: bool,
}

const LONGEST_PAUSE: Duration = Duration::from_secs(3);

impl Default for Pauses {
    fn default() -> Self {
        let waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(LONGEST_PAUSE)
            .without_max_times()
            .with_jitter();
        Self { waits: waits.build(), failing: false }
    }
}

impl Pauses {
    /// Notes a failure and says how long to wait.
    pub(super) fn after(&mut self, error: &impl Display, what: &str) -> Duration {
        metrics::counter!("parlor_search_failures_total", "reason" => "away").increment(1);
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(%error, "{what}; it is tried again until it is");
        }
        self.waits.next().unwrap_or(LONGEST_PAUSE)
    }
}

async fn in_time<T>(
    what: &str,
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let late = |_| Error::Storage(format!("the {what} did not answer in time"));
    timeout(limit, work).await.map_err(late)?
}
