//! What a definition must keep to, checked before it is compiled.
//!
//! The bounds keep one account's bot from costing another's: they limit what compiling takes and
//! what the index holds. An error names the faulty place as a path into the document, so that an
//! editor can jump to it; the first fault is reported.

use std::collections::{BTreeMap, HashSet};

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
/// All phrases of a definition together: what bounds compiling and the index.
const TOTAL_PHRASES: usize = 5_000;

/// Says what is wrong with a definition, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct DefinitionError {
    /// The faulty place, such as `intents[3].answers`.
    pub place: String,
    /// What is wrong there, for the definition's author.
    pub problem: String,
}

/// Checks all bounds.
///
/// # Errors
/// The first fault found, in the order of the document.
pub(super) fn check(definition: &Definition) -> Result<(), DefinitionError> {
    text("name", &definition.name, NAME)?;
    if definition.pace_ms > PACE_MS {
        return fault("pace_ms", format!("is more than {PACE_MS}"));
    }
    count("intents", definition.intents.len(), 1, INTENTS)?;
    let default = definition.default_language;
    let mut names = HashSet::new();
    let mut total = 0;
    for (i, intent) in definition.intents.iter().enumerate() {
        let place = format!("intents[{i}]");
        text(&format!("{place}.name"), &intent.name, INTENT_NAME)?;
        if !names.insert(intent.name.as_str()) {
            let problem = format!("another intent is also called {:?}", intent.name);
            return fault(format!("{place}.name"), problem);
        }
        total += phrases(&format!("{place}.examples"), &intent.examples)?;
        if intent.examples.values().all(Vec::is_empty) {
            return fault(format!("{place}.examples"), "has no phrase");
        }
        answers(&format!("{place}.answers"), &intent.answers, default)?;
    }
    total += phrases("handover.phrases", &definition.handover.phrases)?;
    if total > TOTAL_PHRASES {
        return fault("intents", format!("have {total} phrases, more than {TOTAL_PHRASES}"));
    }
    answers("fallback", &definition.fallback, default)
}

fn phrases(
    place: &str,
    phrases: &BTreeMap<Language, Vec<String>>,
) -> Result<usize, DefinitionError> {
    count(place, phrases.len(), 0, LANGUAGES)?;
    let mut total = 0;
    for (language, phrases) in phrases {
        let place = format!("{place}.{language}");
        count(&place, phrases.len(), 0, PHRASES)?;
        for (i, phrase) in phrases.iter().enumerate() {
            let place = format!("{place}[{i}]");
            text(&place, phrase, PHRASE)?;
            if Words::read(phrase).is_empty() {
                return fault(place, "has no word to be recognised by");
            }
        }
        total += phrases.len();
    }
    Ok(total)
}

fn answers(
    place: &str,
    answers: &BTreeMap<Language, String>,
    default: Language,
) -> Result<(), DefinitionError> {
    count(place, answers.len(), 0, LANGUAGES)?;
    for (language, answer) in answers {
        text(&format!("{place}.{language}"), answer, ANSWER)?;
    }
    if answers.contains_key(&default) {
        Ok(())
    } else {
        fault(place, format!("has no text in the default language, {default}"))
    }
}

fn text(place: &str, text: &str, most: usize) -> Result<(), DefinitionError> {
    if text.trim().is_empty() {
        return fault(place, "is empty");
    }
    match text.chars().count() {
        length if length > most => {
            fault(place, format!("has {length} characters, more than {most}"))
        }
        _ => Ok(()),
    }
}

fn count(place: &str, count: usize, least: usize, most: usize) -> Result<(), DefinitionError> {
    if count < least {
        fault(place, "is empty")
    } else if count > most {
        fault(place, format!("has {count} entries, more than {most}"))
    } else {
        Ok(())
    }
}

fn fault<T>(place: impl Into<String>, problem: impl Into<String>) -> Result<T, DefinitionError> {
    Err(DefinitionError { place: place.into(), problem: problem.into() })
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
        assert_eq!(fault_of(|d| d.pace_ms = 1_001), "pace_ms: is more than 1000");
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
}
