//! What is told of documents that are none.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{faq, flow};
use super::*;

fn faults(document: &Value) -> Vec<String> {
    told(&document.to_string())
}

fn told(text: &str) -> Vec<String> {
    let faults = read(text).err().map(|faults| faults.0).unwrap_or_default();
    faults.iter().map(|fault| format!("{}: {}", fault.place, fault.problem)).collect()
}

fn flow_of(steps: Value) -> Value {
    json!({ "kind": "flow", "name": "a", "start": "a", "steps": steps })
}

#[test]
fn the_demos_are_read_as_they_are() {
    for definition in [Definition::Faq(faq::demo()), Definition::Flow(flow::demo())] {
        let text = serde_json::to_string(&definition).unwrap();
        assert_eq!(read(&text), Ok(definition));
    }
}

#[test]
fn every_fault_of_form_is_told_at_its_place() {
    let document = flow_of(json!({
        "hello": { "type": "say", "text": { "en": "Hi.", "english": "Hi." } },
        "ask": { "type": "ask", "text": 5, "variable": "contact.a", "next": "x", "nexxt": "y",
            "max_retries": -1, "validation": { "type": "text", "mni": 1 } },
        "number": { "type": "ask", "text": "?", "variable": "contact.a", "next": "x",
            "validation": { "type": 5 }, "max_retries": 5_000_000_000_u64 },
        "pick": { "type": "buttons", "text": "?", "options": [{ "label": "A", "next": null }, "B"] },
        "if": { "type": "branch", "else": "x",
            "conditions": [{ "variable": "contact.a", "is": "like", "next": "x" }] },
        "call": { "type": "http", "method": "FETCH", "url": "x", "headers": { "A": 1 },
            "next": "x", "on_error": "x", "body": { "free": [1] } },
        "odd": { "type": "saay" },
        "none": {},
    }));
    let found = faults(&document);
    let wanted = [
        "steps.ask.max_retries: is -1, not a whole number that fits",
        "steps.ask.nexxt: is unknown: there are ",
        "steps.ask.text: is of type number, not string or object",
        "steps.ask.validation.mni: is unknown: there are ",
        "steps.call.headers.A: is of type number, not string",
        "steps.call.method: is \"FETCH\", none of GET, POST, PUT, PATCH, DELETE",
        "steps.hello.next: is missing",
        "steps.hello.text.english: is not named as ",
        "steps.if.conditions[0].is: is \"like\", none of ",
        "steps.none.type: is missing; there are say, ask, ",
        "steps.number.max_retries: is 5000000000, not ",
        "steps.number.validation.type: is 5; there are text, number, ",
        "steps.odd.type: is \"saay\"; there are say, ask, ",
        "steps.pick.options[0].next: is of type null, not string",
        "steps.pick.options[1]: is of type string, not object",
    ];
    assert_eq!(found.len(), wanted.len(), "{found:#?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(found.starts_with(wanted), "{found} is not {wanted}");
    }
}

#[test]
fn what_is_no_bot_at_all_is_told() {
    assert_eq!(told("{ \"kind\": "), ["line 1, column 10: EOF while parsing a value"]);
    assert_eq!(told("[]"), ["definition: is of type array, not object"]);
    assert_eq!(told("{}"), ["kind: is missing; there are faq, flow, llm, remote"]);
    assert_eq!(told("{\"kind\":\"x\"}"), ["kind: is \"x\"; there are faq, flow, llm, remote"]);
    assert_eq!(told("{} {}")[0], "line 1, column 4: trailing characters");
}

#[test]
fn a_list_is_no_object_and_no_name_stands_twice() {
    let mut document = serde_json::to_value(Definition::Faq(faq::demo())).unwrap();
    document["handover"] = json!([]);
    document["intents"][1]["answers"] = json!("Hi.");
    assert_eq!(
        faults(&document),
        [
            "handover: is of type array, not object",
            "intents[1].answers: is of type string, not object"
        ]
    );
    let end = r#"{ "type": "end", "text": "Bye." }"#;
    let twice = format!(
        r#"{{ "kind": "flow", "name": "a", "start": "a", "name": "b", "steps": {{ "a": {end}, "a": {end} }} }}"#
    );
    assert_eq!(told(&twice), ["name: stands there twice", "steps.a: stands there twice"]);
}

/// Any JSON, of words that definitions are made of.
fn json_of_words() -> impl Strategy<Value = Value> {
    let word = "kind|flow|faq|steps|a|type|say|ask|text|next|en|validation|options";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word, inner), 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(document in json_of_words()) {
        let _ = read(&document.to_string());
    }

    #[test]
    fn a_step_of_the_right_form_can_be_read(step in json_of_words()) {
        // Where the form is right, serde has nothing to add.
        let document = flow_of(json!({ "a": step }));
        if let Err(faults) = read(&document.to_string()) {
            prop_assert!(faults.0.iter().all(|fault| fault.place != "definition"), "{faults}");
        }
    }

    #[test]
    fn what_is_written_is_read_again(pace in 0..1_000_u64, name in "\\PC{0,20}") {
        let mut definition = flow::demo();
        definition.pace_ms = pace;
        definition.name = name;
        let definition = Definition::Flow(definition);
        let text = serde_json::to_string_pretty(&definition).unwrap();
        prop_assert_eq!(read(&text), Ok(definition));
    }
}
