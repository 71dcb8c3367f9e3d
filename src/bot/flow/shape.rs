//! The shape of a flow: every step can be reached, and no way leads round without a question.

use std::collections::{BTreeMap, BTreeSet};

use super::super::faults::Found;
use crate::domain::bot::flow::{Definition, Step};

/// The steps that may follow one.
fn exits(step: &Step) -> Vec<&str> {
    let all: Vec<&String> = match step {
        Step::Say(step) => vec![&step.next],
        Step::Ask(step) => std::iter::once(&step.next).chain(&step.on_fail).collect(),
        Step::Buttons(step) => {
            step.options.iter().map(|option| &option.next).chain(&step.on_fail).collect()
        }
        Step::Branch(step) => {
            let conditions = step.conditions.iter().map(|condition| &condition.next);
            conditions.chain([&step.otherwise]).collect()
        }
        Step::Set(step) => vec![&step.next],
        Step::Http(step) => vec![&step.next, &step.on_error],
        Step::HandOver(_) | Step::End(_) => Vec::new(),
    };
    all.into_iter().map(String::as_str).collect()
}

fn waits(step: &Step) -> bool {
    matches!(step, Step::Ask(_) | Step::Buttons(_))
}

pub(super) fn check(definition: &Definition, found: &mut Found) {
    let mut reached = BTreeSet::new();
    let mut due = vec![definition.start.as_str()];
    while let Some(id) = due.pop() {
        if let Some(step) = definition.steps.get(id)
            && reached.insert(id)
        {
            due.extend(exits(step));
        }
    }
    for id in definition.steps.keys().filter(|id| !reached.contains(id.as_str())) {
        found.add(format!("steps.{id}"), "no way leads here from the start");
    }
    if let Some(loop_) = round(definition) {
        let way = loop_.join(" → ");
        let problem = format!("goes round without asking anything: {way}");
        found.add(format!("steps.{}", loop_[0]), problem);
    }
}

/// A way from a step back to it on which nothing waits for the customer.
fn round(definition: &Definition) -> Option<Vec<&str>> {
    // The ways out of each step that are still to be gone, in a walk without recursion.
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in definition.steps.keys() {
        let mut path: Vec<&str> = Vec::new();
        let mut on_path: BTreeMap<&str, usize> = BTreeMap::new();
        let mut due: Vec<(usize, &str)> = vec![(0, start)];
        while let Some((depth, id)) = due.pop() {
            for left in path.drain(depth..) {
                on_path.remove(left);
                done.insert(left);
            }
            if let Some(&from) = on_path.get(id) {
                let mut round = path[from..].to_vec();
                round.push(id);
                return Some(round);
            }
            let step = definition.steps.get(id).filter(|step| !waits(step));
            let Some(step) = step.filter(|_| !done.contains(id)) else { continue };
            on_path.insert(id, path.len());
            path.push(id);
            due.extend(exits(step).into_iter().map(|next| (path.len(), next)));
        }
        done.extend(path);
    }
    None
}
