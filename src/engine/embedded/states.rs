//! The writer's cache of fold states, and which of them a batch has touched.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;

use super::fresh::Fresh;
use super::store::Store;
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ContactId, ConversationId};
use crate::engine::{Error, Result};
use crate::projection;
use crate::projection::totals::{Change, Totals};

/// States kept in memory: far more than one batch can touch, so that none is evicted before it is
/// written.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");

/// Bounded; owned by the writer thread alone.
pub(super) struct Cache {
    conversations: LruCache<(AccountId, ConversationId), Option<Conversation>>,
    contacts: LruCache<(AccountId, ContactId), Option<Contact>>,
    totals: LruCache<AccountId, Totals>,
    touched_conversations: Vec<(AccountId, ConversationId)>,
    touched_contacts: Vec<(AccountId, ContactId)>,
    touched_totals: Vec<AccountId>,
}

/// The cache over the store it fills itself from.
pub(super) struct States<'a> {
    pub(super) cache: &'a mut Cache,
    pub(super) store: &'a Store,
}

impl projection::States for States<'_> {
    type Error = Error;

    fn conversation(
        &mut self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<&mut Option<Conversation>> {
        let key = (account, id);
        self.cache.touched_conversations.push(key);
        let store = self.store;
        self.cache.conversations.try_get_or_insert_mut(key, || store.conversation(account, id))
    }

    fn contact(&mut self, account: AccountId, id: ContactId) -> Result<&mut Option<Contact>> {
        let key = (account, id);
        self.cache.touched_contacts.push(key);
        let store = self.store;
        self.cache.contacts.try_get_or_insert_mut(key, || store.contact(account, id))
    }
}

impl States<'_> {
    /// Counts one message.
    pub(super) fn count(&mut self, change: Change) -> Result<()> {
        self.cache.touched_totals.push(change.account);
        let store = self.store;
        let totals =
            self.cache.totals.try_get_or_insert_mut(change.account, || store.total(change.account));
        totals?.add(change);
        Ok(())
    }
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            conversations: LruCache::new(CAPACITY),
            contacts: LruCache::new(CAPACITY),
            totals: LruCache::new(CAPACITY),
            touched_conversations: Vec::new(),
            touched_contacts: Vec::new(),
            touched_totals: Vec::new(),
        }
    }

    /// Forgets everything: what is in memory may be ahead of the disk.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Puts every touched state, once each, where readers look before the tables have it.
    pub(super) fn publish(&mut self, fresh: &Fresh) {
        distinct(&mut self.touched_conversations);
        for key in self.touched_conversations.drain(..) {
            if let Some(Some(state)) = self.conversations.peek(&key) {
                fresh.conversations.insert(key, Arc::new(state.clone()));
            }
        }
        distinct(&mut self.touched_contacts);
        for key in self.touched_contacts.drain(..) {
            if let Some(Some(state)) = self.contacts.peek(&key) {
                fresh.contacts.insert(key, Arc::new(state.clone()));
            }
        }
        distinct(&mut self.touched_totals);
        for account in self.touched_totals.drain(..) {
            if let Some(totals) = self.totals.peek(&account) {
                fresh.totals.insert(account, *totals);
            }
        }
    }
}

fn distinct<T: Ord>(touched: &mut Vec<T>) {
    touched.sort_unstable();
    touched.dedup();
}
