//! What has been touched since a keyspace was empty, roughly: a Bloom filter.
//!
//! A rebuild meets each conversation and each contact for the first time once. Asking the store for
//! what cannot be there would be a third of all that it asks.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

/// A few in a thousand of twenty million keys seem known that are not, which costs a read each.
const WORDS: usize = (32 << 20) / 8;

/// Keys, of which it is known for certain when they come for the first time.
pub(in super::super) struct Touched(Vec<AtomicU64>);

impl Touched {
    pub(in super::super) fn new() -> Self {
        Self((0..WORDS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Notes a key; false when it certainly was not noted before.
    pub(in super::super) fn touch(&self, kind: u8, key: &[&[u8]]) -> bool {
        let mut digest = Sha256::new().chain_update([kind]);
        for part in key {
            digest.update(part);
        }
        let mut known = true;
        for part in digest.finalize().chunks_exact(8) {
            let place = part.iter().fold(0, |place: usize, byte| place << 8 | usize::from(*byte));
            let bit = 1 << (place % 64);
            known &= self.0[place / 64 % WORDS].fetch_or(bit, Ordering::Relaxed) & bit != 0;
        }
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_new_once() {
        let touched = Touched::new();
        let new = |from: u32, to: u32| {
            (from..to).filter(|number| !touched.touch(1, &[&number.to_be_bytes()])).count()
        };
        assert!(new(0, 10_000) > 9_990, "hardly any seems known that is not");
        assert_eq!(new(0, 10_000), 0, "none that is known seems new");
        assert!(!touched.touch(2, &[&7u32.to_be_bytes()]), "another kind is another key");
    }
}
