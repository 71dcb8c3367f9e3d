//! Flows as they are played, and what definitions are refused for.

mod any;
mod faults;

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::compile::compile;
use super::demo;
use super::graph::Graph;
use super::run::{Action, Pause, Run};
use crate::bot::{Background, Turn};
use crate::domain::bot::flow::Definition;
use crate::domain::time::Timestamp;
use crate::domain::variables::Variables;

fn definition(start: &str, steps: Value) -> Definition {
    let whole = json!({ "name": "Desk", "start": start, "steps": steps });
    serde_json::from_value(whole).expect("a definition")
}

/// A conversation with a flow.
struct Talk {
    graph: Arc<Graph>,
    background: Background,
    person_available: bool,
}

/// What came of a turn.
#[derive(Debug, Clone, PartialEq)]
struct Heard {
    text: String,
    buttons: Vec<String>,
    pause: Pause,
}

impl Talk {
    fn with(definition: &Definition) -> Self {
        let graph = compile(definition).unwrap_or_else(|faults| panic!("{faults}"));
        let at = Timestamp::parse("2026-11-21T12:00:00Z");
        let background = Background { at, ..Background::default() };
        Self { graph: Arc::new(graph), background, person_available: true }
    }

    fn knows(mut self, name: &str, value: &str) -> Self {
        assert!(self.background.variables.set(name, value));
        self
    }

    fn variable(&self, name: &str) -> &str {
        self.background.variables.get(name).unwrap_or_default()
    }

    /// Plays one turn; calls are answered by `answer`.
    fn turn(&mut self, text: &str, answer: impl Fn(&str) -> Option<Value>) -> Heard {
        let turn = Turn {
            text,
            previous: None,
            person_available: self.person_available,
            background: &self.background,
        };
        let mut run = Run::new(self.graph.clone(), &turn);
        let (mut actions, mut pause) = run.start(self.background.position.as_deref(), text, &[]);
        let (mut said, mut buttons) = (String::new(), Vec::new());
        let (mut set, mut named) = (Variables::default(), None);
        loop {
            for action in std::mem::take(&mut actions) {
                match action {
                    Action::Text(text) => said.push_str(&text),
                    Action::Buttons(labels) => buttons = labels,
                    Action::Set { name, value } => assert!(set.set(&name, &value)),
                    Action::Intent(intent) => {
                        assert!(named.replace(intent).is_none(), "a turn has one intent");
                    }
                }
            }
            let Pause::Call(place, request) = pause else { break };
            let answered = request.ok().and_then(|request| answer(&request.url));
            (actions, pause) = run.resume(place, answered.as_ref());
        }
        self.background.variables.merge(&set);
        self.background.position = match &pause {
            Pause::Wait(position) => Some(position.clone()),
            _ => None,
        };
        Heard { text: said, buttons, pause }
    }

    fn says(&mut self, text: &str) -> String {
        self.turn(text, |_| None).text
    }
}

#[test]
fn the_demo_tracks_an_order() {
    let mut talk = Talk::with(&demo()).knows("contact.name", "Ana");
    let hello = talk.turn("hello", |_| None);
    assert_eq!(hello.text, "Hi Ana, good to see you!\n\nWhat can I do for you?");
    assert_eq!(hello.buttons, ["Track my order", "Opening hours", "Talk to a person"]);
    assert!(talk.says("track MY order ").starts_with("What is your order number?"));
    assert!(talk.says("12").starts_with("That does not look like an order number."));
    assert!(talk.says("AC123456").starts_with("And which e-mail address"));
    let noted = talk.says("ana@example.com");
    assert!(noted.contains("AC123456") && noted.contains("ana@example.com"), "{noted}");
    assert_eq!(talk.variable("conversation.topic"), "track");
    let bye = talk.turn("no, thanks", |_| None);
    assert_eq!(bye.pause, Pause::Over { resolve: true });
}

#[test]
fn the_demo_knows_guests_weekends_languages_and_whether_anyone_is_there() {
    let mut talk = Talk::with(&demo());
    assert!(talk.says("hi").starts_with("Hi there, welcome"));
    // It is a Saturday.
    assert!(talk.says("opening hours").starts_with("We are closed today."));
    let mut talk = Talk::with(&demo()).knows("system.browserLanguage", "es-MX");
    assert!(talk.says("hola").starts_with("Hola, ¡te damos"));
    assert_eq!(talk.turn("hablar con una persona", |_| None).pause, Pause::HandOver);
    talk.person_available = false;
    assert!(talk.says("hola").starts_with("Hola"));
    let nobody = talk.turn("Talk to a person", |_| None);
    assert!(nobody.text.starts_with("Ahora mismo no hay nadie"), "{}", nobody.text);
    assert_eq!(nobody.pause, Pause::Over { resolve: false });
}

#[test]
fn retries_are_counted_from_turn_to_turn() {
    let mut talk = Talk::with(&definition(
        "ask",
        json!({
            "ask": { "type": "ask", "text": "How many?", "variable": "conversation.n",
                "validation": { "type": "number", "min": 1, "max": 9, "integer": true },
                "retry": "A number, please.", "max_retries": 2, "on_fail": "person", "next": "done" },
            "done": { "type": "end", "text": "{{conversation.n}} it is." },
            "person": { "type": "hand_over" },
        }),
    ));
    assert_eq!(talk.says("hi"), "How many?");
    for position in ["ask#1", "ask#2"] {
        assert_eq!(talk.says("many"), "A number, please.");
        assert_eq!(talk.background.position.as_deref(), Some(position));
    }
    let mut other = Talk { background: talk.background.clone(), graph: talk.graph.clone(), ..talk };
    assert_eq!(other.says("3"), "3 it is.", "the last try counts");
    assert_eq!(talk.turn("99", |_| None).pause, Pause::HandOver);
}

#[test]
fn a_step_that_is_no_more_begins_anew() {
    let steps = json!({
        "first": { "type": "buttons", "text": "Go on?", "options": [{ "label": "Yes", "next": "last" }] },
        "last": { "type": "end", "text": "Bye." },
    });
    let mut talk = Talk::with(&definition("first", steps));
    for position in ["gone", "gone#2", "last", "#", ""] {
        talk.background.position = Some(position.to_owned());
        assert_eq!(talk.says("yes"), "Go on?", "{position}");
    }
    talk.background.position = Some("first#nonsense".to_owned());
    assert_eq!(talk.says("yes"), "Bye.");
}

#[test]
fn calls_send_values_safely_and_keep_what_they_are_told() {
    let steps = json!({
        "ask": { "type": "ask", "text": "Order?", "variable": "conversation.id", "next": "call" },
        "call": { "type": "http", "method": "POST",
            "url": "https://shop.example/orders/{{conversation.id}}?q={{conversation.id}}",
            "headers": { "X-Order": "{{conversation.id}}" },
            "body": { "id": "{{conversation.id}}", "deep": [1, { "n": "#{{conversation.none|0}}" }] },
            "save": { "conversation.state": "/orders/0/a~1b", "conversation.total": "/total",
                "conversation.missing": "/nothing" },
            "next": "tell", "on_error": "sorry" },
        "tell": { "type": "end", "text": "{{conversation.state}}, {{conversation.total}}." },
        "sorry": { "type": "end", "text": "Sorry." },
    });
    let definition = definition("ask", steps);
    let mut talk = Talk::with(&definition).knows("conversation.missing", "old");
    talk.says("hi");
    let asked = "a/b?&\"\n{{contact.name}}é";
    let mut run = {
        let turn = Turn {
            text: asked,
            previous: None,
            person_available: false,
            background: &talk.background,
        };
        Run::new(talk.graph.clone(), &turn)
    };
    let (_, pause) = run.start(Some("ask"), asked, &[]);
    let Pause::Call(_, Ok(request)) = pause else { panic!("a call: {pause:?}") };
    let encoded = "a%2Fb%3F%26%22%0A%7B%7Bcontact.name%7D%7D%C3%A9";
    assert_eq!(request.url, format!("https://shop.example/orders/{encoded}?q={encoded}"));
    assert_eq!(request.body, Some(json!({ "id": asked, "deep": [1, { "n": "#0" }] })));
    assert_eq!(request.headers, [("X-Order".to_owned(), asked.to_owned())]);

    let answer = json!({ "orders": [{ "a/b": "sent" }], "total": 12.5 });
    assert_eq!(talk.turn("7", |_| Some(answer.clone())).text, "sent, 12.5.");
    assert_eq!(talk.variable("conversation.missing"), "", "what is not there becomes empty");
    talk.says("again");
    assert_eq!(talk.turn("7", |_| None).text, "Sorry.");
}

/// A flow that asks for a value and calls a URL with it.
fn calling(url: &str) -> Definition {
    let steps = json!({
        "ask": { "type": "ask", "text": "Who?", "variable": "conversation.id", "next": "call" },
        "call": { "type": "http", "url": url, "next": "done", "on_error": "sorry" },
        "done": { "type": "end", "text": "Done." },
        "sorry": { "type": "end", "text": "Sorry." },
    });
    definition("ask", steps)
}

#[test]
fn a_value_leads_to_no_other_path() {
    let users = "https://shop.example/api/users/{{conversation.id}}/cart";
    for (url, value, is_called) in [
        (users, "..", false),
        (users, " . ", false),
        ("https://shop.example/api/{{conversation.id}}", "..", false),
        ("https://shop.example/api/{{conversation.id}}?all=1", ".", false),
        ("https://shop.example/api/{{conversation.id}}{{conversation.id}}", ".", false),
        ("https://shop.example/api/%2E{{conversation.id}}/cart", ".", false),
        ("https://shop.example/api/{{conversation.id}}.#x", ".", false),
        ("https://shop.example/a\\{{conversation.id}}\\b", "..", false),
        ("https://shop.example/api/{{conversation.id}}\n/cart", "..", false),
        ("https://shop.example/api/{{conversation.none|..}}/{{conversation.id}}", "7", false),
        (users, "...", true),
        (users, "..7", true),
        (users, "../..", true),
        (users, "%2e%2e", true),
        ("https://shop.example/api/../v2/{{conversation.id}}", "7", true),
        ("https://shop.example/api?of={{conversation.id}}#{{conversation.id}}", "..", true),
    ] {
        let mut talk = Talk::with(&calling(url));
        talk.says("hi");
        let heard = talk.turn(value, |_| Some(json!({})));
        assert_eq!(heard.text == "Done.", is_called, "{url} with {value}: {}", heard.text);
    }
}

proptest! {
    #[test]
    fn a_path_keeps_its_parts_whatever_its_values_are(
        before in "(\\.|%2[eE]|a){0,2}", value in "(\\.|%2e|/|a){1,2}", after in "(\\.|%2[eE]|a){0,2}",
    ) {
        let url = format!("https://shop.example/one/{before}{{{{conversation.id}}}}{after}/two");
        let mut talk = Talk::with(&calling(&url));
        talk.says("hi");
        let asked = std::cell::RefCell::new(None);
        talk.turn(&value, |url| {
            *asked.borrow_mut() = Some(reqwest::Url::parse(url).unwrap());
            None
        });
        if let Some(url) = asked.into_inner() {
            let parts: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert!(parts.len() == 3 && parts[0] == "one" && parts[2] == "two", "{url}");
        }
    }
}

#[test]
fn conditions_are_tried_in_order() {
    let test = |is: &str, value: Value| {
        let mut condition = json!({ "variable": "conversation.v", "is": is, "next": "yes" });
        if !value.is_null() {
            condition["value"] = value;
        }
        definition(
            "if",
            json!({
                "if": { "type": "branch", "conditions": [condition], "else": "no" },
                "yes": { "type": "end", "text": "yes" },
                "no": { "type": "end", "text": "no" },
            }),
        )
    };
    for (is, value, variable, holds) in [
        ("equals", json!("Red"), "  red ", true),
        ("not_equals", json!("red"), "", true),
        ("contains", json!("ED"), "red", true),
        ("not_contains", json!("ed"), "red", false),
        ("matches", json!("^r.d$"), "red", true),
        ("greater", json!("9"), "10", true),
        ("greater", json!("nine"), "10", false),
        ("less", json!("2026-12-01"), "30.11.2026", true),
        ("less", json!("{{system.today}}"), "2026-11-20", true),
        ("is_set", Value::Null, " ", false),
        ("is_empty", Value::Null, "", true),
    ] {
        let mut talk = Talk::with(&test(is, value.clone())).knows("conversation.v", variable);
        let said = talk.says("hi");
        assert_eq!(said == "yes", holds, "{variable:?} {is} {value}");
    }
}
