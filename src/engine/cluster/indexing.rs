//! What the search indexer needs of the rest: messages it missed, and where it keeps its place.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::core::Core;
use super::cql::Cql;
use super::log::Place;
use super::search::{Backlog, Checkpoints, Indexer, OpenSearch, Settings};
use crate::domain::seq::Seq;
use crate::engine::{Error, Recorded, Result, Topic};
use crate::projection::is_message;

/// Events read at once, and timelines asked at once which of them stand.
const PAGE: usize = 500;
const READS: usize = 32;

/// Starts to index what this node projects.
///
/// # Errors
/// When the address is none.
pub(super) fn start(core: &Arc<Core>, place: &Place) -> Result<(Indexer, OpenSearch)> {
    let search = OpenSearch::new(Settings {
        url: place.url.clone(),
        access: place.access.clone(),
        index: format!("{}-messages", core.settings.prefix.to_lowercase()),
        shards: core.settings.partitions.clamp(1, 6),
        replicas: core.settings.replication.saturating_sub(1).min(1),
    })?;
    let backlog = Arc::new(FromLog(Arc::downgrade(core)));
    let checkpoints = Arc::new(InViews(core.cql.clone()));
    Ok((Indexer::start(search.clone(), backlog, checkpoints, core.clock), search))
}

/// Reads the log, and asks the timelines what the fold applied.
struct FromLog(Weak<Core>);

#[async_trait]
impl Backlog for FromLog {
    async fn applied_messages(
        &self,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Result<(Vec<Recorded>, Seq)> {
        let closed = || Error::ReadOnly("the engine is closed".into());
        let core = self.0.upgrade().ok_or_else(closed)?;
        let projected = core.projected.get(&partition).map(|seq| *seq).unwrap_or_default();
        let end = core.reader.end(Topic::Events, partition).await?;
        if end < projected {
            return Err(Error::ReadOnly("the log does not show yet what was projected".into()));
        }
        let (mut found, mut reached) = (Vec::new(), after);
        while found.len() < limit && reached < projected {
            let page = core.reader.read(Topic::Events, partition, reached, PAGE).await?;
            let read = page.len();
            let page = page.into_iter().take_while(|entry| entry.seq <= projected);
            let page: Vec<_> = page.collect();
            let Some(last) = page.last().map(|entry| entry.seq) else {
                reached = projected;
                break;
            };
            let room = limit - found.len();
            let mut messages: Vec<_> =
                page.into_iter().filter(|entry| is_message(&entry.event)).collect();
            reached = match messages.get(room.saturating_sub(1)) {
                Some(entry) if messages.len() > room => entry.seq,
                _ if read < PAGE => projected,
                _ => last,
            };
            messages.truncate(room);
            found.extend(standing(&core.cql, messages).await?);
        }
        Ok((found, reached))
    }
}

/// Those that stand in their conversation's timeline.
async fn standing(cql: &Cql, messages: Vec<Recorded>) -> Result<Vec<Recorded>> {
    let asked = messages.into_iter().map(|entry| async move {
        let Some(id) = entry.event.body.conversation() else { return Ok(None) };
        let stands = cql.stands(entry.event.account, id, entry.seq).await?;
        Ok::<_, Error>(stands.then_some(entry))
    });
    let found: Vec<_> = stream::iter(asked).buffered(READS).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Keeps the indexer's places beside the views.
struct InViews(Cql);

#[async_trait]
impl Checkpoints for InViews {
    async fn load(&self, index: &str, partition: u32) -> Result<Seq> {
        Ok(self.0.indexed(index, partition).await?.unwrap_or_default())
    }

    async fn store(&self, index: &str, partition: u32, seq: Seq) -> Result<()> {
        self.0.store_indexed(index, partition, seq).await
    }
}
