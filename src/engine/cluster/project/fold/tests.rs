//! Whatever is cut into batches, and wherever a worker dies while it writes: the views are those of
//! one fold of the log.

use proptest::prelude::*;

use super::*;
use crate::domain::conversation::tests::story::Story;
use crate::domain::event::Event;
use crate::projection::{SCHEMA, cells, conversations, turns_due};

/// What is stored, as the store would have it: the newest place wins.
#[derive(Debug, Default, Clone, PartialEq)]
struct Store {
    conversations: BTreeMap<Key, Conversation>,
    timeline: BTreeMap<(Key, Seq), Event>,
    /// With the place of the last that was written; none where it was taken away.
    rows: BTreeMap<(u8, Cells), (Seq, Option<Cells>)>,
    totals: BTreeMap<AccountId, (Totals, Seq)>,
}

impl Store {
    fn write_before(&mut self, commit: &Commit) {
        commit.rows.iter().for_each(|change| self.put(change));
    }

    fn put(&mut self, change: &Change) {
        let key = (change.table.number, change.key.clone());
        if self.rows.get(&key).is_none_or(|(known, _)| *known < change.at) {
            self.rows.insert(key, (change.at, change.row.clone()));
        }
    }

    /// The rows that are there.
    fn there(&self) -> BTreeMap<&(u8, Cells), &Cells> {
        self.rows.iter().filter_map(|(key, (_, row))| Some((key, row.as_ref()?))).collect()
    }

    /// The first `count` rows of the second wave; each conversation is one.
    fn write(&mut self, commit: &Commit, count: usize) {
        let mut left = count;
        let mut room = || left.checked_sub(1).map(|less| left = less).is_some();
        for (account, totals, seq) in &commit.totals {
            if room() && self.totals.get(account).is_none_or(|(_, known)| known < seq) {
                self.totals.insert(*account, (*totals, *seq));
            }
        }
        for rows in &commit.conversations {
            if !room() {
                continue;
            }
            let key = Key::conversation(rows.state.account, rows.state.id);
            for entry in &rows.events {
                self.timeline.insert((key, entry.seq), (*entry.event).clone());
            }
            if self.conversations.get(&key).is_none_or(|known| known.last_seq < rows.state.last_seq)
            {
                self.conversations.insert(key, rows.state.clone());
            }
        }
        for change in &commit.states {
            if room() {
                self.put(change);
            }
        }
    }

    fn state(&self, key: &Key) -> Option<Folded> {
        let aggregate = SCHEMA.aggregate(key).unwrap();
        let Some(table) = aggregate.table else {
            return self.conversations.get(key).cloned().map(Folded::of);
        };
        let (_, row) = self.rows.get(&(table.number, cells::id(key.account).and(key.id)))?;
        Some((aggregate.read)(row.as_ref()?.text(0)?.as_bytes()).unwrap())
    }

    fn load(&self, cache: &mut Cache, batch: &[Recorded]) {
        let needs = cache.needs(batch);
        for key in needs.states {
            cache.put_state(key, self.state(&key));
        }
        for account in needs.totals {
            cache.put_totals(account, self.totals.get(&account).copied());
        }
    }

    fn fold(&self, cache: &mut Cache, batch: &[Recorded]) -> Batch {
        self.load(cache, batch);
        let stood = cache.replayed(batch).into_iter().filter(|place| {
            let Recorded { seq, event } = &batch[*place];
            let id = event.body.conversation().unwrap();
            self.timeline.contains_key(&(Key::conversation(event.account, id), *seq))
        });
        let stood = stood.collect();
        let queues = |((number, key), _): (&(u8, Cells), _)| {
            let change = Change {
                table: SCHEMA.tables().find(|table| table.number == *number)?,
                key: key.clone(),
                row: None,
                at: Seq::START,
            };
            opened(&change)
        };
        let there = self.rows.iter().filter(|(_, (_, row))| row.is_some());
        let shown = there.filter_map(queues).collect();
        cache.fold(0, batch, &stood, &shown).unwrap()
    }
}

fn empty() -> Cache {
    Cache::holding(NonZeroUsize::new(1_000).unwrap(), &SCHEMA)
}

/// Events of a few conversations, as they may come.
fn log() -> impl Strategy<Value = Vec<Recorded>> {
    let event = (0..3usize, 0..9u8, 1..6u64);
    proptest::collection::vec(event, 1..60).prop_map(|steps| {
        let stories: Vec<_> = (1..4).map(Story::numbered).collect();
        let begun = stories.iter().flat_map(|story| [story.created(), story.started()]);
        let steps = steps.into_iter().map(|(story, kind, number)| {
            let story = &stories[story];
            match kind {
                0..=2 => story.inbound(number),
                3 | 4 => story.reply(number, "yes", false),
                5 => story.assigned("Sarah"),
                6 => story.resolved(),
                7 if number == 1 => story.deleted(),
                _ => story.stopped(number),
            }
        });
        let begun: Vec<_> = begun.collect();
        let events = begun.into_iter().chain(steps);
        let recorded = |(place, event): (u64, Event)| Recorded {
            seq: Seq::new(2 * place + 1),
            event: event.into(),
        };
        (0..).zip(events).map(recorded).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_batches_and_any_crashes_make_the_views_of_one_fold(
        log in log(),
        steps in proptest::collection::vec((1..9usize, proptest::option::of(0..12usize)), 1..60),
    ) {
        let mut expected = Store::default();
        let whole = expected.fold(&mut empty(), &log);
        expected.write_before(&whole.commit);
        expected.write(&whole.commit, usize::MAX);

        let mut store = Store::default();
        let (mut cache, mut next, mut checkpoint) = (empty(), 0, 0);
        let mut effects = vec![None; log.len()];
        for (size, crash) in steps.into_iter().chain(std::iter::repeat((7, None))) {
            if next == log.len() {
                break;
            }
            let end = (next + size).min(log.len());
            let folded = store.fold(&mut cache, &log[next..end]);
            store.write_before(&folded.commit);
            if let Some(rows) = crash {
                // The worker dies in the middle of its writes; who follows begins at the checkpoint.
                store.write(&folded.commit, rows);
                (cache, next) = (empty(), checkpoint);
                continue;
            }
            store.write(&folded.commit, usize::MAX);
            for (place, effect) in (next..).zip(folded.effects) {
                effects[place] = Some(effect);
            }
            // Checkpoints are stored now and then.
            if size % 2 == 0 {
                checkpoint = end;
            }
            next = end;
        }
        prop_assert_eq!(&store.conversations, &expected.conversations);
        prop_assert_eq!(&store.timeline, &expected.timeline);
        prop_assert_eq!(&store.there(), &expected.there());
        prop_assert_eq!(&store.totals, &expected.totals);
        let there = store.conversations.values().filter(|state| !state.deleted);
        let there: BTreeSet<_> = there.map(|state| conversations::Row::of(state).key()).collect();
        let listed = store.there().into_keys();
        let listed = listed.filter(|(number, _)| *number == conversations::TABLE.number);
        prop_assert_eq!(listed.map(|(_, key)| key.clone()).collect::<BTreeSet<_>>(), there);
        for (told, truth) in effects.iter().zip(&whole.effects) {
            let applied = |effect: &Effect| *effect == Effect::Applied;
            prop_assert_eq!(told.as_ref().map(applied), Some(applied(truth)));
        }
    }
}

#[test]
fn a_turn_that_is_opened_and_closed_in_one_commit_is_never_due() {
    let story = Story::numbered(1);
    let events = [story.created(), story.started(), story.inbound(1), story.reply(1, "yes", false)];
    let recorded =
        |(place, event): (u64, Event)| Recorded { seq: Seq::new(place), event: event.into() };
    let log: Vec<_> = (1..).zip(events).map(recorded).collect();
    let folded = Store::default().fold(&mut empty(), &log);
    let due = |change: &Change| change.table == &turns_due::TABLE;
    assert!(!folded.commit.rows.iter().any(due));
    assert_eq!(folded.commit.conversations.len(), 1, "and its conversation is written once");
}
