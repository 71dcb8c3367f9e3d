//! The fencing rules, one sentence each; and what holds of any order of events.

pub(crate) mod story;

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::domain::turn;
use story::{Story, message};

/// A conversation that has begun and been through these events, at positions 1, 2, ….
fn after(events: &[Event]) -> (Conversation, Vec<Effect>) {
    let mut state = Conversation::started(Seq::new(1), &events[0]).expect("it starts");
    let effects = (2..).zip(&events[1..]).map(|(seq, event)| state.apply(Seq::new(seq), event));
    let effects = effects.collect();
    (state, effects)
}

/// What the last of these events does.
fn last(events: &[Event]) -> (Conversation, Effect) {
    let (state, effects) = after(events);
    (state, *effects.last().expect("more than the start"))
}

const TOOK_OVER: Effect = Effect::Discarded(Why::PeopleTookOver);
const CLOSED: Effect = Effect::Discarded(Why::TurnIsClosed);
const NO_CHANGE: Effect = Effect::Discarded(Why::NoChange);

#[test]
fn a_bots_reply_answers_the_turn_it_owes() {
    let s = Story::numbered(1);
    let (state, effect) = last(&[s.started(), s.inbound(1), s.reply(1, "hello", false)]);
    assert_eq!(effect, Effect::Applied);
    assert_eq!((state.message_count, state.turns.len()), (2, 0));
}

#[test]
fn a_bots_reply_that_lands_after_a_person_took_over_is_discarded() {
    let s = Story::numbered(1);
    let takeovers = [s.escalated(None), s.assigned("Sarah"), s.agent_says(1, "Sarah")];
    for takeover in takeovers {
        let kind = takeover.body.name();
        let late = s.reply(1, "too late", false);
        let (state, effect) = last(&[s.started(), s.inbound(1), takeover, late]);
        assert_eq!(effect, TOOK_OVER, "after {kind}");
        assert!(!state.is_with_bot() && !state.owes(message(1)), "after {kind}");
    }
}

#[test]
fn a_second_reply_to_a_turn_is_discarded() {
    let s = Story::numbered(1);
    let replies = [s.reply(1, "from one node", false), s.reply(1, "from another", false)];
    let [one, another] = replies;
    let (state, effect) = last(&[s.started(), s.inbound(1), one, another]);
    assert_eq!(effect, CLOSED);
    assert_eq!(state.message_count, 2);
}

#[test]
fn the_oldest_turn_is_answered_first() {
    let s = Story::numbered(1);
    let asked = || vec![s.started(), s.inbound(1), s.inbound(2)];
    let (state, effect) = last(&[asked(), vec![s.reply(2, "hello", false)]].concat());
    assert_eq!(effect, Effect::Discarded(Why::OlderTurnIsOwed));
    assert!(state.owes(message(1)) && state.owes(message(2)), "both are still owed");
    let both = vec![s.reply(1, "hello", false), s.reply(2, "hello", false)];
    assert_eq!(last(&[asked(), both].concat()).1, Effect::Applied);
}

#[test]
fn a_bots_message_that_answers_nothing_is_discarded() {
    let s = Story::numbered(1);
    assert_eq!(last(&[s.started(), s.inbound(1), s.reply(2, "to whom?", false)]).1, CLOSED);
}

#[test]
fn a_bots_hand_over_is_fenced_like_a_reply() {
    let s = Story::numbered(1);
    let begun = [s.started(), s.inbound(1)];
    let [started, inbound] = &begun;
    let with = |more: &[Event]| last(&[&[started.clone(), inbound.clone()], more].concat()).1;
    assert_eq!(with(&[s.escalated(Some(1))]), Effect::Applied);
    assert_eq!(with(&[s.assigned("Sarah"), s.escalated(Some(1))]), TOOK_OVER);
    assert_eq!(with(&[s.escalated(Some(2))]), CLOSED);
}

#[test]
fn a_person_may_take_over_without_any_turn() {
    let s = Story::numbered(1);
    let (state, effect) = last(&[s.started(), s.escalated(None)]);
    assert_eq!((effect, state.status()), (Effect::Applied, Status::Escalated));
    let (state, effect) = last(&[s.started(), s.escalated(None), s.escalated(None)]);
    assert_eq!((effect, state.status()), (TOOK_OVER, Status::Escalated));
    let (state, effect) = last(&[s.started(), s.escalated(None), s.assigned("Sarah")]);
    assert_eq!((effect, state.status()), (Effect::Applied, Status::Assigned));
}

#[test]
fn what_is_asked_of_people_is_not_owed_by_the_bot() {
    let s = Story::numbered(1);
    let (state, effect) = last(&[s.started(), s.escalated(None), s.inbound(1)]);
    assert_eq!(effect, Effect::Applied);
    assert!(!state.owes(message(1)));
}

#[test]
fn a_stopped_turn_takes_no_reply() {
    let s = Story::numbered(1);
    let begun = || vec![s.started(), s.inbound(1)];
    let silent = [begun(), vec![s.stopped(1), s.reply(1, "late", false)]].concat();
    assert_eq!(last(&silent).1, CLOSED);
    let partly = [begun(), vec![s.reply(1, "hel", true), s.stopped(1)]].concat();
    assert_eq!(after(&partly).1, [Effect::Applied; 3], "what was shown stays, then the stop");
}

#[test]
fn a_failure_closes_its_turn_once() {
    let s = Story::numbered(1);
    let (state, effect) = last(&[s.started(), s.inbound(1), s.failed(1)]);
    assert_eq!((effect, state.owes(message(1))), (Effect::Applied, false));
    assert_eq!(last(&[s.started(), s.inbound(1), s.failed(1), s.failed(1)]).1, CLOSED);
    assert_eq!(
        last(&[s.started(), s.inbound(1), s.reply(1, "hello", false), s.failed(1)]).1,
        CLOSED
    );
}

#[test]
fn a_stop_that_is_written_twice_is_shown_once() {
    let s = Story::numbered(1);
    let (_, effect) = last(&[s.started(), s.inbound(1), s.stopped(1), s.stopped(1)]);
    assert_ne!(effect, Effect::Applied, "an append that is tried again shows two stops");
}

#[test]
fn a_bot_may_say_something_and_then_hand_over() {
    let s = Story::numbered(1);
    let said = || s.reply(1, "A colleague will help you.", false);
    let (state, effect) = last(&[s.started(), s.inbound(1), said(), s.escalated(Some(1))]);
    assert_eq!((effect, state.status()), (Effect::Applied, Status::Escalated));
    let stale = [s.started(), s.inbound(1), said(), s.inbound(2), s.reply(2, "hello", false)];
    assert_eq!(last(&[&stale[..], &[s.escalated(Some(1))]].concat()).1, CLOSED);
}

#[test]
fn a_reply_is_discarded_once_and_only_when_its_turn_is_not_owed() {
    let s = Story::numbered(1);
    assert_eq!(last(&[s.started(), s.inbound(1), s.discarded(1)]).1, NO_CHANGE);
    let taken = || vec![s.started(), s.inbound(1), s.assigned("Sarah"), s.discarded(1)];
    assert_eq!(last(&taken()).1, Effect::Applied);
    assert_eq!(last(&[taken(), vec![s.discarded(1)]].concat()).1, NO_CHANGE);
}

#[test]
fn people_who_act_in_a_resolved_conversation_have_it_again() {
    let s = Story::numbered(1);
    for act in [s.assigned("Sarah"), s.agent_says(1, "Sarah")] {
        let (state, effect) = last(&[s.started(), s.assigned("Sarah"), s.resolved(), act]);
        assert_eq!((effect, state.status()), (Effect::Applied, Status::Assigned));
        assert!(!state.is_with_bot());
    }
}

#[test]
fn a_resolved_conversation_reopens_when_the_contact_writes() {
    let s = Story::numbered(1);
    let begun = [s.started(), s.assigned("Sarah"), s.resolved(), s.inbound(1)];
    let (state, effect) = last(&begun);
    assert_eq!((effect, state.status()), (Effect::Applied, Status::Bot));
    assert!(state.owes(message(1)), "the bot answers again");
    let said = [s.started(), s.escalated(None), s.resolved(), s.reopened(), s.inbound(1)];
    assert!(last(&said).0.owes(message(1)), "also when it is said that it reopens");
}

#[test]
fn resolving_closes_what_is_owed() {
    let s = Story::numbered(1);
    let late = s.reply(1, "too late", false);
    let (state, effect) = last(&[s.started(), s.inbound(1), s.resolved(), late]);
    assert_eq!((effect, state.status()), (CLOSED, Status::Resolved));
}

#[test]
fn what_changes_nothing_is_discarded() {
    let s = Story::numbered(1);
    assert_eq!(last(&[s.started(), s.resolved(), s.resolved()]).1, NO_CHANGE);
    assert_eq!(last(&[s.started(), s.reopened()]).1, NO_CHANGE);
    assert_eq!(last(&[s.started(), s.assigned("Sarah"), s.assigned("Sarah")]).1, NO_CHANGE);
    assert_eq!(last(&[s.started(), s.read(1), s.read(1)]).1, NO_CHANGE);
    let again = Effect::Discarded(Why::AlreadyThere);
    assert_eq!(last(&[s.started(), s.started()]).1, again);
}

#[test]
fn only_a_start_starts_a_conversation() {
    let s = Story::numbered(1);
    for event in [s.inbound(1), s.resolved(), s.created(), s.reply(1, "hello", false)] {
        assert_eq!(Conversation::started(Seq::new(1), &event), None);
    }
}

/// Any event of the conversation, about one of four messages.
#[derive(Debug, Clone, Copy)]
struct Any(u8, u64);

impl Any {
    fn event(self, s: &Story) -> Event {
        let Self(kind, number) = self;
        match kind {
            0..=2 => s.inbound(number),
            3..=5 => s.reply(number, "hello", kind == 5),
            6 => s.escalated(Some(number)),
            7 => s.escalated(None),
            8 => s.assigned(if number.is_multiple_of(2) { "Sarah" } else { "Tom" }),
            9 => s.agent_says(number, "Sarah"),
            10 => s.stopped(number),
            11 => s.failed(number),
            12 => s.discarded(number),
            13 => s.resolved(),
            14 => s.reopened(),
            _ => s.read(number),
        }
    }
}

fn history(length: usize) -> impl Strategy<Value = Vec<Event>> {
    let any = (0..16u8, 0..4u64).prop_map(|(kind, number)| Any(kind, number));
    prop::collection::vec(any, 0..length).prop_map(|all| {
        let s = Story::numbered(1);
        let events = all.into_iter().map(|any| any.event(&s)).collect::<Vec<_>>();
        [vec![s.started()], events].concat()
    })
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn is_bots(event: &Event) -> Option<MessageId> {
    match &event.body {
        Body::MessageOutbound(data) if matches!(data.author, Author::Bot { .. }) => {
            data.in_reply_to
        }
        _ => None,
    }
}

proptest! {
    #![proptest_config(config(10_000))]

    #[test]
    fn nothing_of_a_bot_is_shown_while_people_have_the_conversation(events in history(30)) {
        let (_, effects) = after(&events);
        let (mut people, mut resolved) = (false, false);
        for (event, _) in events[1..].iter().zip(effects).filter(|(_, e)| *e == Effect::Applied) {
            prop_assert!(!(people && is_bots(event).is_some()), "a bot spoke among people");
            match event.body.name() {
                "conversation.escalated" => people = true,
                "conversation.assigned" => (people, resolved) = (true, false),
                "message.outbound" if is_bots(event).is_none() => {
                    (people, resolved) = (true, false);
                }
                "conversation.resolved" => resolved = true,
                "conversation.reopened" | "message.inbound" if resolved => {
                    (people, resolved) = (false, false);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn a_turn_has_at_most_one_reply(events in history(40)) {
        // Message ids are minted: each is asked once.
        let mut asked = std::collections::HashSet::new();
        let events: Vec<_> = events.into_iter().filter(|event| match &event.body {
            Body::MessageInbound(data) => asked.insert(data.message_id),
            _ => true,
        }).collect();
        let (_, effects) = after(&events);
        let mut replies = HashMap::new();
        for (event, _) in events[1..].iter().zip(effects).filter(|(_, e)| *e == Effect::Applied) {
            if let Some(turn) = is_bots(event) {
                *replies.entry(turn).or_insert(0) += 1;
            }
        }
        prop_assert!(replies.values().all(|count| *count == 1), "{replies:?}");
    }

    #[test]
    fn a_replay_from_any_point_changes_nothing(events in history(30), from in 0..30usize) {
        let (state, _) = after(&events);
        let mut again = state.clone();
        for (seq, event) in (1..).zip(&events).skip(from) {
            let effect = again.apply(Seq::new(seq), event);
            prop_assert_eq!(effect, Effect::Discarded(Why::AlreadyApplied));
        }
        prop_assert_eq!(&again, &state);
        let kept: Conversation =
            serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        prop_assert_eq!(kept, state, "what is stored is what was folded");
    }

    #[test]
    fn turns_end_by_what_is_said_to_end_them(events in history(40)) {
        let mut state = Conversation::started(Seq::new(1), &events[0]).expect("it starts");
        for (seq, event) in (2..).zip(&events[1..]) {
            let before = state.turns.clone();
            let applied = state.apply(Seq::new(seq), event) == Effect::Applied;
            let ending = turn::ending(&event.body).filter(|_| applied);
            for turn in before {
                let ended = ending.and_then(|ending| ending.of(turn.message_id)).is_some();
                prop_assert_eq!(ended, !state.owes(turn.message_id), "{}", event.body.name());
            }
        }
    }

    #[test]
    fn messages_are_counted_and_turns_are_owed_only_by_a_bot(events in history(40)) {
        let (state, effects) = after(&events);
        let messages = events[1..].iter().zip(effects).filter(|(event, effect)| {
            *effect == Effect::Applied && event.body.name().starts_with("message.")
        });
        prop_assert_eq!(state.message_count, messages.count() as u64);
        prop_assert!(state.turns.is_empty() || state.handling == Handling::Bot);
        prop_assert!(state.turns.is_empty() || !state.resolved);
        let seqs: Vec<_> = state.turns.iter().map(|turn| turn.seq).collect();
        prop_assert!(seqs.is_sorted(), "turns are answered in the order they were asked");
    }
}
