//! What keeps a node from taking writes, by where it is seen: a reason on `/readyz`, a line in the
//! log when it comes and when it goes, and a refusal for every append meanwhile.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::{Mutex, PoisonError};

/// Where a trouble is seen; the first of them is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    /// The tables are gone.
    Keyspace,
    /// A partition's log is not the one that its views came from.
    Log(u32),
    /// Kafka, and its topics.
    Kafka,
    /// The polls of the log.
    Poll,
    /// A partition of this node that does not advance.
    Progress,
}

/// All that is wrong now.
#[derive(Default)]
pub(super) struct Troubles(Mutex<BTreeMap<Seen, String>>);

impl Troubles {
    /// Says what is wrong there, or that nothing is.
    pub(super) fn set(&self, seen: Seen, trouble: Option<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(detail) => {
                if !all.contains_key(&seen) {
                    tracing::warn!(detail, "writes are refused");
                }
                all.insert(seen, detail);
            }
            None if all.remove(&seen).is_some() && all.is_empty() => {
                tracing::info!("what was wrong is over: writes are taken");
            }
            None => {}
        }
    }

    /// Forgets the logs of all partitions but these.
    pub(super) fn forget_logs_but(&self, partitions: &[u32]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|seen, _| !matches!(seen, Seen::Log(one) if !partitions.contains(one)));
    }

    /// What is wrong there: the first of it.
    pub(super) fn first(&self, seen: impl RangeBounds<Seen>) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.range(seen).next().map(|(_, detail)| detail.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_until_it_is_over_and_others_after_it() {
        let troubles = Troubles::default();
        troubles.set(Seen::Progress, Some("it stands still".into()));
        troubles.set(Seen::Kafka, Some("Kafka is away".into()));
        assert_eq!(troubles.first(..).as_deref(), Some("Kafka is away"));
        assert_eq!(troubles.first(Seen::Poll..).as_deref(), Some("it stands still"));
        troubles.set(Seen::Kafka, None);
        assert_eq!(troubles.first(..).as_deref(), Some("it stands still"));
        troubles.set(Seen::Progress, None);
        troubles.set(Seen::Log(3), Some("another log".into()));
        troubles.forget_logs_but(&[1, 3]);
        assert_eq!(troubles.first(..Seen::Poll).as_deref(), Some("another log"));
        troubles.forget_logs_but(&[1]);
        assert_eq!(troubles.first(..), None);
    }
}
