//! One turn of a flow, pure: from a position and a message to what is done, and to a call that has to
//! be made before it can go on.
//!
//! A turn ends, because no way through a flow leads round without a question (`shape`).

use std::sync::Arc;

use super::super::Turn;
use super::super::scope::Scope;
use super::answers;
use super::calls::Request;
use super::graph::{Call, Condition, Graph, Instruction, NodeIndex, Retry, Words};
use super::{dates, numbers};
use crate::domain::attachment::Attachment;
use crate::domain::bot::flow::Test;
use crate::domain::characters::{is_blank, plain, same};
use crate::domain::language::Language;
use crate::domain::text::MESSAGE_MAX_CHARS;
use crate::outside;
use serde_json::Value;

/// Calls in one turn.
const CALLS_MAX: usize = 10;

/// One thing that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Text(String),
    Buttons(Vec<String>),
    Set { name: String, value: String },
    Intent(String),
}

/// Why a run pauses.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pause {
    /// The next message answers the step that is named.
    Wait(String),
    /// A call is to be made for a step; or it has failed already, by its values.
    Call(NodeIndex, Result<Box<Request>, outside::Error>),
    HandOver,
    Over {
        resolve: bool,
    },
}

/// A flow in the middle of a turn.
#[derive(Debug, Clone)]
pub(super) struct Run {
    graph: Arc<Graph>,
    scope: Scope,
    language: Language,
    /// In which the customer writes numbers and dates.
    reads: Language,
    /// What may still be said, in characters.
    left: usize,
    said: bool,
    calls: usize,
    /// The turn's intent was named.
    named: bool,
    /// The step that the message answers.
    answered: Option<NodeIndex>,
    actions: Vec<Action>,
}

impl Run {
    pub(super) fn new(graph: Arc<Graph>, turn: &Turn<'_>) -> Self {
        Self {
            language: graph.language_for(turn),
            reads: graph.language_of(turn),
            graph,
            scope: Scope::of(turn),
            left: MESSAGE_MAX_CHARS,
            said: false,
            calls: 0,
            named: false,
            answered: None,
            actions: Vec::new(),
        }
    }

    /// Takes the message: it answers the step at `position`, or begins the flow.
    pub(super) fn start(
        &mut self,
        position: Option<&str>,
        text: &str,
        files: &[Attachment],
    ) -> (Vec<Action>, Pause) {
        let graph = self.graph.clone();
        let (id, tries) = match position.and_then(|position| position.split_once('#')) {
            Some((id, tries)) => (Some(id), tries.parse().unwrap_or(0)),
            None => (position, 0),
        };
        // Another version of the flow may not have the step.
        let pause = match id.and_then(|id| graph.places.get(id)) {
            Some(&place) => {
                self.answered = Some(place);
                self.answer(&graph, place, tries, text, files)
            }
            None => self.walk(&graph, graph.start),
        };
        self.paused(&graph, pause)
    }

    /// Goes on after a call; `None` is one that failed.
    pub(super) fn resume(
        &mut self,
        place: NodeIndex,
        answer: Option<&Value>,
    ) -> (Vec<Action>, Pause) {
        let graph = self.graph.clone();
        let pause = match (graph.nodes.get(place).map(|node| &node.step), answer) {
            (Some(Instruction::Http(call)), Some(answer)) => {
                for (name, value) in call.saved(answer) {
                    self.set(&name, &value);
                }
                self.walk(&graph, call.next)
            }
            (Some(Instruction::Http(call)), None) => self.walk(&graph, call.on_error),
            _ => Pause::Over { resolve: false },
        };
        self.paused(&graph, pause)
    }

    fn paused(&mut self, graph: &Graph, pause: Pause) -> (Vec<Action>, Pause) {
        if let Some(answered) = self.answered
            && !matches!(pause, Pause::Call(..))
        {
            self.name(graph, answered);
        }
        (std::mem::take(&mut self.actions), pause)
    }

    /// The first step that names an intent names the turn's.
    fn name(&mut self, graph: &Graph, place: NodeIndex) {
        let intent = graph.nodes.get(place).and_then(|node| node.intent.clone());
        if let Some(intent) = intent.filter(|_| !self.named) {
            self.named = true;
            self.actions.push(Action::Intent(intent));
        }
    }

    fn answer(
        &mut self,
        graph: &Graph,
        place: NodeIndex,
        tries: u32,
        text: &str,
        files: &[Attachment],
    ) -> Pause {
        match &graph.nodes[place].step {
            Instruction::Ask { variable, check, next, retry, .. } => {
                match check.accept(text, files, self.reads) {
                    Some(value) => {
                        self.set(variable, &value);
                        self.walk(graph, *next)
                    }
                    None => self.again(graph, place, tries, retry),
                }
            }
            Instruction::Buttons { options, variable, retry, .. } => {
                let chosen = options.iter().find(|option| {
                    let labels = option.label.by_language.values();
                    labels
                        .map(|label| label.render(|name| self.scope.get(name)))
                        .any(|label| same(&label, text))
                });
                let Some(chosen) = chosen else { return self.again(graph, place, tries, retry) };
                if let Some(variable) = variable {
                    let value = chosen.value.clone();
                    let value = value.unwrap_or_else(|| self.written(graph, &chosen.label));
                    self.set(variable, &value);
                }
                self.walk(graph, chosen.next)
            }
            // A step that waits for nothing: the flow has changed under its name.
            _ => self.walk(graph, graph.start),
        }
    }

    fn again(&mut self, graph: &Graph, place: NodeIndex, tries: u32, retry: &Retry) -> Pause {
        if let Some(then) = retry.then.filter(|_| tries >= retry.most) {
            return self.walk(graph, then);
        }
        let tries = if retry.then.is_some() { tries + 1 } else { 0 };
        self.ask(graph, place, retry.text.as_ref(), tries)
    }

    /// Puts the question of a step that waits, in other words where `instead` has some.
    fn ask(
        &mut self,
        graph: &Graph,
        place: NodeIndex,
        instead: Option<&Words>,
        tries: u32,
    ) -> Pause {
        let node = &graph.nodes[place];
        match &node.step {
            Instruction::Ask { text, check, .. } => {
                self.say(graph, instead.unwrap_or(text));
                if let answers::Check::Choice { options } = check {
                    self.actions.push(Action::Buttons(options.clone()));
                }
            }
            Instruction::Buttons { text, options, .. } => {
                self.say(graph, instead.unwrap_or(text));
                let labels = options.iter().map(|option| self.written(graph, &option.label));
                let labels = labels.collect();
                self.actions.push(Action::Buttons(labels));
            }
            _ => {}
        }
        Pause::Wait(if tries == 0 { node.id.clone() } else { format!("{}#{tries}", node.id) })
    }

    fn walk(&mut self, graph: &Graph, from: NodeIndex) -> Pause {
        let mut place = from;
        // No more than all steps: nothing leads round.
        for _ in 0..=graph.nodes.len() {
            self.name(graph, place);
            place = match &graph.nodes[place].step {
                Instruction::Say { text, next } => {
                    self.say(graph, text);
                    *next
                }
                Instruction::Ask { .. } | Instruction::Buttons { .. } => {
                    return self.ask(graph, place, None, 0);
                }
                Instruction::Branch { conditions, otherwise } => {
                    let holds = conditions.iter().find(|condition| self.holds(condition));
                    holds.map_or(*otherwise, |condition| condition.next)
                }
                Instruction::Set { variable, value, next } => {
                    let value = value.render(|name| self.scope.get(name));
                    self.set(variable, &value);
                    *next
                }
                Instruction::Http(call) if self.calls >= CALLS_MAX => call.on_error,
                Instruction::Http(call) => return self.call(place, call),
                Instruction::HandOver { text } => {
                    self.maybe_say(graph, text.as_ref());
                    return Pause::HandOver;
                }
                Instruction::End { text, resolve } => {
                    self.maybe_say(graph, text.as_ref());
                    return Pause::Over { resolve: *resolve };
                }
            };
        }
        Pause::Over { resolve: false }
    }

    fn call(&mut self, place: NodeIndex, call: &Call) -> Pause {
        self.calls += 1;
        Pause::Call(place, call.request(&self.scope).map(Box::new))
    }

    fn set(&mut self, name: &str, value: &str) {
        // As the conversation will keep it: it may be cut.
        if let Some(value) = self.scope.set(name, value) {
            let value = value.to_owned();
            self.actions.push(Action::Set { name: name.to_owned(), value });
        }
    }

    fn written(&self, graph: &Graph, words: &Words) -> String {
        let text = words.by_language.get(&self.language);
        let text = text.or_else(|| words.by_language.get(&graph.language));
        text.map(|text| text.render(|name| self.scope.get(name))).unwrap_or_default()
    }

    fn maybe_say(&mut self, graph: &Graph, words: Option<&Words>) {
        if let Some(words) = words {
            self.say(graph, words);
        }
    }

    /// Says something, up to what a turn may say.
    fn say(&mut self, graph: &Graph, words: &Words) {
        let text = self.written(graph, words);
        if text.trim().is_empty() {
            return;
        }
        let text = if self.said { format!("\n\n{text}") } else { text };
        let text: String = text.chars().take(self.left).collect();
        self.left -= text.chars().count();
        self.said = true;
        if !text.is_empty() {
            self.actions.push(Action::Text(text));
        }
    }

    fn holds(&self, condition: &Condition) -> bool {
        let value = self.scope.get(&condition.variable).unwrap_or_default();
        let other = condition.value.render(|name| self.scope.get(name));
        let contains = || plain(value).contains(&plain(&other));
        match condition.test {
            Test::Equals => same(value, &other),
            Test::NotEquals => !same(value, &other),
            Test::Contains => contains(),
            Test::NotContains => !contains(),
            Test::Matches => {
                condition.pattern.as_ref().is_some_and(|pattern| pattern.is_match(value))
            }
            Test::Greater => self.compared(value, &other).is_some_and(|order| order.is_gt()),
            Test::Less => self.compared(value, &other).is_some_and(|order| order.is_lt()),
            Test::IsSet => !is_blank(value),
            Test::IsEmpty => is_blank(value),
        }
    }

    /// As numbers, or as dates; none where they are neither.
    fn compared(&self, one: &str, other: &str) -> Option<std::cmp::Ordering> {
        let number = |text| numbers::value(text, self.reads);
        let date = |text| dates::date(text, self.reads);
        match (number(one), number(other)) {
            (Some(one), Some(other)) => one.partial_cmp(&other),
            _ => Some(date(one)?.cmp(&date(other)?)),
        }
    }
}
