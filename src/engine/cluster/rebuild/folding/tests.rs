//! Rows that a projector wrote while they were read are never taken for wrong ones, and wrong ones
//! are never taken for right.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::found::Found;
use super::super::judge::Difference;
use super::*;
use crate::domain::conversation::tests::story::Story;
use crate::domain::event::Event;
use crate::domain::seq::Seq;
use crate::engine::cluster::cql::kept;
use crate::engine::cluster::project::fold::{Cache, opened};
use crate::projection::{SCHEMA, turns_due};

type Rows = BTreeMap<(Kept, String), Stored>;

/// One partition: its log, and its views after so many events of it.
struct Partition {
    log: Vec<Recorded>,
    views: Vec<Rows>,
}

impl Partition {
    /// As the projector makes the views.
    fn new(number: u32, events: Vec<Event>) -> Self {
        let recorded = |(place, event): (u64, Event)| Recorded {
            seq: Seq::new(place * 3 + 1),
            event: event.into(),
        };
        let log: Vec<_> = (1..).zip(events).map(recorded).collect();
        let mut cache = Cache::holding(NonZeroUsize::new(100).unwrap(), &SCHEMA);
        let (mut rows, mut due) = (Rows::new(), BTreeSet::new());
        let mut views = vec![rows.clone()];
        for entry in &log {
            let batch = std::slice::from_ref(entry);
            let needs = cache.needs(batch);
            needs.states.into_iter().for_each(|key| cache.put_state(key, None));
            needs.totals.into_iter().for_each(|account| cache.put_totals(account, None));
            let commit = cache.fold(number, batch, &HashSet::new(), &due).unwrap().commit;
            due.extend(commit.rows.iter().filter(|change| change.row.is_some()).filter_map(opened));
            for (kept, row) in commit.stored().unwrap() {
                rows.insert((kept, row.key.clone()), row);
            }
            for gone in commit.removed() {
                rows.remove(&gone);
            }
            views.push(rows.clone());
        }
        Self { log, views }
    }

    /// The end of the log after so many events.
    fn seq(&self, events: usize) -> Seq {
        events.checked_sub(1).map_or(Seq::START, |last| self.log[last].seq)
    }

    /// What a scan finds that reads each row at a moment of its own, none before `checkpoint`.
    fn scan(&self, checkpoint: usize, moments: &[Index]) -> Rows {
        let later = &self.views[checkpoint..];
        let keys: BTreeSet<_> = later.iter().flat_map(Rows::keys).collect();
        let found = keys.into_iter().zip(moments.iter().cycle()).filter_map(|(key, moment)| {
            let row = later[moment.index(later.len())].get(key)?;
            Some((key.clone(), row.clone()))
        });
        found.collect()
    }

    /// Rows that a scan must find, whenever it reads them.
    fn certain(&self, checkpoint: usize) -> Vec<(Kept, String)> {
        let always = |key: &&(Kept, String)| {
            self.views[checkpoint..].iter().all(|rows| rows.contains_key(*key))
        };
        self.views[checkpoint].keys().filter(always).cloned().collect()
    }
}

/// A log of two partitions with a contact each, how far each is in the views, and the moments
/// at which rows are read.
#[derive(Debug, Clone)]
struct Case {
    events: [Vec<Event>; 2],
    checkpoints: [Index; 2],
    moments: Vec<Index>,
}

impl Case {
    fn partitions(&self) -> Vec<(Partition, usize)> {
        let each = (0..).zip(self.events.iter().zip(&self.checkpoints));
        each.map(|(number, (events, checkpoint))| {
            let partition = Partition::new(number, events.clone());
            (partition, checkpoint.index(events.len() + 1))
        })
        .collect()
    }
}

fn case() -> impl Strategy<Value = Case> {
    let steps = || proptest::collection::vec((0..10u8, 1..6u64), 0..40);
    let events = |number: u128, steps: Vec<(u8, u64)>| {
        let s = Story::numbered(number);
        let step = |(kind, number): (u8, u64)| match kind {
            0..=3 => s.inbound(number),
            4 | 5 => s.reply(number, "yes", false),
            6 => s.assigned("Sarah"),
            7 => s.resolved(),
            8 => s.read(number),
            _ => s.deleted(),
        };
        [s.created(), s.started()].into_iter().chain(steps.into_iter().map(step)).collect()
    };
    let moments = proptest::collection::vec(any::<Index>(), 1..50);
    (steps(), steps(), any::<[Index; 2]>(), moments).prop_map(
        move |(one, other, checkpoints, moments)| Case {
            events: [events(1, one), events(2, other)],
            checkpoints,
            moments,
        },
    )
}

fn judged(partitions: &[(Partition, usize)], rows: &Rows) -> Option<Difference> {
    let scratch = Scratch::make().unwrap();
    let found = Found::new(scratch.keyspace("found").unwrap(), kept(&SCHEMA));
    for ((kept, _), row) in rows {
        found.put(*kept, row).unwrap();
    }
    let checkpoints = partitions.iter().map(|(partition, upto)| partition.seq(*upto)).collect();
    let mut judges = vec![Judge::new(found, checkpoints)];
    let mut folding = Folding::new(&scratch, &SCHEMA).unwrap();
    for (number, (partition, _)) in (0..).zip(partitions) {
        for entry in &partition.log {
            folding.event(number, entry, &mut judges).unwrap();
        }
    }
    judges.remove(0).conclude().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_that_are_read_while_they_change_are_as_the_log_makes_them(case in case()) {
        let partitions = case.partitions();
        let scans = partitions.iter().map(|(one, upto)| one.scan(*upto, &case.moments));
        prop_assert_eq!(judged(&partitions, &scans.flatten().collect()), None);
    }

    #[test]
    fn a_row_that_is_wrong_is_named(case in case(), which in any::<Index>(), how in 0..4u8) {
        let partitions = case.partitions();
        let scans = partitions.iter().map(|(one, upto)| one.scan(*upto, &case.moments));
        let mut rows: Rows = scans.flatten().collect();
        let certain: Vec<_> =
            partitions.iter().flat_map(|(one, upto)| one.certain(*upto)).collect();
        prop_assume!(!certain.is_empty());
        let key = which.get(&certain);
        // Of a turn, the place is in the key.
        prop_assume!(how != 2 || key.0 != Kept::Rows(&turns_due::TABLE));
        match how {
            0 => drop(rows.remove(key)),
            1 => rows.get_mut(key).unwrap().value.push('!'),
            // As of an event that is of something else.
            2 => {
                let row = rows.get_mut(key).unwrap();
                row.seq = Seq::new(row.seq.get() + 1);
            }
            _ => {
                let row = Stored { key: format!("{}/9", key.1), ..rows[key].clone() };
                rows.insert((key.0, row.key.clone()), row);
            }
        }
        let difference = judged(&partitions, &rows);
        let name = if how == 3 { format!("{}/9", key.1) } else { key.1.clone() };
        prop_assert_eq!(difference.map(|found| (found.kept, found.key)), Some((key.0, name)));
    }
}

#[test]
fn a_row_that_was_not_brought_forward_is_named() {
    let s = Story::numbered(1);
    let events = vec![s.created(), s.started(), s.inbound(1), s.inbound(2)];
    let partitions = [(Partition::new(0, events), 4)];
    let (now, before) = (&partitions[0].0.views[4], &partitions[0].0.views[3]);
    assert_eq!(judged(&partitions, now), None);
    for key in before.keys().filter(|key| before[*key] != now[*key]) {
        let mut rows = now.clone();
        rows.insert(key.clone(), before[key].clone());
        let difference = judged(&partitions, &rows).expect("an old row is found");
        assert_eq!((difference.kept, &difference.key), (key.0, &key.1));
        assert_eq!(difference.expected.as_ref(), Some(&now[key].value));
    }
}
