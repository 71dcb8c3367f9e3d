//! Keeps the index up with what is applied: search as a follower.
//!
//! The place belongs to the very index it was reached in: should that be lost and made anew, everything is
//! indexed again from the log, without being told to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::client::OpenSearch;
use super::document::Document;
use super::http::Failure;
use crate::engine::feed::Follower;
use crate::engine::pauses::Pauses;
use crate::engine::{Error, Recorded, Result};

/// How often it is looked whether the index is still the one it was.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Indexes what is applied. OpenSearch may be away; the last one that goes stops looking for it.
pub struct Indexer {
    shared: Arc<Shared>,
    _look: DropGuard,
}

struct Shared {
    search: OpenSearch,
    /// The identity of the index; none before it was ever seen.
    index: watch::Sender<Option<Arc<str>>>,
    /// Somebody found that the index is not there.
    look: Notify,
}

impl Indexer {
    /// Must be called in a Tokio runtime.
    pub fn start(search: OpenSearch) -> Self {
        let shared =
            Arc::new(Shared { search, index: watch::Sender::new(None), look: Notify::new() });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(watch_index(shared.clone())));
        Self { shared, _look: stop.drop_guard() }
    }
}

#[async_trait]
impl Follower for Indexer {
    fn name(&self) -> &'static str {
        "search"
    }

    async fn kept_as(&self) -> Result<Arc<str>> {
        let mut index = self.shared.index.subscribe();
        // Its sender is in `shared`, so it does not close.
        let known = index.wait_for(Option::is_some).await.ok().and_then(|known| known.clone());
        let away = || Error::ReadOnly("there is no search index yet".into());
        Ok(format!("search/{}", known.ok_or_else(away)?).into())
    }

    async fn take(&self, _: u32, events: &[Recorded]) -> Result<()> {
        let documents: Vec<_> = events.iter().filter_map(Document::of).collect();
        if documents.is_empty() {
            return Ok(());
        }
        let refused = self.shared.send(documents).await?;
        if refused.is_empty() {
            return Ok(());
        }
        // Perhaps the mapping was changed under us: a document is given up only by our own.
        self.shared.search.ensure_index().await?;
        let again = refused.into_iter().map(|(document, _)| document).collect();
        for (document, reason) in self.shared.send(again).await? {
            metrics::counter!("parlor_search_failures_total", "reason" => "refused").increment(1);
            let (id, seq) = (document.id(), document.seq.get());
            tracing::error!(document.id = id, seq, reason, "a message cannot be searched");
        }
        Ok(())
    }

    fn lags(&self, lag: Duration) {
        self.shared.search.set_lag(lag);
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
                metrics::counter!("parlor_search_failures_total", "reason" => "away").increment(1);
                if failure == Failure::NoIndex {
                    self.look.notify_one();
                }
                Err(failure.into())
            }
        }
    }
}

/// Makes the index when it is not there, and says which one it is.
async fn watch_index(shared: Arc<Shared>) {
    let mut pauses = Pauses::default();
    let mut ensured = false;
    loop {
        let found = match shared.search.identity().await {
            Ok(identity) if ensured => Ok(identity),
            Ok(_) | Err(Failure::NoIndex) => shared.search.ensure_index().await,
            Err(failure) => Err(failure),
        };
        let wait = match found {
            Ok(identity) => {
                ensured = true;
                pauses = Pauses::default();
                shared.index.send_if_modified(|known| {
                    let new = known.as_deref() != Some(&*identity);
                    if new {
                        tracing::info!(index = identity, "the search index is ready");
                        *known = Some(identity.into());
                    }
                    new
                });
                LOOK_EVERY
            }
            Err(error) => {
                metrics::counter!("parlor_search_failures_total", "reason" => "away").increment(1);
                pauses.after(|| {
                    tracing::warn!(%error, "the search index cannot be looked at; it is tried again until it is");
                })
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shared.look.notified() => {}
        }
    }
}
