//! What this node's partitions have applied: from memory for who keeps up, else from the log, of which the
//! timelines know what stands.

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::watch;

use super::cql::Cql;
use super::log::Cluster;
use crate::domain::seq::Seq;
use crate::engine::feed::{Applied, Feed};
use crate::engine::{Error, Recorded, Result, Topic};
use crate::projection::discarded;

/// Timelines asked at once.
const READS: usize = 32;

#[async_trait]
impl Feed for Cluster {
    fn owned(&self) -> Vec<u32> {
        self.core.owned.partitions()
    }

    async fn applied(&self, partition: u32, after: Seq, limit: usize) -> Result<Applied> {
        let core = &self.core;
        if let Some(found) = core.owned.recent.after(partition, after, limit) {
            return Ok(found);
        }
        let projected = core.owned.projected.get(&partition).map(|seq| *seq).unwrap_or_default();
        if projected <= after || limit == 0 {
            return Ok(Applied::nothing(after));
        }
        if core.reader.end(Topic::Events, partition).await? < projected {
            return Err(Error::ReadOnly("the log does not show yet what was projected".into()));
        }
        let mut page = core.reader.read(Topic::Events, partition, after, limit).await?;
        let whole = page.len() == limit;
        page.retain(|entry| entry.seq <= projected);
        let upto = page.last().map(|last| last.seq).filter(|_| whole);
        let events = standing(&core.cql, partition, page).await?;
        Ok(Applied { events, upto: upto.unwrap_or(projected) })
    }

    fn news(&self) -> watch::Receiver<()> {
        self.core.owned.recent.want();
        self.core.owned.news.subscribe()
    }
}

/// Those that the fold applied.
async fn standing(cql: &Cql, partition: u32, page: Vec<Recorded>) -> Result<Vec<Recorded>> {
    let asked = page.into_iter().map(|entry| async move {
        let stands = match entry.event.body.conversation() {
            Some(id) => cql.stands(entry.event.account, id, entry.seq).await?,
            None => !discarded::was(cql, partition, entry.seq).await?,
        };
        Ok::<_, Error>(stands.then_some(entry))
    });
    let found: Vec<_> = stream::iter(asked).buffered(READS).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
