//! One view among the rows of the store.
//!
//! All views share one fjall keyspace, each under a first byte of its own. So what fjall writes out, or
//! has after a power loss, is the views and the checkpoint as they were at one moment: its keyspaces
//! are written out one by one, and an unsynced journal may end before what some of them have.

use std::ops::{Bound, RangeBounds};

use fjall::{Keyspace, OwnedWriteBatch, Readable as _, Snapshot, UserKey, UserValue};
use serde::de::DeserializeOwned;

use super::store::{parse, storage};
use crate::engine::Result;

/// A view's rows. Keys are without the first byte.
#[derive(Clone)]
pub(super) struct Table {
    rows: Keyspace,
    first: u8,
}

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    whole_key: UserKey,
    pub(super) value: UserValue,
}

impl Row {
    pub(super) fn key(&self) -> &[u8] {
        self.whole_key.get(1..).unwrap_or_default()
    }
}

impl Table {
    pub(super) fn new(rows: &Keyspace, first: u8) -> Self {
        Self { rows: rows.clone(), first }
    }

    fn key(&self, key: &[u8]) -> Vec<u8> {
        let mut whole = Vec::with_capacity(key.len() + 1);
        whole.push(self.first);
        whole.extend_from_slice(key);
        whole
    }

    pub(super) fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<UserValue>> {
        self.rows.get(self.key(key.as_ref())).map_err(storage)
    }

    /// One JSON row.
    pub(super) fn row<T: DeserializeOwned>(&self, key: impl AsRef<[u8]>) -> Result<Option<T>> {
        self.get(key)?.map(|value| parse(&value)).transpose()
    }

    pub(super) fn put(
        &self,
        batch: &mut OwnedWriteBatch,
        key: impl AsRef<[u8]>,
        value: impl Into<UserValue>,
    ) {
        batch.insert(&self.rows, self.key(key.as_ref()), value);
    }

    pub(super) fn remove(&self, batch: &mut OwnedWriteBatch, key: impl AsRef<[u8]>) {
        batch.remove(&self.rows, self.key(key.as_ref()));
    }

    /// Rows in the order of their keys.
    pub(super) fn range<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
    ) -> impl DoubleEndedIterator<Item = Result<Row>> {
        let bound = |bound: Bound<&K>| match bound {
            Bound::Included(key) => Some(Bound::Included(self.key(key.as_ref()))),
            Bound::Excluded(key) => Some(Bound::Excluded(self.key(key.as_ref()))),
            Bound::Unbounded => None,
        };
        let from = bound(range.start_bound()).unwrap_or_else(|| Bound::Included(vec![self.first]));
        let to = bound(range.end_bound()).unwrap_or_else(|| Bound::Excluded(vec![self.first + 1]));
        self.rows.range::<Vec<u8>, _>((from, to)).map(|guard| {
            let (whole_key, value) = guard.into_inner().map_err(storage)?;
            Ok(Row { whole_key, value })
        })
    }

    /// All rows as they were at a moment.
    pub(super) fn all_at(&self, moment: &Snapshot) -> impl Iterator<Item = Result<Row>> + use<> {
        moment.prefix(&self.rows, [self.first]).map(|guard| {
            let (whole_key, value) = guard.into_inner().map_err(storage)?;
            Ok(Row { whole_key, value })
        })
    }
}
