//! A flow made ready: steps by number, texts and patterns read.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

use super::super::Turn;
use super::super::template::Template;
use super::answers::Check;
use crate::domain::bot::flow::{Method, Test};
use crate::domain::language::Language;

/// The number of a step.
pub(super) type NodeIndex = usize;

#[derive(Debug)]
pub(super) struct Graph {
    pub(super) name: String,
    pub(super) language: Language,
    /// All that something is written in.
    pub(super) languages: BTreeSet<Language>,
    pub(super) pace_ms: u64,
    pub(super) start: NodeIndex,
    pub(super) nodes: Vec<Node>,
    pub(super) places: BTreeMap<String, NodeIndex>,
}

impl Graph {
    /// The language that a turn's texts are said in, where they are written in it.
    pub(super) fn language_for(&self, turn: &Turn<'_>) -> Language {
        let browser = turn.background.variables.browser_language();
        browser.filter(|language| self.languages.contains(language)).unwrap_or(self.language)
    }

    /// The language that a turn's numbers and dates are written in: the customer's own, whether the
    /// flow speaks it or not.
    pub(super) fn language_of(&self, turn: &Turn<'_>) -> Language {
        let browser = turn.background.variables.browser_language();
        browser.or(turn.previous).unwrap_or(self.language)
    }
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) intent: Option<String>,
    pub(super) step: Instruction,
}

/// A text by language; always in the default one.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) by_language: BTreeMap<Language, Template>,
}

#[derive(Debug)]
pub(super) enum Instruction {
    Say { text: Words, next: NodeIndex },
    Ask { text: Words, variable: String, check: Check, retry: Retry, next: NodeIndex },
    Buttons { text: Words, options: Vec<Choice>, variable: Option<String>, retry: Retry },
    Branch { conditions: Vec<Condition>, otherwise: NodeIndex },
    Set { variable: String, value: Template, next: NodeIndex },
    Http(Box<Call>),
    HandOver { text: Option<Words> },
    End { text: Option<Words>, resolve: bool },
}

/// What happens to an answer that is none.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) text: Option<Words>,
    pub(super) most: u32,
    pub(super) then: Option<NodeIndex>,
}

#[derive(Debug)]
pub(super) struct Choice {
    pub(super) label: Words,
    pub(super) value: Option<String>,
    pub(super) next: NodeIndex,
}

#[derive(Debug)]
pub(super) struct Condition {
    pub(super) variable: String,
    pub(super) test: Test,
    pub(super) value: Template,
    pub(super) pattern: Option<Regex>,
    pub(super) next: NodeIndex,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Template,
    pub(super) headers: Vec<(String, Template)>,
    pub(super) body: Option<Body>,
    pub(super) timeout_ms: u64,
    /// Variables and pointers.
    pub(super) save: Vec<(String, String)>,
    pub(super) next: NodeIndex,
    pub(super) on_error: NodeIndex,
}

/// JSON whose texts are templates.
#[derive(Debug)]
pub(super) enum Body {
    Text(Template),
    List(Vec<Body>),
    Object(Vec<(String, Body)>),
    Other(Value),
}
