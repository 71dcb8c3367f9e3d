//! The appends of this node that wait for their events to be in the views.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::kafka::group::Group;
use super::applied::Note;
use crate::domain::conversation::Effect;
use crate::domain::seq::Seq;
use crate::engine::{Appended, Error, Result, Topic};

/// A group that is not heard for so long keeps up no more. Its partitions may change their owners
/// meanwhile.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// All that wait, by their number.
pub(in super::super) struct Appends {
    group: Group,
    next: AtomicU64,
    waiting: DashMap<u64, Waiting>,
    /// When each group was last heard to keep up.
    heard: DashMap<Group, Instant>,
}

struct Waiting {
    done: oneshot::Sender<Result<Vec<Appended>>>,
    /// Where the brokers put each event.
    places: Vec<Option<Seq>>,
    results: Vec<Option<Appended>>,
    missing: usize,
    /// The events that other groups are yet to show.
    elsewhere: Vec<(Group, HashSet<u16>)>,
}

impl Waiting {
    fn is_complete(&self) -> bool {
        self.missing == 0 && self.elsewhere.iter().all(|(_, missing)| missing.is_empty())
    }

    fn results(self) -> (oneshot::Sender<Result<Vec<Appended>>>, Vec<Appended>) {
        (self.done, self.results.into_iter().flatten().collect())
    }
}

/// How far an append is in the own keyspace.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Here {
    /// It is shown, and no other keyspace is waited for.
    Shown(Vec<Appended>),
    AwaitsOthers,
    NotYet,
}

impl Appends {
    pub(in super::super) fn new(group: Group) -> Self {
        Self { group, next: AtomicU64::new(0), waiting: DashMap::new(), heard: DashMap::new() }
    }

    /// Begins an append of `count` events.
    pub(in super::super) fn begin(
        &self,
        topic: Topic,
        count: usize,
    ) -> (u64, oneshot::Receiver<Result<Vec<Appended>>>) {
        let (done, outcome) = oneshot::channel();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let all = || (0..u16::try_from(count).unwrap_or(u16::MAX)).collect();
        let elsewhere = match topic {
            Topic::Events => self.others().into_iter().map(|group| (group, all())).collect(),
            Topic::Accounts => Vec::new(),
        };
        let (places, results) = (vec![None; count], vec![None; count]);
        let waiting = Waiting { done, places, results, missing: count, elsewhere };
        self.waiting.insert(number, waiting);
        metrics::gauge!("parlor_log_appends_waiting").set(self.waiting.len() as f64);
        (number, outcome)
    }

    /// A group keeps up with the log.
    pub(in super::super) fn heard(&self, group: Group) {
        self.heard.insert(group, Instant::now());
    }

    /// Whether the own group does.
    pub(in super::super) fn keeps_up(&self) -> bool {
        self.is_near(self.group)
    }

    /// Whether another group does, as far as is known.
    pub(in super::super) fn hears_others(&self) -> bool {
        !self.others().is_empty()
    }

    /// Other groups have no nodes any more.
    pub(in super::super) fn forget_all_but(&self, present: &[Group]) {
        self.heard.retain(|group, _| present.contains(group));
    }

    fn is_near(&self, group: Group) -> bool {
        self.heard.get(&group).is_some_and(|at| at.elapsed() < HEARD_WITHIN)
    }

    fn others(&self) -> Vec<Group> {
        let near = self.heard.iter().filter(|entry| entry.value().elapsed() < HEARD_WITHIN);
        near.map(|entry| *entry.key()).filter(|group| *group != self.group).collect()
    }

    /// An event is in the log.
    pub(in super::super) fn delivered(&self, append: u64, index: u16, seq: Seq) {
        if let Some(mut waiting) = self.waiting.get_mut(&append)
            && let Some(place) = waiting.places.get_mut(usize::from(index))
        {
            *place = Some(seq);
        }
    }

    /// An event is in the views of a group, or was discarded.
    pub(in super::super) fn applied(&self, group: Group, note: Note) {
        let complete = {
            let Some(mut waiting) = self.waiting.get_mut(&note.append) else { return };
            let waiting = &mut *waiting;
            if group == self.group {
                let Some(result) = waiting.results.get_mut(usize::from(note.index)) else { return };
                if result.replace(Appended { seq: note.seq, effect: note.effect }).is_none() {
                    waiting.missing -= 1;
                }
            } else {
                let mut others = waiting.elsewhere.iter_mut();
                if let Some((_, missing)) = others.find(|(other, _)| *other == group) {
                    missing.remove(&note.index);
                }
            }
            waiting.is_complete()
        };
        if complete && let Some((_, waiting)) = self.waiting.remove(&note.append) {
            let (done, results) = waiting.results();
            done.send(Ok(results)).ok();
        }
    }

    /// An event is in the log and needs no projecting.
    pub(in super::super) fn recorded(&self, append: u64, index: u16, seq: Seq) {
        self.applied(self.group, Note { append, index, seq, effect: Effect::Applied });
    }

    /// How far an append is here; other groups are waited for no longer when they keep up no more, or
    /// are late. One that is shown ends.
    pub(in super::super) fn here(&self, append: u64, others_are_late: bool) -> Here {
        {
            let Some(waiting) = self.waiting.get(&append) else { return Here::NotYet };
            if waiting.missing > 0 {
                return Here::NotYet;
            }
            let mut missing = waiting.elsewhere.iter().filter(|(_, missing)| !missing.is_empty());
            if !others_are_late && missing.any(|(group, _)| self.is_near(*group)) {
                return Here::AwaitsOthers;
            }
        }
        let ended = self.waiting.remove(&append);
        ended.map_or(Here::NotYet, |(_, waiting)| Here::Shown(waiting.results().1))
    }

    /// The append ends here.
    pub(in super::super) fn failed(&self, append: u64, error: Error) {
        if let Some((_, waiting)) = self.waiting.remove(&append) {
            waiting.done.send(Err(error)).ok();
        }
    }

    /// Where the events of an append are; none while one is not in the log or nobody waits.
    pub(in super::super) fn places(&self, append: u64) -> Option<Vec<Seq>> {
        self.waiting.get(&append)?.places.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(append: u64, index: u16, seq: u64) -> Note {
        Note { append, index, seq: Seq::new(seq), effect: Effect::Applied }
    }

    fn groups() -> (Group, Group) {
        (Group::of("parlor"), Group::of("parlor_2"))
    }

    #[test]
    fn an_append_is_done_when_every_event_is() {
        let (own, _) = groups();
        let appends = Appends::new(own);
        let (number, mut outcome) = appends.begin(Topic::Events, 2);
        appends.applied(own, note(number, 1, 12));
        appends.applied(own, note(number, 1, 12));
        assert!(outcome.try_recv().is_err(), "told twice of one event");
        appends.applied(own, note(number, 0, 11));
        let seqs: Vec<_> =
            outcome.try_recv().unwrap().unwrap().iter().map(|one| one.seq.get()).collect();
        assert_eq!(seqs, [11, 12]);
        assert!(appends.waiting.is_empty());
    }

    #[test]
    fn places_are_known_once_all_are_delivered() {
        let appends = Appends::new(groups().0);
        let (number, _outcome) = appends.begin(Topic::Events, 2);
        appends.delivered(number, 0, Seq::new(5));
        assert_eq!(appends.places(number), None);
        appends.delivered(number, 1, Seq::new(6));
        assert_eq!(appends.places(number), Some(vec![Seq::new(5), Seq::new(6)]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_keyspace_shows_says_nothing_of_ours() {
        let (own, other) = groups();
        let appends = Appends::new(own);
        let (number, mut outcome) = appends.begin(Topic::Events, 1);
        appends.applied(other, note(number, 0, 11));
        assert!(outcome.try_recv().is_err(), "the own keyspace does not show it yet");
        appends.applied(own, note(number, 0, 11));
        assert!(outcome.try_recv().unwrap().is_ok(), "nobody has heard the other to keep up");
    }

    #[tokio::test(start_paused = true)]
    async fn an_append_waits_for_another_group_while_that_keeps_up() {
        let (own, other) = groups();
        let appends = Appends::new(own);
        appends.heard(own);
        appends.heard(other);
        let (number, mut outcome) = appends.begin(Topic::Events, 1);
        appends.applied(own, note(number, 0, 11));
        assert!(outcome.try_recv().is_err(), "the other does not show it yet");
        assert_eq!(appends.here(number, false), Here::AwaitsOthers);
        appends.applied(other, note(number, 0, 11));
        assert!(outcome.try_recv().unwrap().is_ok());

        let (late, _outcome) = appends.begin(Topic::Events, 1);
        appends.applied(own, note(late, 0, 12));
        assert!(matches!(appends.here(late, true), Here::Shown(results) if results.len() == 1));
        let (left, _outcome) = appends.begin(Topic::Events, 1);
        assert_eq!(appends.here(left, true), Here::NotYet, "the own keyspace is always waited for");
        appends.applied(own, note(left, 0, 13));
        tokio::time::advance(HEARD_WITHIN).await;
        assert!(matches!(appends.here(left, false), Here::Shown(_)), "the other is gone");
        let (alone, mut outcome) = appends.begin(Topic::Events, 1);
        appends.applied(own, note(alone, 0, 14));
        assert!(outcome.try_recv().unwrap().is_ok());

        appends.heard(other);
        let (last, _outcome) = appends.begin(Topic::Events, 1);
        appends.applied(own, note(last, 0, 15));
        appends.forget_all_but(&[own, other]);
        assert_eq!(appends.here(last, false), Here::AwaitsOthers);
        appends.forget_all_but(&[own]);
        assert!(matches!(appends.here(last, false), Here::Shown(_)), "it has no nodes any more");
    }

    #[tokio::test(start_paused = true)]
    async fn administration_waits_for_nobody_else() {
        let (own, other) = groups();
        let appends = Appends::new(own);
        appends.heard(other);
        let (number, mut outcome) = appends.begin(Topic::Accounts, 1);
        appends.recorded(number, 0, Seq::new(1));
        assert!(outcome.try_recv().unwrap().is_ok());
    }
}
