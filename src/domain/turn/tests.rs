//! What holds of endings and of conclusions, whatever a conversation has been through.

use super::*;
use crate::domain::conversation::tests::story::{Story, message};
use crate::domain::conversation::{Conversation, Effect};
use crate::domain::event::{Event, FailureReason, MessageInbound};
use crate::domain::seq::Seq;
use crate::domain::variables::Variables;

/// A conversation that owes an answer to the message it returns.
fn owed(opens: bool) -> (Conversation, MessageInbound, Event) {
    let s = Story::numbered(1);
    let mut state = Conversation::started(Seq::new(1), &s.started()).expect("it starts");
    let event = s.inbound(1);
    assert_eq!(state.apply(Seq::new(2), &event), Effect::Applied);
    let Body::MessageInbound(asked) = &event.body else { panic!("not a message") };
    (state, MessageInbound { opens, ..asked.clone() }, event)
}

const ENDS: [End; 5] = [
    End::Answered,
    End::HandedOver,
    End::Resolved,
    End::Stopped,
    End::Failed(FailureReason::BotFailed),
];

#[test]
fn whatever_a_conclusion_says_counts_and_ends_the_turn_as_it_says() {
    for end in ENDS {
        for (text, knows, agent, opens) in all() {
            if end == End::Answered && text.is_empty() {
                // A bot that says nothing has failed.
                continue;
            }
            let (mut state, asked, event) = owed(opens);
            let agent = agent.then(|| "Sarah".parse().expect("a name"));
            let business = Business { brand: "Acme", auto_reply: "We will write", agent };
            let mut said = Said { text: text.to_owned(), ..Said::default() };
            if knows {
                said.memory.variables.set("contact.size", "9");
            }
            let case = format!("{end:?} {text:?} {knows} {opens} {:?}", business.agent);
            let ends = conclusion(&asked, business, None, said, end);
            let mut how = None;
            for (seq, body) in (3..).zip(&ends.bodies) {
                let event = Event { body: body.clone(), ..event.clone() };
                assert_eq!(state.apply(Seq::new(seq), &event), Effect::Applied, "{case}");
                how = how.or_else(|| ending(body).and_then(|ending| ending.of(asked.message_id)));
            }
            assert!(!state.owes(asked.message_id), "{case}");
            assert_eq!(how.map(How::outcome), Some(ends.outcome), "{case}");
            let partial = end == End::Stopped;
            assert_eq!(how.map(How::is_stopped), Some(partial), "{case}");
        }
    }
}

/// Each text, knowledge, person and beginning with each other.
fn all() -> impl Iterator<Item = (&'static str, bool, bool, bool)> {
    let both = [false, true];
    let texts = ["", "hello"].into_iter();
    texts.flat_map(move |text| {
        both.into_iter().flat_map(move |knows| {
            both.into_iter().flat_map(move |agent| both.map(|opens| (text, knows, agent, opens)))
        })
    })
}

#[test]
fn a_failure_is_silent_where_a_visitor_is_told_that_people_will_write() {
    let (_, asked, _) = owed(true);
    let business = Business { brand: "Acme", auto_reply: "We will write", agent: None };
    let end = End::Failed(FailureReason::NoBot);
    let ends = conclusion(&asked, business, None, Said::default(), end);
    let [Body::MessageOutbound(reply)] = &ends.bodies[..] else { panic!("{:?}", ends.bodies) };
    assert_eq!(reply.text.as_str(), "We will write");
    assert_eq!(reply.author, Author::Bot { name: "Acme".to_owned() });
}

#[test]
fn what_a_bot_has_learnt_is_kept_where_it_says_nothing() {
    let (_, asked, _) = owed(false);
    let mut said = Said::default();
    said.memory.variables.set("contact.size", "9");
    let ends = conclusion(&asked, Business::default(), None, said, End::Resolved);
    let Body::ConversationUpdated(update) = &ends.bodies[0] else { panic!("{:?}", ends.bodies) };
    assert_ne!(update.variables, Variables::default());
    assert_eq!(ends.outcome, Outcome::Unavailable);
}

#[test]
fn a_reply_to_one_message_ends_no_others_turn() {
    let s = Story::numbered(1);
    let reply = s.reply(1, "hello", false);
    let of = |asked| ending(&reply.body).and_then(|ending| ending.of(asked));
    assert!(matches!(of(message(1)), Some(How::Replied(_))));
    assert_eq!(of(message(2)), None);
    let given = s.escalated(Some(1));
    let given = ending(&given.body).expect("an ending");
    assert_eq!(given.of(message(2)), Some(How::People));
    assert!(given.gives_away(message(1)) && !given.gives_away(message(2)));
}
