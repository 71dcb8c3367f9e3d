//! The writer's cache of fold states, and which of them a batch has touched.

use std::num::NonZeroUsize;

use lru::LruCache;

use super::fresh::Fresh;
use super::store::Store;
use crate::domain::ids::AccountId;
use crate::engine::{Error, Result};
use crate::projection::totals::{Change, Totals};
use crate::projection::{self, Folded, Key};

/// States kept in memory: far more than one batch can touch, so that none is evicted before it is
/// written.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(32_768).expect("not zero");

/// Bounded; owned by the writer thread alone.
pub(super) struct Cache {
    states: LruCache<Key, Option<Folded>>,
    totals: LruCache<AccountId, Totals>,
    touched: Vec<Key>,
    touched_totals: Vec<AccountId>,
}

/// The cache over the store it fills itself from.
pub(super) struct States<'a> {
    pub(super) cache: &'a mut Cache,
    pub(super) store: &'a Store,
}

impl projection::States for States<'_> {
    type Error = Error;

    fn state(&mut self, key: Key) -> Result<&mut Option<Folded>> {
        self.cache.touched.push(key);
        let store = self.store;
        self.cache.states.try_get_or_insert_mut(key, || store.folded(&key))
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
            states: LruCache::new(CAPACITY),
            totals: LruCache::new(CAPACITY),
            touched: Vec::new(),
            touched_totals: Vec::new(),
        }
    }

    /// Forgets everything: what is in memory may be ahead of the disk.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Puts every touched state, once each, where readers look before the tables have it.
    pub(super) fn publish(&mut self, fresh: &Fresh) {
        distinct(&mut self.touched);
        for key in self.touched.drain(..) {
            if let Some(Some(state)) = self.states.peek(&key) {
                fresh.states.insert(key, state.clone());
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
