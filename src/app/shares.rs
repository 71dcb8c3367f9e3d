//! Counts what is held at a time, each thing under several names that have a share each.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// How much is held, by name.
#[derive(Debug)]
pub struct Shares<K: Copy + Eq + Hash> {
    held: Mutex<HashMap<K, usize>>,
}

impl<K: Copy + Eq + Hash> Default for Shares<K> {
    fn default() -> Self {
        Self { held: Mutex::default() }
    }
}

impl<K: Copy + Eq + Hash> Shares<K> {
    /// Takes one of each of these, none of which may be held more often than its number says.
    ///
    /// # Errors
    /// The first name whose share is used up.
    pub fn take<const N: usize>(
        self: &Arc<Self>,
        wanted: [Option<(K, usize)>; N],
    ) -> Result<Held<K, N>, K> {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |name: &K| all.get(name).copied().unwrap_or_default();
        let used_up = wanted.iter().flatten().find(|(name, share)| held(name) >= *share);
        if let Some((name, _)) = used_up {
            return Err(*name);
        }
        let names = wanted.map(|wanted| wanted.map(|(name, _)| name));
        for name in names.into_iter().flatten() {
            *all.entry(name).or_default() += 1;
        }
        Ok(Held { names, shares: self.clone() })
    }
}

/// One of each of its names; free again when this is dropped.
#[derive(Debug)]
pub struct Held<K: Copy + Eq + Hash, const N: usize> {
    names: [Option<K>; N],
    shares: Arc<Shares<K>>,
}

impl<K: Copy + Eq + Hash, const N: usize> Drop for Held<K, N> {
    fn drop(&mut self) {
        let mut all = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        for name in self.names.into_iter().flatten() {
            if let Some(held) = all.get_mut(&name) {
                *held -= 1;
                if *held == 0 {
                    all.remove(&name);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted_under_each_name_and_forgotten_with_the_last() {
        let shares = Arc::new(Shares::default());
        let take = |one, other| shares.take([Some((one, 1)), Some((other, 2)), None]);
        let first = take("a", "all").expect("free");
        assert_eq!(take("a", "all").err(), Some("a"));
        let second = take("b", "all").expect("free");
        assert_eq!(take("c", "all").err(), Some("all"), "nothing is taken of the others");
        drop(first);
        let third = take("c", "all").expect("free again");
        drop((second, third));
        assert!(shares.held.lock().expect("no poison").is_empty());
    }
}
