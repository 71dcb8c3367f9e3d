//! What really changes a contact, and what only says so.

use proptest::prelude::*;

use super::*;
use crate::domain::conversation::tests::story::{Story, name};
use ContactField::{Email as EmailField, Name, Phone as PhoneField};

fn contact(s: &Story) -> Contact {
    Contact::created(Seq::new(1), &s.created()).expect("it is created")
}

#[test]
fn an_update_that_changes_nothing_is_discarded() {
    let s = Story::numbered(1);
    let mut state = contact(&s);
    let update = s.updated(&[Name, EmailField], ("Janet", Some("j@example.com"), None));
    assert_eq!(state.apply(Seq::new(2), &update), Effect::Applied);
    let changed = state.clone();
    // The same change, sent at once by another caller.
    let effect = state.apply(Seq::new(3), &update);
    assert_eq!(effect, Effect::Discarded(Why::NoChange));
    assert_eq!(state, Contact { last_seq: Seq::new(3), ..changed });
}

#[test]
fn only_the_fields_that_are_named_change() {
    let s = Story::numbered(1);
    let mut state = contact(&s);
    let values = ("Janet", Some("j@example.com"), Some("+15551234567"));
    assert_eq!(state.apply(Seq::new(2), &s.updated(&[PhoneField], values)), Effect::Applied);
    assert_eq!((&state.name, &state.email), (&name("Jane"), &None));
    assert_eq!(state.phone.as_ref().map(Phone::as_str), Some("+15551234567"));
}

#[test]
fn an_update_is_noted_with_its_time_and_a_message_with_when_they_were_seen() {
    let s = Story::numbered(1);
    let mut state = contact(&s);
    let (update, wrote) = (s.updated(&[Name], ("Janet", None, None)), s.inbound(1));
    state.apply(Seq::new(2), &update);
    assert_eq!((state.updated_at, state.last_seen), (update.at, state.created_at));
    assert_eq!(state.apply(Seq::new(3), &wrote), Effect::Applied);
    assert_eq!((state.updated_at, state.last_seen), (update.at, wrote.at));
}

#[test]
fn a_contact_is_created_once_and_by_nothing_else() {
    let s = Story::numbered(1);
    let mut state = contact(&s);
    let again = state.apply(Seq::new(2), &s.created());
    assert_eq!(again, Effect::Discarded(Why::AlreadyThere));
    assert_eq!(state.apply(Seq::new(3), &s.resolved()), Effect::Discarded(Why::NotConcerned));
    assert_eq!(Contact::created(Seq::new(1), &s.inbound(1)), None);
}

#[test]
fn what_is_absent_changes_nothing() {
    let s = Story::numbered(1);
    let state = contact(&s);
    assert_eq!(state.changes(&Details::default()), []);
    let same = Details { name: Some(name("Jane")), ..Details::default() };
    assert_eq!(state.changes(&same), []);
    let email = "j@example.com".parse().ok();
    assert_eq!(state.changes(&Details { email, ..same }), [EmailField]);
}

fn details()
-> impl Strategy<Value = (Option<&'static str>, Option<&'static str>, Option<&'static str>)> {
    use prop::{option::of, sample::select};
    (
        of(select(vec!["Jane", "Janet"])),
        of(select(vec!["a@example.com", "b@example.com"])),
        of(select(vec!["+15551234567", "5551234567"])),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Callers say what they know; the event holds what that changes; the fold agrees.
    #[test]
    fn the_changes_that_are_found_are_the_changes_that_are_made(
        told in prop::collection::vec(details(), 1..12), from in 0..12usize,
    ) {
        let s = Story::numbered(1);
        let mut state = contact(&s);
        let mut events = Vec::new();
        for (seq, (name, email, phone)) in (2..).zip(told) {
            let details = Details {
                name: name.map(|name| name.parse().unwrap()),
                email: email.map(|email| email.parse().unwrap()),
                phone: phone.map(|phone| phone.parse().unwrap()),
            };
            let changed = state.changes(&details);
            let email = details.email.or_else(|| state.email.clone());
            let phone = details.phone.or_else(|| state.phone.clone());
            let values = (
                details.name.as_ref().unwrap_or(&state.name).to_string(),
                email.as_ref().map(ToString::to_string),
                phone.as_ref().map(ToString::to_string),
            );
            let event = s.updated(&changed, (&values.0, values.1.as_deref(), values.2.as_deref()));
            let effect = state.apply(Seq::new(seq), &event);
            prop_assert_eq!(effect == Effect::Applied, !changed.is_empty());
            prop_assert_eq!(state.name.as_str(), values.0);
            prop_assert_eq!((&state.email, &state.phone), (&email, &phone));
            events.push((Seq::new(seq), event));
        }
        let mut again = state.clone();
        for (seq, event) in &events[from.min(events.len())..] {
            let effect = again.apply(*seq, event);
            prop_assert_eq!(effect, Effect::Discarded(Why::AlreadyApplied));
        }
        prop_assert_eq!(again, state);
    }
}

#[test]
fn a_bot_is_told_who_it_is_as_far_as_that_is_known() {
    let s = Story::numbered(1);
    let told = |contact: &Contact| {
        let mut variables = Variables::default();
        contact.tell(&mut variables);
        TOLD.map(|name| variables.get(name).map(str::to_owned))
    };
    let mut state = contact(&s);
    state.name = PersonName::guest(state.id);
    assert_eq!(told(&state), [None, None, None], "a made-up name is none");
    let values = ("Janet", Some("j@example.com"), Some("+15551234567"));
    state.apply(Seq::new(2), &s.updated(&[Name, EmailField, PhoneField], values));
    let known = ["Janet", "j@example.com", "+15551234567"];
    assert_eq!(told(&state), known.map(|value| Some(value.to_owned())));
}
