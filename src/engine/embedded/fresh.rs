//! States that are newer than the store has them.
//!
//! A state changes with each message, and only its last form counts. So the writer puts each batch's states
//! here, where readers look first, and writes them to the store once for many batches. What a crash takes
//! of them is folded again from the log.

use dashmap::DashMap;

use super::store::{Store, json, storage};
use crate::domain::ids::{AccountId, Id as _};
use crate::engine::Result;
use crate::projection::totals::Totals;
use crate::projection::{Folded, Key};

/// Only the writer adds and removes.
#[derive(Default)]
pub(super) struct Fresh {
    pub(super) states: DashMap<Key, Folded>,
    pub(super) totals: DashMap<AccountId, Totals>,
}

impl Fresh {
    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        self.states.len() + self.totals.len()
    }

    /// Puts all into a batch for the store. They stay until [`Self::forget`], when it is committed.
    pub(super) fn write(&self, store: &Store, batch: &mut fjall::OwnedWriteBatch) -> Result<()> {
        for state in &self.states {
            let json = state.value().json().map_err(storage)?;
            store.states(state.key()).put(batch, state.key().bytes(), json);
        }
        for totals in &self.totals {
            store.totals.put(batch, totals.key().bytes(), json(totals.value())?);
        }
        Ok(())
    }

    /// The store has all.
    pub(super) fn forget(&self) {
        self.states.clear();
        self.totals.clear();
    }
}
