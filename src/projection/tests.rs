//! The rows of every view are a function of the log.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;
use crate::domain::conversation::tests::story::{Story, message};
use crate::domain::event::Idempotency;
use crate::domain::ids::Id as _;
use crate::domain::time::Timestamp;

/// Views in memory, filled as an engine fills them.
#[derive(Debug, Clone, Default, PartialEq)]
struct Rows {
    conversations: HashMap<(AccountId, ConversationId), Option<Conversation>>,
    contacts: HashMap<(AccountId, ContactId), Option<Contact>>,
    timeline: BTreeMap<(ConversationId, Seq), &'static str>,
    pages: BTreeMap<(ConversationId, u64), Seq>,
    turns_due: BTreeMap<Seq, turns_due::Row>,
    claims: BTreeMap<String, claims::Row>,
    totals: HashMap<AccountId, totals::Totals>,
    listed: BTreeSet<(AccountId, Timestamp, ConversationId)>,
    days: BTreeSet<conversation_days::Row>,
}

impl States for Rows {
    type Error = std::convert::Infallible;

    fn conversation(
        &mut self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<&mut Option<Conversation>, Self::Error> {
        Ok(self.conversations.entry((account, id)).or_default())
    }

    fn contact(
        &mut self,
        account: AccountId,
        id: ContactId,
    ) -> Result<&mut Option<Contact>, Self::Error> {
        Ok(self.contacts.entry((account, id)).or_default())
    }
}

impl Rows {
    fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        let (effect, changes) = project(seq, event, self).expect("infallible");
        if let Some(id) = event.body.conversation().filter(|_| changes.timeline) {
            self.timeline.insert((id, seq), event.body.name());
        }
        if let Some(row) = changes.page {
            self.pages.insert((row.conversation, row.block), row.seq);
        }
        for change in changes.turns {
            match change {
                turns_due::Change::Due(row) => {
                    assert_eq!(self.turns_due.insert(row.seq, row), None, "added twice");
                }
                turns_due::Change::Done(seq) => {
                    assert!(self.turns_due.remove(&seq).is_some(), "removed what is not there");
                }
            }
        }
        if let Some(row) = changes.claim {
            self.claims.insert(row.key.clone(), row);
        }
        self.days.extend(changes.listed.as_ref().and_then(conversation_days::project));
        match changes.listed {
            Some(conversations::Change::Began(row)) => {
                let key = (row.account, row.at, row.conversation);
                assert!(self.listed.insert(key), "listed twice");
            }
            Some(conversations::Change::Deleted(row)) => {
                let key = (row.account, row.at, row.conversation);
                assert!(self.listed.remove(&key), "removed what is not there");
            }
            None => {}
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
    let claim = Some(Idempotency { key: key.into(), request: "asked".into() });
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
        let rows = Rows::of(&events);
        prop_assert_eq!(&Rows::of(&events), &rows);
        let mut again = rows.clone();
        for (seq, event) in (1..).zip(&events).skip(from) {
            again.apply(Seq::new(seq), event);
        }
        prop_assert_eq!(again, rows);
    }

    #[test]
    fn the_turns_that_are_due_are_those_that_are_owed(events in log()) {
        let mut rows = Rows::default();
        for (seq, event) in (1..).zip(&events) {
            rows.apply(Seq::new(seq), event);
            let mut owed: Vec<_> = rows.conversations.values().flatten().flat_map(|state| {
                state.turns.iter().map(|turn| turns_due::Row {
                    seq: turn.seq,
                    account: state.account,
                    conversation: state.id,
                    message_id: turn.message_id,
                    at: turn.at,
                })
            }).collect();
            owed.sort_by_key(|row| row.seq);
            prop_assert_eq!(rows.turns_due.values().copied().collect::<Vec<_>>(), owed);
        }
    }

    #[test]
    fn the_conversations_that_are_listed_are_those_that_are_not_deleted(events in log()) {
        let mut rows = Rows::default();
        for (seq, event) in (1..).zip(&events) {
            rows.apply(Seq::new(seq), event);
            let there = rows.conversations.values().flatten().filter(|state| !state.deleted);
            let expected: BTreeSet<_> =
                there.map(|state| (state.account, state.created_at, state.id)).collect();
            prop_assert_eq!(&rows.listed, &expected);
        }
        let days = rows.conversations.values().flatten().map(|state| conversation_days::Row {
            account: state.account,
            day: conversation_days::day_of(state.created_at),
        });
        prop_assert_eq!(rows.days, days.collect::<BTreeSet<_>>());
    }

    #[test]
    fn the_timeline_holds_what_was_applied_and_totals_count_it(events in log()) {
        let mut rows = Rows::default();
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
        let expected: BTreeMap<_, _> = (0..)
            .zip(messages.chunks(50))
            .map(|(block, messages)| ((s.id, block), messages[0]))
            .collect();
        prop_assert_eq!(Rows::of(&events).pages, expected);
    }
}

#[test]
fn a_message_sent_with_a_key_claims_it() {
    let s = Story::numbered(1);
    let sent = with_claim(s.inbound(1), "key");
    let rows = Rows::of(&[s.created(), s.started(), sent.clone(), s.inbound(2)]);
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
    let rows = Rows::of(&[s.created(), begun.clone()]);
    let kept: Vec<_> = rows.claims.into_values().collect();
    assert_eq!((kept.len(), kept[0].conversation, kept[0].at), (1, s.id, begun.at));
    assert_eq!(kept[0].message_id.uuid(), s.id.uuid(), "another's claim has another id");
}

#[test]
fn what_the_fold_discards_changes_no_view() {
    let s = Story::numbered(1);
    let known = [s.created(), s.started(), s.inbound(1), s.assigned("Sarah")];
    let mut rows = Rows::of(&known);
    let before = rows.clone();
    let effect = rows.apply(Seq::new(5), &s.reply(1, "too late", false));
    assert!(matches!(effect, Effect::Discarded(_)));
    assert_eq!((rows.timeline, rows.pages), (before.timeline, before.pages));
    assert_eq!((rows.turns_due, rows.totals), (before.turns_due, before.totals));
    let unknown = with_claim(Story::numbered(2).inbound(1), "key");
    let mut rows = Rows::default();
    assert!(matches!(rows.apply(Seq::new(1), &unknown), Effect::Discarded(_)));
    assert!(rows.claims.is_empty() && rows.timeline.is_empty() && rows.totals.is_empty());
}
