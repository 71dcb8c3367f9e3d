//! The embedded engine's answers to queries.

use async_trait::async_trait;

use super::log::Embedded;
use super::store::parse;
use super::table::Row as Stored;
use super::{expiry, keys};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ContactId, ConversationId};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine::{Error, Recorded, Result, Views};
use crate::projection::pages::{self, BLOCK};
use crate::projection::{Folded, Key, claims, totals::Totals};

/// Where the event is that a row of the timeline names: its key ends in the position.
fn place(row: &Stored) -> Result<Seq> {
    let malformed = || Error::Storage("a key of timeline is malformed".into());
    keys::read_position(row.key()).ok_or_else(malformed)
}

#[async_trait]
impl Views for Embedded {
    async fn state(&self, key: Key) -> Result<Option<Folded>> {
        self.store()?.folded(&key)
    }

    async fn conversation(
        &self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<Option<Conversation>> {
        self.store()?.state(&Key::conversation(account, id))
    }

    async fn contact(&self, account: AccountId, id: ContactId) -> Result<Option<Contact>> {
        self.store()?.state(&Key::contact(account, id))
    }

    async fn timeline(
        &self,
        account: AccountId,
        conversation: ConversationId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let store = self.store()?;
        let from = keys::in_conversation(account, conversation, after.next().get());
        let to = keys::in_conversation(account, conversation, u64::MAX);
        let rows = store.timeline.range(from..=to).take(limit);
        self.readers().events(&rows.map(|row| place(&row?)).collect::<Result<Vec<_>>>()?)
    }

    async fn timeline_before(
        &self,
        account: AccountId,
        conversation: ConversationId,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let store = self.store()?;
        let from = keys::in_conversation(account, conversation, 0);
        let to = keys::in_conversation(account, conversation, before.get());
        let newest_first = store.timeline.range(from..to).rev().take(limit);
        let mut places = newest_first.map(|row| place(&row?)).collect::<Result<Vec<_>>>()?;
        places.reverse();
        self.readers().events(&places)
    }

    async fn messages(
        &self,
        account: AccountId,
        conversation: ConversationId,
        skip: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>> {
        let begin = pages::begin(self, account, conversation, skip / BLOCK).await?;
        let Some(begin) = begin else { return Ok(Vec::new()) };
        let store = self.store()?;
        let from = keys::in_conversation(account, conversation, begin.get());
        let to = keys::in_conversation(account, conversation, u64::MAX);
        let skip = usize::try_from(skip % BLOCK).unwrap_or(0);
        let messages = store
            .timeline
            .range(from..=to)
            .filter(|row| row.as_ref().map_or(true, |row| *row.value == keys::MESSAGE));
        let places = messages.skip(skip).take(limit).map(|row| place(&row?));
        self.readers().events(&places.collect::<Result<Vec<_>>>()?)
    }

    async fn claim(&self, account: AccountId, key: &str) -> Result<Option<claims::Row>> {
        self.store()?.claims.row(keys::claim(account, key))
    }

    async fn totals(&self, account: AccountId) -> Result<Totals> {
        self.store()?.total(account)
    }

    async fn expire(&self, now: Timestamp) -> Result<u64> {
        let store = self.store()?;
        let of_views = expiry::sweep(&store.db, store.rows(), now, |first, key, row| {
            if first == keys::CLAIMS {
                return Ok(Some(parse::<claims::Row>(row)?.at.plus(claims::KEPT)));
            }
            Ok(expiry::of_table(store.schema.tables(), first, key, row))
        })?;
        Ok(of_views + self.places().expire(store.schema.outside, now)?)
    }
}
