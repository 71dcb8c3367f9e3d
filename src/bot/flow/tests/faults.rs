//! What definitions are refused for: everything at once, by its place.

use serde_json::{Value, json};

use super::super::{compile::compile, demo};
use super::definition;

fn faults(start: &str, steps: Value) -> Vec<String> {
    match compile(&definition(start, steps)) {
        Ok(_) => Vec::new(),
        Err(faults) => {
            faults.0.iter().map(|fault| format!("{}: {}", fault.place, fault.problem)).collect()
        }
    }
}

#[test]
fn the_demo_has_none() {
    assert!(compile(&demo()).is_ok());
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_their_places() {
    let found = faults(
        "nowhere",
        json!({
            "a": { "type": "say", "text": " ", "next": "b" },
            "ask": { "type": "ask", "text": { "de": "Was?" }, "variable": "name", "next": "x",
                "validation": { "type": "text", "min": 5, "max": 2, "pattern": "(" } },
            "b b": { "type": "end" },
            "call": { "type": "http", "url": "https://{{contact.host}}/", "timeout_ms": 1,
                "headers": { "Host": "x" }, "save": { "system.now": "a", "contact.a": "/~2" },
                "next": "call", "on_error": "call" },
            "if": { "type": "branch", "conditions": [
                { "variable": "contact.a", "is": "equals", "next": "if" },
                { "variable": "contact.a", "is": "is_set", "value": "x", "next": "if" },
                { "variable": "contact.a", "is": "matches", "value": "[", "next": "if" }],
                "else": "if" },
            "pick": { "type": "buttons", "text": "{{x", "max_retries": 50, "options": [
                { "label": "Yes", "next": "a" }, { "label": "yes ", "next": "a" }] },
        }),
    );
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!(found.len(), sorted.len());
    for expected in [
        "start: there is no step \"nowhere\"",
        "steps.a.next: there is no step \"b\"",
        "steps.a.text: is empty",
        "steps.ask.next: there is no step \"x\"",
        "steps.ask.text: has no text in the default language, en",
        "steps.ask.validation: has a min above its max",
        "steps.ask.validation.pattern: is no regular expression",
        "steps.ask.variable: \"name\" is no variable",
        "steps.b b: an id is 1 to 64 letters",
        "steps.b b: says nothing",
        "steps.call.headers.Host: is not yours to set",
        "steps.call.save.contact.a: \"/~2\" is no JSON Pointer",
        "steps.call.save.system.now: system.now cannot be set",
        "steps.call.timeout_ms: is 1, not from 100 to 25000",
        "steps.call.url: has a variable in its host",
        "steps.if.conditions[0].value: is missing",
        "steps.if.conditions[1].value: is compared with nothing",
        "steps.if.conditions[2].value: is no regular expression",
        "steps.pick.max_retries: is 50",
        "steps.pick.options[1].label: \"yes \" stands there before",
        "steps.pick.text: has {{ without }}",
    ] {
        assert!(
            found.iter().any(|fault| fault.starts_with(expected)),
            "{expected} is not among {found:#?}"
        );
    }
}

#[test]
fn no_step_is_out_of_reach_and_no_way_leads_round_without_a_question() {
    let end = json!({ "type": "end", "text": "Bye." });
    let say = |next: &str| json!({ "type": "say", "text": "Hi.", "next": next });
    assert_eq!(
        faults("a", json!({ "a": say("z"), "b": say("a"), "z": end })),
        ["steps.b: no way leads here from the start"]
    );
    assert_eq!(
        faults("a", json!({ "a": say("b"), "b": say("c"), "c": say("b") })),
        ["steps.b: goes round without asking anything: b → c → b"]
    );
    let ask = json!({ "type": "ask", "text": "What?", "variable": "contact.a", "next": "a" });
    assert_eq!(faults("a", json!({ "a": say("b"), "b": ask })), Vec::<String>::new());
    let call = json!({ "type": "http", "url": "https://a.example/", "next": "z", "on_error": "a" });
    assert_eq!(
        faults("a", json!({ "a": say("call"), "call": call, "z": end })),
        ["steps.a: goes round without asking anything: a → call → a"]
    );
}

#[test]
fn a_flow_has_its_bounds() {
    let many: serde_json::Map<String, Value> = (0..501)
        .map(|n| {
            let step = json!({ "type": "say", "text": "Hi.", "next": format!("s{}", n + 1) });
            (format!("s{n}"), step)
        })
        .chain([("s501".to_owned(), json!({ "type": "end", "text": "Bye." }))])
        .collect();
    let found = faults("s0", many.into());
    assert!(found[0].starts_with("steps: is 502, not from 1 to 500"), "{}", found[0]);
    let long = json!({ "a": { "type": "end", "text": "x".repeat(4_001) } });
    assert!(faults("a", long)[0].contains("4001 characters"));
    let huge = json!({ "a": { "type": "ask", "text": "?", "variable": "contact.a", "next": "a",
        "validation": { "type": "text", "pattern": "(a{1000}){1000}" } } });
    assert!(faults("a", huge)[0].contains("too large a regular expression"));
}

#[test]
fn what_is_misspelt_is_refused() {
    for step in [
        json!({ "type": "say", "text": "Hi.", "next": "a", "nexxt": "a" }),
        json!({ "type": "sya", "text": "Hi." }),
        json!({ "type": "end", "text": { "english": "Hi." } }),
        json!({ "type": "ask", "text": "?", "variable": "contact.a", "next": "a",
            "validation": { "type": "text", "mni": 1 } }),
    ] {
        let whole = json!({ "kind": "flow", "name": "a", "start": "a", "steps": { "a": step } });
        let read = serde_json::from_value::<crate::domain::bot::Definition>(whole.clone());
        assert!(read.is_err(), "{whole}");
    }
}
