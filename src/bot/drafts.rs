//! What is asked of a definition that is new, besides what its bot needs to run.
//!
//! Those in the log were taken by the rules of their time and go on answering; what has become
//! stricter since stands here, and is asked of what is drafted or deployed only.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::Bot;
use super::faults::{Faults, Found};
use crate::domain::bot::flow::{Step, Text, Validation};
use crate::domain::bot::{Definition, flow, llm, remote};
use crate::domain::characters::{plain, same};
use crate::domain::contact::TOLD;

/// Checks a definition that may have been shown without its secrets.
///
/// # Errors
/// All that is wrong with it.
pub fn check(definition: &Definition) -> Result<(), Faults> {
    found_in(definition).none()
}

/// Checks a definition that is to be kept.
///
/// # Errors
/// All that is wrong with it.
pub fn check_whole(definition: &Definition) -> Result<(), Faults> {
    let mut found = found_in(definition);
    for place in definition.hidden() {
        found.add(place, "stands for a secret that this bot does not have: write it out");
    }
    found.none()
}

fn found_in(definition: &Definition) -> Found {
    let mut found = Found::default();
    if let Err(faults) = Bot::compile(definition) {
        found.extend(faults);
    }
    match definition {
        Definition::Faq(_) => {}
        Definition::Flow(definition) => flow(definition, &mut found),
        Definition::Llm(definition) => llm(definition, &mut found),
        Definition::Remote(definition) => remote(definition, &mut found),
    }
    found
}

fn flow(definition: &flow::Definition, found: &mut Found) {
    for (id, step) in &definition.steps {
        let place = format!("steps.{id}");
        let variable = format!("{place}.variable");
        match step {
            Step::Ask(ask) => {
                settable(&variable, &ask.variable, found);
                validation(&format!("{place}.validation"), &ask.validation, found);
            }
            Step::Buttons(buttons) => {
                if let Some(name) = &buttons.variable {
                    settable(&variable, name, found);
                }
                labels(&place, definition, &buttons.options, found);
            }
            Step::Set(set) => settable(&variable, &set.variable, found),
            Step::Http(http) => {
                for name in http.save.keys() {
                    settable(&format!("{place}.save.{name}"), name, found);
                }
                headers(&format!("{place}.headers"), &http.headers, &[], found);
            }
            Step::Say(_) | Step::Branch(_) | Step::HandOver(_) | Step::End(_) => {}
        }
    }
}

/// What a contact tells of itself is read again in every turn: what is set would not last.
fn settable(place: &str, name: &str, found: &mut Found) {
    if TOLD.contains(&name) {
        found.add(place, format!("{name} is the contact's own and cannot be set"));
    }
}

/// Of two labels that count as the same, one could never be chosen.
fn labels(place: &str, definition: &flow::Definition, options: &[flow::Choice], found: &mut Found) {
    let mut before = BTreeSet::new();
    for (number, option) in options.iter().enumerate() {
        let labels: Vec<_> = match &option.label {
            Text::Plain(text) => vec![(definition.default_language, text)],
            Text::Translated(texts) => texts.iter().map(|(at, text)| (*at, text)).collect(),
        };
        let place = format!("{place}.options[{number}].label");
        for (language, label) in labels {
            if !before.insert((language, plain(label))) && !found.is_at(&place) {
                found.add(&place, format!("{label:?} stands there before"));
            }
        }
    }
}

fn validation(place: &str, validation: &Validation, found: &mut Found) {
    match validation {
        Validation::Choice { options } => {
            for (number, option) in options.iter().enumerate() {
                if options[..number].iter().any(|before| same(before, option)) {
                    let place = format!("{place}.options[{number}]");
                    found.add(place, format!("{option:?} stands there before"));
                }
            }
        }
        Validation::Text { pattern: Some(pattern), .. } => {
            let place = format!("{place}.pattern");
            // `a)|(?:b` is one only between the parentheses that it is put in.
            if !found.is_at(&place) && Regex::new(pattern).is_err() {
                found.add(place, "is no regular expression by itself");
            }
        }
        _ => {}
    }
}

fn llm(definition: &llm::Definition, found: &mut Found) {
    let mut ours = vec!["content-type", "accept"];
    ours.extend(definition.api_key.is_some().then_some("authorization"));
    headers("headers", &definition.headers, &ours, found);
}

fn remote(definition: &remote::Definition, found: &mut Found) {
    let ours = ["content-type", "accept", "idempotency-key", "parlor-signature"];
    headers("headers", &definition.headers, &ours, found);
}

fn headers(place: &str, headers: &BTreeMap<String, String>, ours: &[&str], found: &mut Found) {
    let mut seen = BTreeSet::new();
    for name in headers.keys() {
        let (place, lower) = (format!("{place}.{name}"), name.to_ascii_lowercase());
        if ours.contains(&lower.as_str()) {
            found.add(&place, "is sent already, and not yours to set");
        }
        if !seen.insert(lower) {
            found.add(place, "stands there before, in other letters");
        }
    }
}

#[cfg(test)]
mod tests;
