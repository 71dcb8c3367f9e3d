//! The cluster engine's answers to queries: those of its CQL store.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::core::Core;
use super::log::Cluster;
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ContactId, ConversationId};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine::{Error, Grant, Quotas, Recorded, Result, Views};
use crate::projection::{
    Cells, Change, Folded, Found, Key, Places, Range, Rows, Table, claims, totals::Totals,
};

/// How long a caller waits for the nodes to agree on its limit.
const QUOTA_TIMEOUT: Duration = Duration::from_secs(3);

/// The store's quotas as all nodes take from them.
pub(super) struct SharedQuotas(pub(super) Arc<Core>);

#[async_trait]
impl Quotas for SharedQuotas {
    async fn take(&self, bucket: &str, calls: u32, per_minute: NonZeroU32) -> Result<Grant> {
        let now = (self.0.clock)().millis();
        let quota = self.0.cql.take_quota(bucket, calls, per_minute, now);
        let quota = tokio::time::timeout(QUOTA_TIMEOUT, quota).await;
        let quota = quota.unwrap_or(Err(Error::Overloaded))?;
        let (granted, remaining) = (quota.granted, quota.remaining);
        Ok(Grant { granted, remaining, retry_after: quota.retry_after })
    }
}

#[async_trait]
impl Rows for Cluster {
    type Error = Error;

    async fn get(&self, table: &'static Table, key: Cells) -> Result<Option<Cells>> {
        self.core.cql.get(table, key).await
    }

    async fn range(&self, table: &'static Table, range: Range) -> Result<Vec<Found>> {
        self.core.cql.range(table, range).await
    }
}

#[async_trait]
impl Places for Cluster {
    async fn keep(&self, change: Change) -> Result<()> {
        self.core.cql.keep(change).await
    }
}

#[async_trait]
impl Views for Cluster {
    async fn state(&self, key: Key) -> Result<Option<Folded>> {
        self.core.cql.state(key).await
    }

    async fn conversation(
        &self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<Option<Conversation>> {
        self.core.cql.conversation(account, id).await
    }

    async fn contact(&self, account: AccountId, id: ContactId) -> Result<Option<Contact>> {
        self.core.cql.contact(account, id).await
    }

    async fn timeline(
        &self,
        account: AccountId,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        self.core.cql.timeline(account, conversation, after, limit).await
    }

    async fn timeline_before(
        &self,
        account: AccountId,
        conversation: ConversationId,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        self.core.cql.timeline_before(account, conversation, before, limit).await
    }

    async fn messages(
        &self,
        account: AccountId,
        conversation: ConversationId,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        self.core.cql.messages(account, conversation, skip, limit).await
    }

    async fn claim(&self, account: AccountId, key: &str) -> Result<Option<claims::Row>> {
        self.core.cql.claim(account, key).await
    }

    async fn totals(&self, account: AccountId) -> Result<Totals> {
        self.core.cql.totals(account).await
    }

    /// The rows forget themselves: they have a time to live.
    async fn expire(&self, _: Timestamp) -> Result<u64> {
        Ok(0)
    }
}
