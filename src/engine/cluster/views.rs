//! The cluster engine's answers to queries: those of its CQL store.

use async_trait::async_trait;

use super::log::Cluster;
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ContactId, ConversationId};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine::{Recorded, Result, Views};
use crate::projection::{claims, totals::Totals, turns_due};

#[async_trait]
impl Views for Cluster {
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
        Ok(self.core.cql.claim(account, key).await?.map(|claim| claim.row))
    }

    async fn turns_due(
        &self,
        partition: u32,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<turns_due::Row>> {
        self.core.cql.turns_due(partition, after, limit).await
    }

    async fn totals(&self, account: AccountId) -> Result<Totals> {
        self.core.cql.totals(account).await
    }

    /// The rows forget themselves: they have a time to live.
    async fn expire_claims(&self, _: Timestamp) -> Result<u64> {
        Ok(0)
    }
}
