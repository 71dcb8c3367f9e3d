//! The idempotency keys of a conversation's newest messages: of two messages under one key, the one that the
//! log has first is kept.
//!
//! Whoever sends a message with a key looks first whether a message has it, and says up to which event of the
//! conversation that was ([`Idempotency::seen`]). So the fold must know the keys of what came after that, and no
//! more: the state of a conversation has those of its last messages. A message whose sender looked too long ago
//! is discarded as well, and its sender looks again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Why;
use crate::domain::event::Idempotency;
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;

/// So many keys are known at least, whatever the time.
const KNOWN: usize = 256;
/// Keys are forgotten when this and as much again has gone by. Few wait so long for the log.
const KEPT: Duration = Duration::from_secs(5);
/// Of a key's SHA-256 in hex: 64 bits. Two keys that are alike would have to be of one conversation.
const DIGITS: usize = 16;

/// The keys of the newest messages, in two generations: the older is forgotten whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Keys {
    /// Keys of messages up to here may be forgotten.
    #[serde(default)]
    forgotten: Seq,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    older: Vec<String>,
    /// The younger generation: when it began, behind which event, its keys, and where the last of them stands.
    since: Timestamp,
    behind: Seq,
    younger: Vec<String>,
    last: Seq,
}

impl Keys {
    /// Whether there is nothing to know.
    pub fn is_empty(&self) -> bool {
        self.younger.is_empty()
    }

    /// Whether a message under a key may stand. One whose sender did not say how far he looked may: it was
    /// decided elsewhere.
    pub(super) fn refuse(&self, asked: &Idempotency) -> Option<Why> {
        let seen = asked.seen?;
        if seen >= self.last {
            return None;
        }
        let digits = digits(&asked.key);
        if self.older.iter().chain(&self.younger).any(|known| *known == digits) {
            Some(Why::KeyIsUsed)
        } else if seen < self.forgotten {
            Some(Why::LookedTooLongAgo)
        } else {
            None
        }
    }

    /// Notes the key of a message that stands at `seq`; the conversation's event before it is at `before`.
    pub(super) fn note(&mut self, asked: &Idempotency, seq: Seq, before: Seq, at: Timestamp) {
        if asked.seen.is_none() {
            return;
        }
        if self.younger.len() >= KNOWN || (!self.is_empty() && at.since(self.since) >= KEPT) {
            self.forgotten = self.behind;
            self.older = std::mem::take(&mut self.younger);
        }
        if self.younger.is_empty() {
            (self.since, self.behind) = (at, before);
        }
        self.younger.push(digits(&asked.key).to_owned());
        self.last = seq;
    }
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
                    keys.note(&asked, seq, Seq::new(seq.get() - 1), Timestamp::from_millis(at));
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
            keys.note(&asked, place, Seq::new(place.get() - 1), begun);
            assert!(keys.younger.len() + keys.older.len() <= 2 * KNOWN);
        }
        assert_eq!(keys.refuse(&asked(0, Seq::new(1))), Some(Why::LookedTooLongAgo));
    }

    #[test]
    fn a_key_that_its_sender_knows_to_be_free_again_is_taken() {
        let mut keys = Keys::default();
        keys.note(&asked(1, Seq::START), Seq::new(2), Seq::new(1), Timestamp::from_millis(0));
        assert_eq!(keys.refuse(&asked(1, Seq::new(1))), Some(Why::KeyIsUsed));
        assert_eq!(keys.refuse(&asked(1, Seq::new(2))), None);
    }
}
