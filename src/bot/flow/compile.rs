//! From a definition to a graph, or to all that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use regex::{Regex, RegexBuilder};

use super::super::INTENT_MAX_CHARS;
use super::super::faults::{Faults, Found};
use super::super::scope::GIVEN;
use super::super::template::{NAMES, Template};
use super::answers::Check;
use super::graph::{Choice, Condition, Graph, Instruction, Node, NodeIndex, Retry, Words};
use super::{calls, shape};
use crate::domain::bot::flow::{self, Definition, Test, Text, Validation};
use crate::domain::language::Language;
use crate::domain::variables::Variables;

const NAME_MAX: usize = 80;
const PACE_MAX_MS: u64 = 1_000;
const STEPS_MAX: usize = 500;
const ID_MAX: usize = 64;
const TEXT_MAX: usize = 4_000;
const LABEL_MAX: usize = 80;
const LANGUAGES_MAX: usize = 32;
const OPTIONS_MAX: usize = 20;
const CONDITIONS_MAX: usize = 50;
const RETRIES_MAX: u32 = 20;
const PATTERN_MAX: usize = 500;
/// What a compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;
/// The whole definition as JSON: it is an event of the log.
const DEFINITION_BYTES: usize = 512 * 1024;

/// Makes a graph of a definition.
///
/// # Errors
/// All faults, sorted by their places.
pub(super) fn compile(definition: &Definition) -> Result<Graph, Faults> {
    let places: BTreeMap<String, NodeIndex> =
        definition.steps.keys().enumerate().map(|(place, id)| (id.clone(), place)).collect();
    let languages = BTreeSet::from([definition.default_language]);
    let mut compiler = Compiler { definition, places: &places, languages, found: Found::default() };
    compiler.whole();
    let start = compiler.target("start", &definition.start);
    let nodes = definition.steps.iter().map(|(id, step)| {
        let place = format!("steps.{id}");
        let intent = step.intent().map(|intent| {
            compiler.found.text(&format!("{place}.intent"), intent, INTENT_MAX_CHARS);
            intent.to_owned()
        });
        Node { id: id.clone(), intent, step: compiler.step(&place, step) }
    });
    let nodes: Vec<_> = nodes.collect();
    let Compiler { mut found, languages, .. } = compiler;
    shape::check(definition, &mut found);
    found.none()?;
    Ok(Graph {
        name: definition.name.clone(),
        language: definition.default_language,
        languages,
        pace_ms: definition.pace_ms,
        start,
        nodes,
        places,
    })
}

pub(super) struct Compiler<'a> {
    definition: &'a Definition,
    places: &'a BTreeMap<String, NodeIndex>,
    languages: BTreeSet<Language>,
    pub(super) found: Found,
}

impl Compiler<'_> {
    fn whole(&mut self) {
        let definition = self.definition;
        self.found.text("name", &definition.name, NAME_MAX);
        self.found.number("pace_ms", definition.pace_ms, 0, PACE_MAX_MS);
        self.found.number("steps", definition.steps.len() as u64, 1, STEPS_MAX as u64);
        for id in definition.steps.keys() {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
            if id.is_empty() || id.len() > ID_MAX || !id.bytes().all(plain) {
                let problem = format!("an id is 1 to {ID_MAX} letters, digits, _ and -");
                self.found.add(format!("steps.{id}"), problem);
            }
        }
        if serde_json::to_vec(definition).map_or(usize::MAX, |json| json.len()) > DEFINITION_BYTES {
            self.found.add("steps", format!("are more than {DEFINITION_BYTES} bytes of JSON"));
        }
    }

    fn step(&mut self, place: &str, step: &flow::Step) -> Instruction {
        match step {
            flow::Step::Say(say) => Instruction::Say {
                text: self.words(&format!("{place}.text"), &say.text, TEXT_MAX),
                next: self.target(&format!("{place}.next"), &say.next),
            },
            flow::Step::Ask(ask) => Instruction::Ask {
                text: self.words(&format!("{place}.text"), &ask.text, TEXT_MAX),
                variable: self.settable(&format!("{place}.variable"), &ask.variable),
                check: self.validation(&format!("{place}.validation"), &ask.validation),
                retry: self.retry(place, ask.retry.as_ref(), ask.max_retries, &ask.on_fail),
                next: self.target(&format!("{place}.next"), &ask.next),
            },
            flow::Step::Buttons(step) => {
                let count = step.options.len() as u64;
                self.found.number(&format!("{place}.options"), count, 1, OPTIONS_MAX as u64);
                let options = step.options.iter().enumerate().map(|(number, option)| {
                    let place = format!("{place}.options[{number}]");
                    Choice {
                        label: self.words(&format!("{place}.label"), &option.label, LABEL_MAX),
                        value: option.value.clone(),
                        next: self.target(&format!("{place}.next"), &option.next),
                    }
                });
                let options = options.collect();
                self.distinct(place, &step.options);
                Instruction::Buttons {
                    text: self.words(&format!("{place}.text"), &step.text, TEXT_MAX),
                    options,
                    variable: step
                        .variable
                        .as_ref()
                        .map(|name| self.settable(&format!("{place}.variable"), name)),
                    retry: self.retry(place, step.retry.as_ref(), step.max_retries, &step.on_fail),
                }
            }
            flow::Step::Branch(branch) => {
                let count = branch.conditions.len() as u64;
                self.found.number(&format!("{place}.conditions"), count, 1, CONDITIONS_MAX as u64);
                let conditions = branch.conditions.iter().enumerate().map(|(number, condition)| {
                    self.condition(&format!("{place}.conditions[{number}]"), condition)
                });
                let conditions = conditions.collect();
                let otherwise = self.target(&format!("{place}.else"), &branch.otherwise);
                Instruction::Branch { conditions, otherwise }
            }
            flow::Step::Set(set) => Instruction::Set {
                variable: self.settable(&format!("{place}.variable"), &set.variable),
                value: self.template(&format!("{place}.value"), &set.value),
                next: self.target(&format!("{place}.next"), &set.next),
            },
            flow::Step::Http(http) => {
                Instruction::Http(Box::new(calls::compile(self, place, http)))
            }
            flow::Step::HandOver(step) => {
                let text = self.maybe_words(&format!("{place}.text"), step.text.as_ref());
                Instruction::HandOver { text }
            }
            flow::Step::End(end) => {
                if end.text.is_none() && !end.resolve {
                    self.found.add(place, "says nothing: give it a text, or let it resolve");
                }
                let text = self.maybe_words(&format!("{place}.text"), end.text.as_ref());
                Instruction::End { text, resolve: end.resolve }
            }
        }
    }

    /// The step of this id; the first where there is none, which is a fault.
    pub(super) fn target(&mut self, place: &str, id: &str) -> NodeIndex {
        self.places.get(id).copied().unwrap_or_else(|| {
            self.found.add(place, format!("there is no step {id:?}"));
            0
        })
    }

    pub(super) fn settable(&mut self, place: &str, name: &str) -> String {
        if !Variables::is_name(name) {
            self.found.add(place, format!("{name:?} is no variable: {NAMES}"));
        } else if GIVEN.contains(&name) {
            self.found.add(place, format!("{name} cannot be set"));
        }
        name.to_owned()
    }

    pub(super) fn template(&mut self, place: &str, text: &str) -> Template {
        if text.chars().count() > TEXT_MAX {
            self.found.add(place, format!("has more than {TEXT_MAX} characters"));
        }
        Template::read(text, place, &mut self.found)
    }

    fn maybe_words(&mut self, place: &str, text: Option<&Text>) -> Option<Words> {
        text.map(|text| self.words(place, text, TEXT_MAX))
    }

    fn words(&mut self, place: &str, text: &Text, most: usize) -> Words {
        let default = self.definition.default_language;
        let mut words = Words::default();
        match text {
            Text::Plain(text) => {
                self.found.text(place, text, most);
                words.by_language.insert(default, Template::read(text, place, &mut self.found));
            }
            Text::Translated(texts) => {
                if !texts.contains_key(&default) {
                    self.found
                        .add(place, format!("has no text in the default language, {default}"));
                }
                if texts.len() > LANGUAGES_MAX {
                    self.found.add(place, format!("has more than {LANGUAGES_MAX} languages"));
                }
                self.languages.extend(texts.keys());
                for (language, text) in texts {
                    let place = format!("{place}.{language}");
                    self.found.text(&place, text, most);
                    let text = Template::read(text, &place, &mut self.found);
                    words.by_language.insert(*language, text);
                }
            }
        }
        words
    }

    fn retry(
        &mut self,
        place: &str,
        text: Option<&Text>,
        most: u32,
        on_fail: &Option<String>,
    ) -> Retry {
        let retries = format!("{place}.max_retries");
        self.found.number(&retries, most.into(), 0, RETRIES_MAX.into());
        Retry {
            text: self.maybe_words(&format!("{place}.retry"), text),
            most,
            then: on_fail.as_ref().map(|id| self.target(&format!("{place}.on_fail"), id)),
        }
    }

    /// A label that stands twice could choose one of them only.
    fn distinct(&mut self, place: &str, options: &[flow::Choice]) {
        let mut seen = BTreeSet::new();
        for (number, option) in options.iter().enumerate() {
            let labels: Vec<_> = match &option.label {
                Text::Plain(text) => vec![(self.definition.default_language, text)],
                Text::Translated(texts) => texts.iter().map(|(at, text)| (*at, text)).collect(),
            };
            for (language, label) in labels {
                if !seen.insert((language, label.trim().to_lowercase())) {
                    let place = format!("{place}.options[{number}].label");
                    self.found.add(place, format!("{label:?} stands there before"));
                }
            }
        }
    }

    fn validation(&mut self, place: &str, validation: &Validation) -> Check {
        let mut bounds = |ordered: bool| {
            if !ordered {
                self.found.add(place, "has a min above its max");
            }
        };
        match validation {
            Validation::Text { min, max, pattern } => {
                let (min, max) = (min.unwrap_or(0), max.unwrap_or(usize::MAX));
                bounds(min <= max);
                let pattern = pattern.as_ref().map(|pattern| {
                    self.pattern(&format!("{place}.pattern"), &format!("^(?:{pattern})$"))
                });
                Check::Text { min, max, pattern: pattern.flatten() }
            }
            Validation::Number { min, max, integer } => {
                let (min, max) = (min.unwrap_or(f64::MIN), max.unwrap_or(f64::MAX));
                bounds(min <= max);
                Check::Number { min, max, integer: *integer }
            }
            Validation::Email => Check::Email,
            Validation::Phone => Check::Phone,
            Validation::Date => Check::Date,
            Validation::Choice { options } => {
                let place = format!("{place}.options");
                self.found.number(&place, options.len() as u64, 1, OPTIONS_MAX as u64);
                for (number, option) in options.iter().enumerate() {
                    self.found.text(&format!("{place}[{number}]"), option, LABEL_MAX);
                }
                Check::Choice { options: options.clone() }
            }
            Validation::File => Check::File,
            Validation::Url => Check::Url,
        }
    }

    fn condition(&mut self, place: &str, condition: &flow::Condition) -> Condition {
        let name = &condition.variable;
        if !Variables::is_name(name) {
            self.found
                .add(format!("{place}.variable"), format!("{name:?} is no variable: {NAMES}"));
        }
        let (mut value, mut pattern) = (Template::default(), None);
        let value_place = format!("{place}.value");
        match (condition.is, &condition.value) {
            (Test::IsSet | Test::IsEmpty, None) => {}
            (Test::IsSet | Test::IsEmpty, Some(_)) => {
                self.found.add(value_place, "is compared with nothing");
            }
            (_, None) => self.found.add(value_place, "is missing"),
            (Test::Matches, Some(text)) => pattern = self.pattern(&value_place, text),
            (_, Some(text)) => value = self.template(&value_place, text),
        }
        Condition {
            variable: name.clone(),
            test: condition.is,
            value,
            pattern,
            next: self.target(&format!("{place}.next"), &condition.next),
        }
    }

    fn pattern(&mut self, place: &str, pattern: &str) -> Option<Regex> {
        if pattern.len() > PATTERN_MAX {
            self.found.add(place, format!("has more than {PATTERN_MAX} bytes"));
            return None;
        }
        match RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build() {
            Ok(regex) => Some(regex),
            Err(regex::Error::CompiledTooBig(_)) => {
                self.found.add(place, "is too large a regular expression");
                None
            }
            Err(error) => {
                let last = error.to_string();
                let last = last.lines().last().unwrap_or_default().to_owned();
                self.found.add(place, format!("is no regular expression: {last}"));
                None
            }
        }
    }
}
