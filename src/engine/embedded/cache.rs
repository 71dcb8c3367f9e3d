//! Events kept in memory as they are used: what is read again costs neither the disk nor JSON.
//!
//! The writer puts in what it has just written, since that is read first; readers put in what they had
//! to fetch. What is asked for most stays.

use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::domain::event::Event;
use crate::domain::seq::Seq;

/// What an event takes beside its text, and so the least that is counted for one.
const EVENT_BYTES: u64 = 512;

#[derive(Clone)]
struct Held {
    event: Arc<Event>,
    bytes: u64,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Seq, Held> for Weight {
    fn weight(&self, _: &Seq, held: &Held) -> u64 {
        held.bytes
    }
}

/// Bounded by bytes; shared by all who read.
pub(super) struct EventCache(Cache<Seq, Held, Weight>);

impl EventCache {
    /// Room for some `bytes` of events.
    pub(super) fn new(bytes: u64) -> Self {
        let events = usize::try_from(bytes / EVENT_BYTES).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(events, bytes, Weight))
    }

    pub(super) fn get(&self, seq: Seq) -> Option<Arc<Event>> {
        self.0.get(&seq).map(|held| held.event)
    }

    /// Keeps an event whose JSON is so long.
    pub(super) fn put(&self, seq: Seq, event: &Arc<Event>, json_bytes: usize) {
        let bytes = EVENT_BYTES + json_bytes as u64;
        self.0.insert(seq, Held { event: event.clone(), bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::conversation::tests::story::Story;

    #[test]
    fn it_holds_no_more_than_its_bytes() {
        let cache = EventCache::new(1 << 20);
        let event = Arc::new(Story::numbered(1).inbound(1));
        for seq in 1..=10_000 {
            cache.put(Seq::new(seq), &event, 1_000);
        }
        assert!(cache.0.weight() <= 1 << 20, "{}", cache.0.weight());
        let found = (1..=10_000).filter(|seq| cache.get(Seq::new(*seq)).is_some()).count();
        assert!(found > 300, "{found}");
        cache.put(Seq::new(7), &event, 2 << 20);
        assert!(cache.get(Seq::new(7)).is_none(), "what does not fit is not kept");
    }
}
