//! The idempotency keys of a conversation's newest messages: of two messages under one key, the one that the
//! log has first is kept.
//!
//! Whoever sends a message with a key looks first whether a message has it, and says up to which event of the
//! conversation that was ([`Idempotency::seen`]). So the fold must know the keys of what came after that, and no
//! more: the state of a conversation has those of its last messages. A message whose sender looked too long ago
//! is discarded as well, and its sender looks again.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Why;
use crate::domain::event::Idempotency;
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;

/// So many keys are known at most. Readers of the log go by this and by [`KEPT`]: permanent.
const KNOWN: usize = 256;
/// A key is forgotten when a message with a key comes that is later by more. Few wait so long for the log.
const KEPT: Duration = Duration::from_secs(5);
/// Of a key's SHA-256 in hex: 64 bits. Two keys that are alike would have to be of one conversation.
const DIGITS: usize = 16;

/// The keys of a conversation's newest messages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keys {
    /// Where the last message stands whose key was forgotten.
    #[serde(default, skip_serializing_if = "is_start")]
    forgotten: Seq,
    /// Oldest first.
    known: VecDeque<Known>,
}

/// Where a message stands, its time in milliseconds, and the digits of its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known(Seq, i64, String);

impl Keys {
    /// Whether there is nothing to know.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Why a message under a key does not stand; none where it does. One whose sender did not say how far it
    /// looked does: that was decided elsewhere.
    pub(super) fn refuse(&self, asked: &Idempotency) -> Option<Why> {
        let seen = asked.seen?;
        let digits = digits(&asked.key);
        if self.known.iter().any(|Known(seq, _, known)| *seq > seen && known == digits) {
            Some(Why::KeyIsUsed)
        } else if seen < self.forgotten {
            Some(Why::LookedTooLongAgo)
        } else {
            None
        }
    }

    /// Notes the key of a message that stands.
    pub(super) fn note(&mut self, asked: &Idempotency, seq: Seq, at: Timestamp) {
        if asked.seen.is_none() {
            return;
        }
        let is_old = |first: &Known| at.since(Timestamp::from_millis(first.1)) > KEPT;
        while let Some(first) = self.known.front()
            && (self.known.len() >= KNOWN || is_old(first))
        {
            self.forgotten = first.0;
            self.known.pop_front();
        }
        self.known.push_back(Known(seq, at.millis(), digits(&asked.key).to_owned()));
    }
}

fn is_start(seq: &Seq) -> bool {
    *seq == Seq::START
}

fn digits(key: &str) -> &str {
    key.get(..DIGITS).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn asked(key: usize, seen: Seq) -> Idempotency {
        Idempotency {
            key: format!("{key:064x}").chars().rev().collect(),
            request: String::new(),
            seen: Some(seen),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Each message's sender has looked some events ago, and sends what he has not seen under its key.
        #[test]
        fn of_messages_under_one_key_one_is_kept(
            messages in prop::collection::vec((0..40_usize, 0..20_u64, 0..3_000_i64), 1..600),
        ) {
            let (mut keys, mut kept, mut at) = (Keys::default(), HashMap::new(), 0);
            for (seq, (key, ago, after)) in (1..).zip(messages) {
                at += after;
                let (seq, seen) = (Seq::new(seq), Seq::new(u64::saturating_sub(seq - 1, ago)));
                if kept.get(&key).is_some_and(|place: &Seq| *place <= seen) {
                    continue;
                }
                let asked = asked(key, seen);
                let why = keys.refuse(&asked);
                match kept.get(&key) {
                    Some(_) => prop_assert!(why.is_some(), "{key} is there twice"),
                    None => prop_assert_ne!(why, Some(Why::KeyIsUsed), "{} is new", key),
                }
                if why.is_none() {
                    keys.note(&asked, seq, Timestamp::from_millis(at));
                    kept.insert(key, seq);
                }
                let read: Keys = serde_json::from_str(&serde_json::to_string(&keys).unwrap()).unwrap();
                prop_assert_eq!(&read, &keys);
            }
        }
    }

    #[test]
    fn so_many_at_once_wait_for_nobody() {
        let mut keys = Keys::default();
        let begun = Timestamp::from_millis(0);
        for number in 0..10 * KNOWN {
            let place = Seq::new(u64::try_from(number).unwrap() + 1);
            let seen = Seq::new(place.get().saturating_sub(u64::try_from(KNOWN).unwrap()));
            let asked = asked(number, seen);
            assert_eq!(keys.refuse(&asked), None, "{number}");
            keys.note(&asked, place, begun);
            assert!(keys.known.len() <= KNOWN);
        }
        assert_eq!(keys.refuse(&asked(0, Seq::new(1))), Some(Why::LookedTooLongAgo));
    }

    #[test]
    fn a_key_that_its_sender_knows_to_be_free_again_is_taken() {
        let mut keys = Keys::default();
        keys.note(&asked(1, Seq::START), Seq::new(2), Timestamp::from_millis(0));
        assert_eq!(keys.refuse(&asked(1, Seq::new(1))), Some(Why::KeyIsUsed));
        assert_eq!(keys.refuse(&asked(1, Seq::new(2))), None);
    }

    #[test]
    fn a_key_is_forgotten_when_messages_come_that_are_five_seconds_later() {
        let mut keys = Keys::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        for (number, seconds) in [(1, 0), (2, 5), (3, 10)] {
            let place = Seq::new(u64::try_from(number).unwrap() + 1);
            keys.note(&asked(number, Seq::START), place, at(seconds));
        }
        assert_eq!(keys.refuse(&asked(4, Seq::new(1))), Some(Why::LookedTooLongAgo));
        assert_eq!(keys.refuse(&asked(4, Seq::new(2))), None);
        assert_eq!(keys.refuse(&asked(2, Seq::new(2))), Some(Why::KeyIsUsed));
        assert_eq!(keys.refuse(&asked(1, Seq::new(2))), None, "its sender knows of it");
    }
}
