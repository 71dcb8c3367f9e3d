//! What does not fit into memory while keyspaces are compared: a database in a directory of its
//! own, which goes with it.
//!
//! Of ten million rows some hundred megabytes: rows of a keyspace are kept as hashes, states of the
//! fold only where there is no room for them in memory.

use std::hash::Hash;
use std::num::NonZeroUsize;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use lru::LruCache;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::engine::{Error, Result};

const CACHE_BYTES: u64 = 64 << 20;
const MEMTABLE_BYTES: u64 = 16 << 20;
const JOURNAL_BYTES: u64 = 128 << 20;

/// The database. Nobody else may read its directory, and nobody is meant to find it again.
pub(super) struct Scratch {
    db: Database,
    // After the database, so that it goes after it.
    _dir: TempDir,
}

impl Scratch {
    /// In the system's directory for temporary files (`TMPDIR`).
    ///
    /// # Errors
    /// When there can be none.
    pub(super) fn make() -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("parlor-").tempdir().map_err(storage)?;
        let db = Database::builder(dir.path().join("scratch"))
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES)
            .manual_journal_persist(true)
            .open()
            .map_err(storage)?;
        Ok(Self { db, _dir: dir })
    }

    pub(super) fn keyspace(&self, name: &str) -> Result<Keyspace> {
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        self.db.keyspace(name, options).map_err(storage)
    }
}

pub(super) fn storage(error: impl std::fmt::Display) -> Error {
    Error::Storage(format!("temporary files: {error}"))
}

/// States by their keys: those used last in memory, the others on disk.
pub(super) struct Spill<K: Hash + Eq, V> {
    near: LruCache<K, Option<V>>,
    far: Keyspace,
    write: fn(&V) -> serde_json::Result<Vec<u8>>,
    read: Read<K, V>,
}

/// How a state is read that was written to the disk.
type Read<K, V> = Box<dyn Fn(&K, &[u8]) -> Result<V> + Send>;

impl<K: Copy + Hash + Eq + Into<Vec<u8>>, V: Serialize + DeserializeOwned> Spill<K, V> {
    pub(super) fn new(far: Keyspace, near: NonZeroUsize) -> Self {
        let read = |_: &K, json: &[u8]| serde_json::from_slice(json).map_err(storage);
        Self::with(far, near, serde_json::to_vec, Box::new(read))
    }
}

impl<K: Copy + Hash + Eq + Into<Vec<u8>>, V> Spill<K, V> {
    /// Of states that are not read by their kind alone.
    pub(super) fn with(
        far: Keyspace,
        near: NonZeroUsize,
        write: fn(&V) -> serde_json::Result<Vec<u8>>,
        read: Read<K, V>,
    ) -> Self {
        Self { near: LruCache::new(near), far, write, read }
    }

    /// A state to look at and to change; none where there is none yet.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn state(&mut self, key: K) -> Result<&mut Option<V>> {
        if !self.near.contains(&key) {
            let stored = self.far.get(key.into()).map_err(storage)?;
            let state = stored.map(|bytes| (self.read)(&key, &bytes)).transpose();
            let gone = self.near.push(key, state?);
            if let Some((key, Some(state))) = gone {
                let bytes = (self.write)(&state).map_err(storage)?;
                self.far.insert(key.into(), bytes).map_err(storage)?;
            }
        }
        self.near.get_mut(&key).ok_or_else(|| storage("a state was lost"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    struct Key(u8);

    impl From<Key> for Vec<u8> {
        fn from(key: Key) -> Self {
            vec![key.0]
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_changed_is_found_however_little_stays_in_memory(
            steps in proptest::collection::vec((0..9u8, any::<bool>()), 0..200),
            near in 1..4usize,
        ) {
            let scratch = Scratch::make().unwrap();
            let near = NonZeroUsize::new(near).unwrap();
            let mut spill = Spill::new(scratch.keyspace("numbers").unwrap(), near);
            let mut expected = HashMap::<u8, Option<u32>>::new();
            for (key, changes) in steps {
                let known = expected.entry(key).or_default();
                let state = spill.state(Key(key)).unwrap();
                prop_assert_eq!(&*state, &*known);
                if changes {
                    *known = Some(known.unwrap_or_default() + 1);
                    *state = *known;
                }
            }
        }
    }

    #[test]
    fn nothing_is_left_behind() {
        let scratch = Scratch::make().unwrap();
        let keyspace = scratch.keyspace("some").unwrap();
        keyspace.insert("key", "value").unwrap();
        let dir = scratch._dir.path().to_owned();
        drop((keyspace, scratch));
        assert!(!dir.exists());
    }
}
