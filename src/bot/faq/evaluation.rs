//! How well the demo answers what it was not taught: phrases that are not among its examples.
//!
//! `held_out.json` holds them by language and intent, `HandOver` being the wish for a person, and
//! beside them questions a support desk cannot answer. When a change of the scores or the demo
//! makes this fail, mend the change or the examples, not the held-out phrases.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Faq, Outcome, demo, words::Words};
use crate::domain::language::Language;

#[derive(Deserialize)]
struct HeldOut {
    questions: BTreeMap<Language, BTreeMap<String, Vec<String>>>,
    off_topic: BTreeMap<Language, Vec<String>>,
}

fn held_out() -> HeldOut {
    serde_json::from_str(include_str!("held_out.json")).unwrap()
}

fn name<'a>(outcome: &Outcome<'a>) -> &'a str {
    match outcome {
        Outcome::Reply { intent, .. } => intent,
        Outcome::HandOver => "HandOver",
        Outcome::Unknown => "Unknown",
    }
}

#[test]
fn nine_of_ten_held_out_questions_are_answered_rightly_in_every_language() {
    let faq = Faq::compile(&demo()).unwrap();
    for (language, intents) in held_out().questions {
        let (mut asked, mut wrong) = (0, Vec::new());
        for (intent, questions) in intents {
            for question in questions {
                asked += 1;
                let answer = faq.answer(&question, None);
                if name(&answer.outcome) != intent || answer.language != language {
                    let got = name(&answer.outcome);
                    wrong.push(format!("{question:?}: {intent}, not {got} ({})", answer.language));
                }
            }
        }
        println!("{language}: {} of {asked}; {wrong:#?}", asked - wrong.len());
        assert!(asked >= 25, "{language}: add held-out questions");
        assert!(wrong.len() * 10 <= asked, "{language}: of {asked} wrong are {wrong:#?}");
    }
}

#[test]
fn off_topic_questions_get_no_answer() {
    let faq = Faq::compile(&demo()).unwrap();
    let (mut asked, mut wrong) = (0, Vec::new());
    for question in held_out().off_topic.into_values().flatten() {
        asked += 1;
        let answer = faq.answer(&question, None);
        if answer.outcome != Outcome::Unknown {
            wrong.push(format!("{question:?}: {}", name(&answer.outcome)));
        }
    }
    println!("off topic: {} of {asked}; {wrong:#?}", asked - wrong.len());
    assert!(asked >= 40, "add off-topic questions");
    assert!(wrong.len() * 20 <= asked, "of {asked} were answered {wrong:#?}");
}

#[test]
fn no_held_out_phrase_is_an_example() {
    let demo = demo();
    let examples = demo.intents.iter().flat_map(|intent| intent.examples.values());
    let phrases = examples.chain(demo.handover.phrases.values()).flatten();
    let taught: Vec<String> = phrases.map(|phrase| normal(phrase)).collect();
    let held_out = held_out();
    let questions = held_out.questions.values().flat_map(BTreeMap::values).flatten();
    let mut phrases = questions.chain(held_out.off_topic.values().flatten());
    let known: Vec<_> =
        phrases.by_ref().filter(|phrase| taught.contains(&normal(phrase))).collect();
    assert!(known.is_empty(), "take these out of the held-out phrases: {known:#?}");
}

fn normal(phrase: &str) -> String {
    let words = Words::read(phrase);
    words.phrase(0..words.len()).to_owned()
}
