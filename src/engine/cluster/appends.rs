//! The appends of this node that wait for their events to be in the views.

use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;
use tokio::sync::oneshot;

use super::applied::Note;
use crate::domain::conversation::Effect;
use crate::domain::seq::Seq;
use crate::engine::{Appended, Error, Result};

/// All that wait, by their number.
#[derive(Default)]
pub(super) struct Appends {
    next: AtomicU64,
    waiting: DashMap<u64, Waiting>,
}

struct Waiting {
    done: oneshot::Sender<Result<Vec<Appended>>>,
    /// Where the brokers put each event.
    places: Vec<Option<Seq>>,
    results: Vec<Option<Appended>>,
    missing: usize,
}

impl Appends {
    /// Begins an append of `count` events.
    pub(super) fn begin(&self, count: usize) -> (u64, oneshot::Receiver<Result<Vec<Appended>>>) {
        let (done, outcome) = oneshot::channel();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let waiting =
            Waiting { done, places: vec![None; count], results: vec![None; count], missing: count };
        self.waiting.insert(number, waiting);
        metrics::gauge!("parlor_log_appends_waiting").set(self.waiting.len() as f64);
        (number, outcome)
    }

    /// An event is in the log.
    pub(super) fn delivered(&self, append: u64, index: u16, seq: Seq) {
        if let Some(mut waiting) = self.waiting.get_mut(&append)
            && let Some(place) = waiting.places.get_mut(usize::from(index))
        {
            *place = Some(seq);
        }
    }

    /// An event is in the views, or was discarded.
    pub(super) fn applied(&self, note: Note) {
        let complete = {
            let Some(mut waiting) = self.waiting.get_mut(&note.append) else { return };
            let waiting = &mut *waiting;
            let Some(result) = waiting.results.get_mut(usize::from(note.index)) else { return };
            if result.replace(Appended { seq: note.seq, effect: note.effect }).is_none() {
                waiting.missing -= 1;
            }
            waiting.missing == 0
        };
        if complete && let Some((_, waiting)) = self.waiting.remove(&note.append) {
            waiting.done.send(Ok(waiting.results.into_iter().flatten().collect())).ok();
        }
    }

    /// An event is in the log and needs no projecting.
    pub(super) fn recorded(&self, append: u64, index: u16, seq: Seq) {
        self.applied(Note { append, index, seq, effect: Effect::Applied });
    }

    /// The append ends here.
    pub(super) fn failed(&self, append: u64, error: Error) {
        if let Some((_, waiting)) = self.waiting.remove(&append) {
            waiting.done.send(Err(error)).ok();
        }
    }

    /// Where the events of an append are; none while one is not in the log or nobody waits.
    pub(super) fn places(&self, append: u64) -> Option<Vec<Seq>> {
        self.waiting.get(&append)?.places.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_is_done_when_every_event_is() {
        let appends = Appends::default();
        let (number, mut outcome) = appends.begin(2);
        let note = |index, seq| Note {
            append: number,
            index,
            seq: Seq::new(seq),
            effect: Effect::Applied,
        };
        appends.applied(note(1, 12));
        appends.applied(note(1, 12));
        assert!(outcome.try_recv().is_err(), "told twice of one event");
        appends.applied(note(0, 11));
        let seqs: Vec<_> =
            outcome.try_recv().unwrap().unwrap().iter().map(|one| one.seq.get()).collect();
        assert_eq!(seqs, [11, 12]);
        assert!(appends.waiting.is_empty());
    }

    #[test]
    fn places_are_known_once_all_are_delivered() {
        let appends = Appends::default();
        let (number, _outcome) = appends.begin(2);
        appends.delivered(number, 0, Seq::new(5));
        assert_eq!(appends.places(number), None);
        appends.delivered(number, 1, Seq::new(6));
        assert_eq!(appends.places(number), Some(vec![Seq::new(5), Seq::new(6)]));
    }
}
