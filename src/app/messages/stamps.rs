//! The times of a conversation's messages, as clients that keep milliseconds can tell them apart.
//!
//! A message's stamp is its time, but at least a millisecond after the stamp of the message before it.
//! So the stamps of a conversation only grow, and what comes after one is what is new. They follow from
//! the log alone: every node says the same, whatever its clock, and nothing of them is stored.
//!
//! A stamp depends on all the messages before it, of which one number is left to know: the last stamp.
//! It is remembered for every whole block of messages, whose beginning the views find. What is forgotten
//! is read again; messages that stand do not change.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use crate::app::App;
use crate::app::conversations::read;
use crate::domain::Result;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ConversationId};
use crate::domain::time::Timestamp;
use crate::engine::Recorded;
use crate::projection::pages::BLOCK;

/// Conversations that are remembered: a number for every fifty messages.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

type Ends = Arc<[Timestamp]>;

/// The last stamps of whole blocks, by conversation.
pub struct Stamps {
    ends: Mutex<LruCache<(AccountId, ConversationId), Ends>>,
}

impl Default for Stamps {
    fn default() -> Self {
        Self { ends: Mutex::new(LruCache::new(REMEMBERED)) }
    }
}

impl Stamps {
    fn known(&self, key: &(AccountId, ConversationId)) -> Ends {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends.get(key).cloned().unwrap_or_default()
    }

    /// Remembers more than is known.
    fn keep(&self, key: (AccountId, ConversationId), found: Ends) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.get(&key).is_none_or(|known| known.len() < found.len()) {
            ends.put(key, found);
        }
    }
}

/// The last stamp of each of a conversation's whole blocks, as far as the views have them.
///
/// # Errors
/// As the engine's views.
pub async fn ends(app: &App, state: &Conversation) -> Result<Ends> {
    let key = (state.account, state.id);
    let known = app.stamps.known(&key);
    let whole = usize::try_from(state.message_count / BLOCK).unwrap_or_default();
    if known.len() >= whole {
        return Ok(known);
    }
    let mut ends = known.to_vec();
    while ends.len() < whole {
        let skip = ends.len() as u64 * BLOCK;
        let size = usize::try_from(BLOCK).unwrap_or_default();
        let page = read::messages(app, state.account, state.id, skip, size).await?;
        let before = ends.last().copied();
        let last = stamped(&page.messages, before).last().map(|(stamp, _)| stamp);
        match last.filter(|_| page.messages.len() == size) {
            Some(last) => ends.push(last),
            None => break,
        }
    }
    let ends: Ends = ends.into();
    app.stamps.keep(key, ends.clone());
    Ok(ends)
}

/// Messages with their stamps; `before` is the stamp of the message before them.
pub fn stamped(
    messages: &[Recorded],
    before: Option<Timestamp>,
) -> impl Iterator<Item = (Timestamp, &Recorded)> {
    messages.iter().scan(before, |last, entry| {
        let stamp = after(*last, entry.event.at);
        *last = Some(stamp);
        Some((stamp, entry))
    })
}

fn after(last: Option<Timestamp>, at: Timestamp) -> Timestamp {
    let earliest = last.map(|last| Timestamp::from_millis(last.millis().saturating_add(1)));
    earliest.map_or(at, |earliest| earliest.max(at))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chain(times: &[i64], before: Option<Timestamp>) -> Vec<i64> {
        let next = |last: &mut Option<Timestamp>, at: &i64| {
            *last = Some(after(*last, Timestamp::from_millis(*at)));
            last.map(Timestamp::millis)
        };
        times.iter().scan(before, next).collect()
    }

    #[test]
    fn a_stamp_is_the_time_where_that_is_later_than_all_before() {
        assert_eq!(chain(&[5, 5, 5, 9, 8, 20], None), [5, 6, 7, 9, 10, 20]);
    }

    proptest! {
        #[test]
        fn stamps_grow_and_are_never_early(times in prop::collection::vec(0..50i64, 1..60), cut in 0..60usize) {
            let stamps = chain(&times, None);
            prop_assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(stamps.iter().zip(&times).all(|(stamp, at)| stamp >= at));
            // Gone on with from anywhere they are the same.
            let cut = cut.min(times.len());
            let before = cut.checked_sub(1).map(|last| Timestamp::from_millis(stamps[last]));
            prop_assert_eq!(chain(&times[cut..], before), &stamps[cut..]);
        }
    }
}
