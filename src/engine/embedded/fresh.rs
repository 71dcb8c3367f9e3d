//! States that are newer than the store has them.
//!
//! A state changes with each message, and only its last form counts. So the writer puts each batch's states
//! here, where readers look first, and writes them to the store once for many batches. What a crash takes
//! of them is folded again from the log.

use std::sync::Arc;

use dashmap::DashMap;

use super::keys;
use super::store::{Store, json};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ContactId, ConversationId, Id as _};
use crate::engine::Result;
use crate::projection::totals::Totals;

/// Only the writer adds and removes.
#[derive(Default)]
pub(super) struct Fresh {
    pub(super) conversations: DashMap<(AccountId, ConversationId), Arc<Conversation>>,
    pub(super) contacts: DashMap<(AccountId, ContactId), Arc<Contact>>,
    pub(super) totals: DashMap<AccountId, Totals>,
}

impl Fresh {
    pub(super) fn conversation(
        &self,
        account: AccountId,
        id: ConversationId,
    ) -> Option<Conversation> {
        self.conversations.get(&(account, id)).map(|state| Conversation::clone(&state))
    }

    pub(super) fn contact(&self, account: AccountId, id: ContactId) -> Option<Contact> {
        self.contacts.get(&(account, id)).map(|state| Contact::clone(&state))
    }

    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        self.conversations.len() + self.contacts.len() + self.totals.len()
    }

    /// Puts all into a batch for the store. They stay until [`Self::forget`], when it is committed.
    pub(super) fn write(&self, store: &Store, batch: &mut fjall::OwnedWriteBatch) -> Result<()> {
        for state in &self.conversations {
            let (account, id) = *state.key();
            store.conversations.put(batch, keys::conversation(account, id), json(state.value())?);
        }
        for state in &self.contacts {
            let (account, id) = *state.key();
            store.contacts.put(batch, keys::contact(account, id), json(state.value())?);
        }
        for totals in &self.totals {
            store.totals.put(batch, totals.key().bytes(), json(totals.value())?);
        }
        Ok(())
    }

    /// The store has all.
    pub(super) fn forget(&self) {
        self.conversations.clear();
        self.contacts.clear();
        self.totals.clear();
    }
}
