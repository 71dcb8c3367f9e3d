//! What new definitions are refused for, and stored ones are not.

use serde_json::{Value, json};

use super::*;

fn of(definition: Value) -> Definition {
    serde_json::from_value(definition).unwrap()
}

fn told(checked: Result<(), Faults>) -> Vec<String> {
    let faults = checked.err().map(|faults| faults.0).unwrap_or_default();
    faults.iter().map(|fault| format!("{}: {}", fault.place, fault.problem)).collect()
}

/// Refused as a draft for exactly this, and still a bot.
fn only_refused(definition: Value, wanted: &[&str]) {
    let definition = of(definition);
    assert!(Bot::compile(&definition).is_ok(), "stored ones go on: {definition:?}");
    let faults = told(check(&definition));
    assert_eq!(faults.len(), wanted.len(), "{faults:#?}");
    for (fault, wanted) in faults.iter().zip(wanted) {
        assert!(fault.starts_with(wanted), "{fault} is not {wanted}");
    }
}

fn asking(variable: &str, validation: Value) -> Value {
    json!({ "kind": "flow", "name": "a", "start": "ask", "steps": {
        "ask": { "type": "ask", "text": "?", "variable": variable, "validation": validation,
            "next": "ask" } } })
}

#[test]
fn what_a_contact_tells_of_itself_is_not_set() {
    let text = json!({ "type": "text" });
    assert_eq!(told(check(&of(asking("contact.plan", text.clone())))), Vec::<String>::new());
    for name in TOLD {
        only_refused(asking(name, text.clone()), &[&format!("steps.ask.variable: {name} is")]);
    }
    let steps = json!({
        "pick": { "type": "buttons", "text": "?", "variable": "contact.name",
            "options": [{ "label": "A", "next": "set" }] },
        "set": { "type": "set", "variable": "contact.email", "value": "x", "next": "call" },
        "call": { "type": "http", "url": "https://a.example/", "next": "pick", "on_error": "pick",
            "save": { "contact.phone": "/phone" } },
    });
    only_refused(
        json!({ "kind": "flow", "name": "a", "start": "pick", "steps": steps }),
        &["steps.call.save.contact.phone: ", "steps.pick.variable: ", "steps.set.variable: "],
    );
}

#[test]
fn answers_are_told_apart_and_patterns_stand_by_themselves() {
    let choice = json!({ "type": "choice", "options": ["A", "B", " a"] });
    only_refused(asking("contact.a", choice), &["steps.ask.validation.options[2]: \" a\" stands"]);
    let pattern = json!({ "type": "text", "pattern": "a)|(?:b" });
    only_refused(asking("contact.a", pattern), &["steps.ask.validation.pattern: is no regular"]);
    let none = of(asking("contact.a", json!({ "type": "text", "pattern": "(" })));
    assert_eq!(told(check(&none)).len(), 1, "it is told once");
}

#[test]
fn no_header_is_sent_twice() {
    let header = |name: &str| json!({ name: "x" });
    let remote = |headers| json!({ "kind": "remote", "name": "a", "url": "https://a.example", "headers": headers });
    for name in ["Content-Type", "accept", "IDEMPOTENCY-KEY", "Parlor-Signature"] {
        only_refused(remote(header(name)), &[&format!("headers.{name}: is sent already")]);
    }
    only_refused(remote(json!({ "X-A": "1", "x-a": "2" })), &["headers.x-a: stands there before"]);
    let mut llm = json!({ "kind": "llm", "name": "a", "base_url": "https://a.example/v1",
        "model": "m", "headers": header("authorization") });
    assert_eq!(told(check(&of(llm.clone()))), Vec::<String>::new(), "there is no api_key");
    llm["api_key"] = json!("k");
    only_refused(llm, &["headers.authorization: is sent already"]);
    let call = json!({ "kind": "flow", "name": "a", "start": "call", "steps": {
        "call": { "type": "http", "url": "https://a.example/", "next": "end", "on_error": "end",
            "headers": { "Accept": "application/vnd.a+json" } },
        "end": { "type": "end", "text": "Bye." } } });
    assert_eq!(told(check(&of(call))), Vec::<String>::new(), "a call's may replace ours");
}

#[test]
fn a_secret_that_is_hidden_is_refused_where_it_is_to_be_kept() {
    let call = json!({ "type": "http", "url": "https://a.example/", "next": "end",
        "on_error": "end", "headers": { "X-Key": "(hidden)" } });
    let flow = json!({ "kind": "flow", "name": "a", "start": "call", "steps": {
        "call": call, "end": { "type": "end", "text": "Bye." } } });
    let llm = json!({ "kind": "llm", "name": "a", "base_url": "https://a.example/v1",
        "model": "m", "api_key": "(hidden)", "headers": { "X-Key": "(hidden)" } });
    for (definition, places) in
        [(flow, &["steps.call.headers.X-Key: "][..]), (llm, &["api_key: ", "headers.X-Key: "])]
    {
        let definition = of(definition);
        assert_eq!(check(&definition), Ok(()), "it may be shown");
        let faults = told(check_whole(&definition));
        assert_eq!(faults.len(), places.len(), "{faults:?}");
        assert!(faults.iter().zip(places).all(|(fault, place)| fault.starts_with(place)));
    }
}
