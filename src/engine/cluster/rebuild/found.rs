//! What was found in a keyspace: its rows as hashes, on disk.

use fjall::Keyspace;
use sha2::{Digest as _, Sha256};

use super::super::cql::{Kept, Stored};
use super::scratch::storage;
use crate::domain::seq::Seq;
use crate::engine::Result;

/// Enough of a hash to tell rows apart.
type Hash = [u8; 16];

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// As of where in the log it stands.
    pub(super) seq: Seq,
    hash: Hash,
    /// The log makes it.
    agreed: bool,
}

impl Row {
    /// Whether it is what is expected, `seq` apart.
    pub(super) fn has(&self, value: &str) -> bool {
        self.hash == hash(value)
    }

    fn to_bytes(self) -> [u8; 25] {
        let mut bytes = [0; 25];
        bytes[..8].copy_from_slice(&self.seq.get().to_be_bytes());
        bytes[8..24].copy_from_slice(&self.hash);
        bytes[24] = u8::from(self.agreed);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let read = || {
            let seq = Seq::new(u64::from_be_bytes(bytes.get(..8)?.try_into().ok()?));
            let hash = bytes.get(8..24)?.try_into().ok()?;
            Some(Self { seq, hash, agreed: *bytes.get(24)? != 0 })
        };
        read().ok_or_else(|| storage("a row is damaged"))
    }
}

fn hash(value: &str) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(&Sha256::digest(value.as_bytes())[..16]);
    hash
}

/// The rows of one keyspace.
pub(super) struct Found {
    rows: Keyspace,
    kept: Vec<Kept>,
}

impl Found {
    /// Of what is kept, none so far.
    pub(super) fn new(rows: Keyspace, kept: impl Iterator<Item = Kept>) -> Self {
        Self { rows, kept: kept.collect() }
    }

    pub(super) fn put(&self, kept: Kept, stored: &Stored) -> Result<()> {
        let row = Row { seq: stored.seq, hash: hash(&stored.value), agreed: false };
        self.rows.insert(self.key(kept, &stored.key), row.to_bytes()).map_err(storage)
    }

    pub(super) fn get(&self, kept: Kept, name: &str) -> Result<Option<Row>> {
        let row = self.rows.get(self.key(kept, name)).map_err(storage)?;
        row.map(|bytes| Row::from_bytes(&bytes)).transpose()
    }

    /// Notes that the log makes this row.
    pub(super) fn agree(&self, kept: Kept, name: &str, row: Row) -> Result<()> {
        let row = Row { agreed: true, ..row };
        self.rows.insert(self.key(kept, name), row.to_bytes()).map_err(storage)
    }

    /// The first row that the log does not make.
    pub(super) fn first_too_many(&self) -> Result<Option<(Kept, String)>> {
        for guard in self.rows.iter() {
            let (key, value) = guard.into_inner().map_err(storage)?;
            if Row::from_bytes(&value)?.agreed {
                continue;
            }
            let (tag, name) = key.split_first().ok_or_else(|| storage("a key is damaged"))?;
            let kept = self.kept.get(usize::from(*tag)).copied();
            let kept = kept.ok_or_else(|| storage("a key is damaged"))?;
            return Ok(Some((kept, String::from_utf8_lossy(name).into_owned())));
        }
        Ok(None)
    }

    /// The place of what is kept, then the row's own key.
    fn key(&self, kept: Kept, name: &str) -> Vec<u8> {
        let tag = self.kept.iter().position(|known| *known == kept);
        let mut key = Vec::with_capacity(1 + name.len());
        key.push(tag.and_then(|tag| u8::try_from(tag).ok()).unwrap_or(u8::MAX));
        key.extend_from_slice(name.as_bytes());
        key
    }
}
