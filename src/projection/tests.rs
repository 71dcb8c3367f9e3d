//! The rows of every view are a function of the log.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;

use super::*;
use crate::domain::conversation::tests::story::{Story, message};
use crate::domain::event::Idempotency;
use crate::domain::ids::{AccountId, ConversationId, Id as _};

const PARTITION: u32 = 7;

/// Views in memory, filled as an engine fills them.
#[derive(Debug, Clone, Default, PartialEq)]
struct Memory {
    states: HashMap<Key, Option<Folded>>,
    timeline: BTreeMap<(ConversationId, Seq), &'static str>,
    /// By the table's name and the key.
    tables: BTreeMap<(&'static str, Cells), Cells>,
    claims: BTreeMap<String, claims::Row>,
    totals: HashMap<AccountId, totals::Totals>,
}

/// The port, as every engine has it.
#[async_trait::async_trait]
impl Rows for Memory {
    type Error = Damaged;

    async fn get(&self, table: &'static Table, key: Cells) -> Result<Option<Cells>, Damaged> {
        Ok(self.tables.get(&(table.name, key)).cloned())
    }

    async fn range(&self, table: &'static Table, range: Range) -> Result<Vec<Found>, Damaged> {
        let Range { partition, after, way, limit } = range;
        let all = self
            .tables
            .iter()
            .filter(|((name, key), _)| *name == table.name && key.starts_with(&partition));
        let mut all: Vec<_> = all
            .map(|((_, key), row)| {
                let order = key[partition.len()..].iter().cloned().collect();
                Found { order, row: row.clone() }
            })
            .collect();
        if way == Way::Down {
            all.reverse();
        }
        let is_after = |found: &Found| {
            after.as_ref().is_none_or(|after| match way {
                Way::Up => found.order > *after,
                Way::Down => found.order < *after,
            })
        };
        Ok(all.into_iter().filter(is_after).take(limit).collect())
    }
}

impl Memory {
    /// What a query over these rows finds.
    fn ask<T>(query: impl Future<Output = Result<T, Damaged>>) -> T {
        futures_util::FutureExt::now_or_never(query).expect("at once").expect("whole")
    }

    fn conversations(&self) -> impl Iterator<Item = &Conversation> {
        self.states.values().flatten().filter_map(Folded::get)
    }

    fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        let (effect, changes) =
            SCHEMA.project(PARTITION, seq, event, &mut self.states).expect("infallible");
        if let Some(id) = event.body.conversation().filter(|_| changes.timeline) {
            self.timeline.insert((id, seq), event.body.name());
        }
        for Change { table, key, row, at } in changes.rows {
            assert_eq!(at, seq, "a change is of its event");
            let key = (table.name, key);
            let replaces = table == &conversation_days::TABLE;
            match row {
                Some(row) => {
                    let before = self.tables.insert(key, row);
                    assert!(before.is_none() || replaces, "{}: added twice", table.name);
                }
                None => assert!(self.tables.remove(&key).is_some(), "removed what is not there"),
            }
        }
        if let Some(row) = changes.claim {
            self.claims.insert(row.key.clone(), row);
        }
        if let Some(change) = changes.total {
            self.totals.entry(change.account).or_default().add(change);
        }
        effect
    }

    fn of(events: &[Event]) -> Self {
        let mut rows = Self::default();
        for (seq, event) in (1..).zip(events) {
            rows.apply(Seq::new(seq), event);
        }
        rows
    }

    fn total(&self, s: &Story) -> (u64, u64) {
        let totals = self.totals.get(&s.account).copied().unwrap_or_default();
        (totals.inbound, totals.outbound)
    }
}

fn event(s: &Story, kind: u8, number: u64) -> Event {
    match kind {
        0 => s.created(),
        1 => s.started(),
        2..=5 => s.inbound(number),
        6..=9 => s.reply(number, "hello", false),
        10 => s.escalated(Some(number)),
        11 => s.assigned("Sarah"),
        12 => s.agent_says(number, "Sarah"),
        13 => s.stopped(number),
        14 => s.failed(number),
        15 => s.discarded(number),
        16 => s.resolved(),
        17 => s.reopened(),
        18 => with_claim(s.inbound(number), &format!("key {number}")),
        // Rarely, since nothing happens afterwards.
        20 if number == 0 => s.deleted(),
        _ => s.read(number),
    }
}

fn with_claim(mut event: Event, key: &str) -> Event {
    let claim = Some(Idempotency { key: key.into(), request: "asked".into(), seen: None });
    match &mut event.body {
        Body::MessageInbound(data) => data.idempotency = claim,
        Body::ConversationStarted(data) => data.idempotency = claim,
        other => panic!("{} claims nothing", other.name()),
    }
    event
}

/// The log of two conversations of two accounts.
fn log() -> impl Strategy<Value = Vec<Event>> {
    let one = (0..2usize, 0..21u8, 0..6u64);
    prop::collection::vec(one, 1..120).prop_map(|all| {
        let stories = [Story::numbered(1), Story::numbered(2)];
        let begun = stories.iter().flat_map(|s| [s.created(), s.started()]);
        let more = all.iter().map(|(story, kind, number)| event(&stories[*story], *kind, *number));
        begun.chain(more).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_replay_gives_the_same_rows(events in log(), from in 0..120usize) {
        let rows = Memory::of(&events);
        prop_assert_eq!(&Memory::of(&events), &rows);
        let mut again = rows.clone();
        for (seq, event) in (1..).zip(&events).skip(from) {
            again.apply(Seq::new(seq), event);
        }
        prop_assert_eq!(again, rows);
    }

    #[test]
    fn the_turns_that_are_due_are_those_that_are_owed(events in log()) {
        let mut rows = Memory::default();
        for (seq, event) in (1..).zip(&events) {
            rows.apply(Seq::new(seq), event);
            let mut owed: Vec<_> = rows.conversations().flat_map(|state| {
                state.turns.iter().map(|turn| turns_due::Row {
                    seq: turn.seq,
                    account: state.account,
                    conversation: state.id,
                    message_id: turn.message_id,
                    at: turn.at,
                })
            }).collect();
            owed.sort_by_key(|row| row.seq);
            let due = Memory::ask(turns_due::owed(&rows, PARTITION, Seq::START, 1_000));
            prop_assert_eq!(due, owed);
        }
    }

    #[test]
    fn the_conversations_that_are_listed_are_those_that_are_not_deleted(events in log()) {
        let mut rows = Memory::default();
        for (seq, event) in (1..).zip(&events) {
            rows.apply(Seq::new(seq), event);
            for s in [Story::numbered(1), Story::numbered(2)] {
                let states = rows.conversations();
                let there = states.filter(|state| state.account == s.account && !state.deleted);
                let expected: Vec<_> = there.map(conversations::Row::of).collect();
                let listed = Memory::ask(conversations::list(&rows, s.account, None, 10));
                prop_assert_eq!(listed, expected, "one at most, each account has one");
            }
        }
    }

    #[test]
    fn the_timeline_holds_what_was_applied_and_totals_count_it(events in log()) {
        let mut rows = Memory::default();
        let mut counted = HashMap::<AccountId, (u64, u64)>::new();
        for (seq, event) in (1..).zip(&events) {
            let effect = rows.apply(Seq::new(seq), event);
            let Some(id) = event.body.conversation() else { continue };
            let shown = rows.timeline.contains_key(&(id, Seq::new(seq)));
            prop_assert_eq!(shown, effect == Effect::Applied);
            if shown {
                let counts = counted.entry(event.account).or_default();
                counts.0 += u64::from(event.body.name() == "message.inbound");
                counts.1 += u64::from(event.body.name() == "message.outbound");
            }
        }
        for s in [Story::numbered(1), Story::numbered(2)] {
            prop_assert_eq!(rows.total(&s), counted.get(&s.account).copied().unwrap_or_default());
        }
    }

    #[test]
    fn a_block_begins_at_every_fiftieth_message(between in prop::collection::vec(0..3u8, 160)) {
        let s = Story::numbered(1);
        let mut events = vec![s.started()];
        let mut messages = Vec::new();
        for (number, others) in (0..).zip(between) {
            events.push(s.inbound(number));
            messages.push(Seq::new(events.len() as u64));
            events.extend((0..others).map(|other| s.read(number * 3 + u64::from(other))));
            events.push(s.reply(number, "hello", false));
            messages.push(Seq::new(events.len() as u64));
        }
        let rows = Memory::of(&events);
        let begin = |block| Memory::ask(pages::begin(&rows, s.account, s.id, block));
        let blocks = messages.chunks(50).map(|messages| messages[0]);
        for (block, expected) in (0..).zip(blocks.map(Some).chain([None])) {
            prop_assert_eq!(begin(block), expected);
        }
    }
}

#[test]
fn a_message_sent_with_a_key_claims_it() {
    let s = Story::numbered(1);
    let sent = with_claim(s.inbound(1), "key");
    let rows = Memory::of(&[s.created(), s.started(), sent.clone(), s.inbound(2)]);
    let expected = claims::Row {
        account: s.account,
        key: "key".into(),
        request: "asked".into(),
        conversation: s.id,
        contact: s.contact,
        message_id: message(1),
        at: sent.at,
    };
    assert_eq!(rows.claims.into_values().collect::<Vec<_>>(), [expected]);
}

#[test]
fn so_does_an_empty_conversation_that_is_begun_with_one() {
    let s = Story::numbered(1);
    let begun = with_claim(s.started(), "key");
    let rows = Memory::of(&[s.created(), begun.clone()]);
    let kept: Vec<_> = rows.claims.into_values().collect();
    assert_eq!((kept.len(), kept[0].conversation, kept[0].at), (1, s.id, begun.at));
    assert_eq!(kept[0].message_id.uuid(), s.id.uuid(), "another's claim has another id");
}

#[test]
fn what_the_fold_discards_changes_no_view() {
    let s = Story::numbered(1);
    let known = [s.created(), s.started(), s.inbound(1), s.assigned("Sarah")];
    let mut rows = Memory::of(&known);
    let before = rows.clone();
    let effect = rows.apply(Seq::new(5), &s.reply(1, "too late", false));
    assert!(matches!(effect, Effect::Discarded(_)));
    assert_eq!((rows.timeline, rows.tables), (before.timeline, before.tables));
    assert_eq!(rows.totals, before.totals);
    let unknown = with_claim(Story::numbered(2).inbound(1), "key");
    let mut rows = Memory::default();
    assert!(matches!(rows.apply(Seq::new(1), &unknown), Effect::Discarded(_)));
    assert!(rows.claims.is_empty() && rows.timeline.is_empty() && rows.totals.is_empty());
}

#[test]
fn tables_are_told_apart_and_fit_into_their_cells() {
    let tables: Vec<_> = SCHEMA.tables().collect();
    for (place, table) in tables.iter().enumerate() {
        let others = &tables[place + 1..];
        let is_free = |other: &&Table| other.name != table.name && other.number != table.number;
        assert!(others.iter().all(is_free), "{}: a name and a number of its own", table.name);
        let (key, row) = (table.key().count(), table.row.len());
        assert!(key <= cells::MOST && row <= cells::MOST, "{}: too many columns", table.name);
        assert!(!table.partition.is_empty() && !table.question.is_empty());
        if table.queue {
            let names: Vec<_> = table.key().map(|column| column.name).collect();
            assert_eq!(names, ["log_partition", "seq"], "{}: a queue's key", table.name);
        }
    }
}

#[test]
fn a_table_that_is_kept_for_a_while_says_since_when() {
    for table in SCHEMA.all_tables().filter(|table| table.kept.is_some()) {
        let at = table.columns().find(|column| column.name == "at");
        assert_eq!(at.map(|at| at.kind), Some(table::Kind::Number), "{}", table.name);
    }
}
