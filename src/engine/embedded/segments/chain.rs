//! The chain of hashes over a log: whoever has its last value can tell whether a log is the same.

use sha2::{Digest as _, Sha256};

use super::frame::Record;

pub(super) const HASH_BYTES: usize = 32;
pub(super) type Hash = [u8; HASH_BYTES];

/// The SHA-256 over the batches so far: over the value before, the number of the batch, and for each
/// record its position, its id and the SHA-256 of its body. So a body can go later and the chain
/// still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain(Hash);

impl Chain {
    pub(super) fn at(hash: Hash) -> Self {
        Self(hash)
    }

    /// The value, 32 bytes.
    pub fn hash(&self) -> Hash {
        self.0
    }

    /// Begins a batch.
    pub(super) fn batch(&self, number: u64) -> Link {
        let mut hasher = Sha256::new();
        hasher.update(self.0);
        hasher.update(number.to_le_bytes());
        Link(hasher)
    }
}

/// A batch that is being added.
pub(super) struct Link(Sha256);

impl Link {
    pub(super) fn add(&mut self, record: &Record<'_>) {
        self.0.update(record.seq.to_le_bytes());
        self.0.update(record.id);
        self.0.update(Sha256::digest(record.body));
    }

    pub(super) fn close(self) -> Chain {
        Chain(self.0.finalize().into())
    }
}
