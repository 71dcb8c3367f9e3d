//! What the one partition has applied: the log, of which the timelines know what stands.

use async_trait::async_trait;
use tokio::sync::watch;

use super::keys;
use super::log::Embedded;
use super::writer::PARTITION;
use crate::domain::seq::Seq;
use crate::engine::feed::{Applied, Feed};
use crate::engine::{Result, Topic};
use crate::projection::discarded;

#[async_trait]
impl Feed for Embedded {
    fn owned(&self) -> Vec<u32> {
        vec![PARTITION]
    }

    async fn applied(&self, partition: u32, after: Seq, limit: usize) -> Result<Applied> {
        let store = self.store()?;
        let seen = Seq::new(store.seen(Topic::Events)?.unwrap_or_default().seq);
        if partition != PARTITION || seen <= after || limit == 0 {
            return Ok(Applied::nothing(after));
        }
        let mut page = self.readers().read(Topic::Events, after, limit)?;
        let whole = page.len() == limit;
        page.retain(|entry| entry.seq <= seen);
        let upto = page.last().map(|last| last.seq).filter(|_| whole).unwrap_or(seen);
        let mut events = Vec::with_capacity(page.len());
        for entry in page {
            let stands = match entry.event.body.conversation() {
                Some(id) => {
                    let key = keys::in_conversation(entry.event.account, id, entry.seq.get());
                    store.timeline.get(key)?.is_some()
                }
                None => !discarded::was(self, partition, entry.seq).await?,
            };
            if stands {
                events.push(entry);
            }
        }
        Ok(Applied { events, upto })
    }

    fn news(&self) -> watch::Receiver<()> {
        self.shared.news.subscribe()
    }
}
