//! What a definition must keep to, checked before it is compiled.
//!
//! The bounds keep one account's bot from costing another's: they limit what compiling takes and
//! what the index holds. A fault names its place as a path into the document, so that an editor can
//! jump to it.

use std::collections::{BTreeMap, HashSet};

use super::super::faults::{Faults, Found};
use super::{Definition, words::Words};
use crate::domain::language::Language;

const NAME: usize = 80;
const PACE_MS: u64 = 1_000;
const INTENTS: usize = 200;
const INTENT_NAME: usize = 64;
const LANGUAGES: usize = 32;
const PHRASES: usize = 200;
const PHRASE: usize = 200;
const ANSWER: usize = 4_000;
/// As many and as long as a flow's buttons.
const CHOICES: usize = 20;
const CHOICE: usize = 80;
/// All phrases of a definition together: what bounds compiling and the index.
const TOTAL_PHRASES: usize = 5_000;

/// Checks all bounds.
///
/// # Errors
/// All faults, sorted by their places.
pub(super) fn check(definition: &Definition) -> Result<(), Faults> {
    let mut found = Found::default();
    found.text("name", &definition.name, NAME);
    found.number("pace_ms", definition.pace_ms, 0, PACE_MS);
    count(&mut found, "intents", definition.intents.len(), 1, INTENTS);
    let default = definition.default_language;
    let mut names = HashSet::new();
    let mut total = 0;
    for (i, intent) in definition.intents.iter().enumerate() {
        let place = format!("intents[{i}]");
        let name = format!("{place}.name");
        found.text(&name, &intent.name, INTENT_NAME);
        if !names.insert(intent.name.as_str()) {
            found.add(name, format!("another intent is also called {:?}", intent.name));
        }
        let examples = format!("{place}.examples");
        total += phrases(&mut found, &examples, &intent.examples);
        if intent.examples.values().all(Vec::is_empty) {
            found.add(examples, "has no phrase");
        }
        answers(&mut found, &format!("{place}.answers"), &intent.answers, default);
        if intent.choices && definition.choices.is_empty() {
            found.add(format!("{place}.choices"), "offers choices, of which the bot has none");
        }
    }
    total += phrases(&mut found, "handover.phrases", &definition.handover.phrases);
    if total > TOTAL_PHRASES {
        found.add("intents", format!("have {total} phrases, more than {TOTAL_PHRASES}"));
    }
    answers(&mut found, "fallback", &definition.fallback, default);
    if !definition.handover.unavailable.is_empty() {
        answers(&mut found, "handover.unavailable", &definition.handover.unavailable, default);
    }
    if !definition.files.is_empty() {
        answers(&mut found, "files", &definition.files, default);
    }
    choices(&mut found, &definition.choices, default);
    found.none()
}

fn choices(found: &mut Found, choices: &BTreeMap<Language, Vec<String>>, default: Language) {
    if choices.is_empty() {
        return;
    }
    count(found, "choices", choices.len(), 1, LANGUAGES);
    for (language, labels) in choices {
        let place = format!("choices.{language}");
        count(found, &place, labels.len(), 1, CHOICES);
        for (i, label) in labels.iter().enumerate() {
            let place = format!("{place}[{i}]");
            found.text(&place, label, CHOICE);
            if labels[..i].contains(label) {
                found.add(place, "is there twice");
            }
        }
    }
    if !choices.contains_key(&default) {
        found.add("choices", format!("have none in the default language, {default}"));
    }
}

fn phrases(found: &mut Found, place: &str, phrases: &BTreeMap<Language, Vec<String>>) -> usize {
    count(found, place, phrases.len(), 0, LANGUAGES);
    let mut total = 0;
    for (language, phrases) in phrases {
        let place = format!("{place}.{language}");
        count(found, &place, phrases.len(), 0, PHRASES);
        for (i, phrase) in phrases.iter().enumerate() {
            let place = format!("{place}[{i}]");
            found.text(&place, phrase, PHRASE);
            if !phrase.trim().is_empty() && Words::read(phrase).is_empty() {
                found.add(place, "has no word to be recognised by");
            }
        }
        total += phrases.len();
    }
    total
}

fn answers(
    found: &mut Found,
    place: &str,
    answers: &BTreeMap<Language, String>,
    default: Language,
) {
    count(found, place, answers.len(), 0, LANGUAGES);
    for (language, answer) in answers {
        found.text(&format!("{place}.{language}"), answer, ANSWER);
    }
    if !answers.contains_key(&default) {
        found.add(place, format!("has no text in the default language, {default}"));
    }
}

fn count(found: &mut Found, place: &str, count: usize, least: usize, most: usize) {
    if count < least {
        found.add(place, "is empty");
    } else if count > most {
        found.add(place, format!("has {count} entries, more than {most}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::demo;
    use super::*;

    fn fault_of(break_it: impl FnOnce(&mut Definition)) -> String {
        let mut definition = demo();
        break_it(&mut definition);
        check(&definition).expect_err("the broken definition must be refused").to_string()
    }

    #[test]
    fn the_demo_keeps_to_the_bounds() {
        assert_eq!(check(&demo()), Ok(()));
    }

    #[test]
    fn an_intent_without_an_answer_in_the_default_language_is_refused_by_its_place() {
        let fault = fault_of(|d| {
            d.intents[3].answers.remove(&Language::ENGLISH);
        });
        assert_eq!(fault, "intents[3].answers: has no text in the default language, en");
    }

    #[test]
    fn two_intents_of_one_name_are_refused() {
        let fault = fault_of(|d| d.intents[2].name = d.intents[0].name.clone());
        assert!(fault.starts_with("intents[2].name: another intent"), "{fault}");
    }

    #[test]
    fn each_bound_names_its_place() {
        let en = Language::ENGLISH;
        assert_eq!(fault_of(|d| d.name = " ".into()), "name: is empty");
        assert_eq!(fault_of(|d| d.pace_ms = 1_001), "pace_ms: is 1001, not from 0 to 1000");
        assert_eq!(fault_of(|d| d.intents.clear()), "intents: is empty");
        assert_eq!(fault_of(|d| d.intents[1].name.clear()), "intents[1].name: is empty");
        assert_eq!(
            fault_of(|d| d.intents[1].examples.clear()),
            "intents[1].examples: has no phrase"
        );
        assert_eq!(
            fault_of(|d| d.intents[0].examples.get_mut(&en).unwrap()[2] = "?!".into()),
            "intents[0].examples.en[2]: has no word to be recognised by"
        );
        assert_eq!(
            fault_of(|d| d.intents[0].answers.get_mut(&en).unwrap().push_str(&"x".repeat(4_000))),
            "intents[0].answers.en: has 4048 characters, more than 4000".replace(
                "4048",
                &(demo().intents[0].answers[&en].chars().count() + 4_000).to_string()
            )
        );
        assert_eq!(
            fault_of(|d| d.handover.phrases.get_mut(&en).unwrap()[0].clear()),
            "handover.phrases.en[0]: is empty"
        );
        assert_eq!(
            fault_of(|d| d.fallback.clear()),
            "fallback: has no text in the default language, en"
        );
        assert!(
            fault_of(|d| d.intents[0].examples.get_mut(&en).unwrap().resize(201, "a b".into()))
                .starts_with("intents[0].examples.en: has 201 entries")
        );
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = fault_of(|d| {
            d.name.clear();
            d.intents[1].examples.clear();
            d.intents[2].answers.clear();
            d.fallback.clear();
        });
        for place in ["name: ", "intents[1].examples: ", "intents[2].answers: ", "fallback: "] {
            assert!(faults.contains(place), "{place}{faults}");
        }
    }
}
