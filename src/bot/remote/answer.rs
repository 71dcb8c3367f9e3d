//! What an endpoint answers: JSON, or events; pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::super::upstream::{REPLY_MAX_CHARS, as_text};
use super::super::{BotAction, INTENT_MAX_CHARS, faq};
use crate::domain::variables::{COUNT_MAX, Variables};
use crate::outside::Error;
use crate::outside::event_stream::Event;

const BUTTONS_MAX: usize = 20;
const BUTTON_MAX_CHARS: usize = 80;

/// An answer as JSON; what is null is not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    text: Option<String>,
    intent: Option<String>,
    buttons: Option<Vec<String>>,
    /// What is no text is kept as its JSON.
    variables: Option<BTreeMap<String, Value>>,
    hand_over: Option<bool>,
    resolve: Option<bool>,
}

#[derive(Deserialize)]
struct Chunk {
    text: Option<String>,
}

#[derive(Deserialize)]
struct Intent {
    intent: String,
}

#[derive(Deserialize)]
struct Variable {
    name: String,
    value: Value,
}

#[derive(Deserialize)]
struct Typing {
    typing: bool,
}

#[derive(Deserialize)]
struct Buttons {
    buttons: Vec<String>,
}

fn malformed(problem: impl Into<String>) -> Error {
    Error::Malformed(problem.into())
}

/// The steps of a whole answer.
pub(super) fn steps_of(body: &[u8]) -> Result<Vec<BotAction>, Error> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("no answer as JSON: {error}")))?;
    let mut listener = Listener::default();
    let mut steps = Vec::new();
    if let Some(intent) = answer.intent.filter(|intent| !intent.is_empty()) {
        steps.extend(listener.intent(&intent));
    }
    for (name, value) in answer.variables.unwrap_or_default() {
        steps.push(listener.variable(name, &value)?);
    }
    if let Some(text) = answer.text.filter(|text| !text.is_empty()) {
        listener.count(&text)?;
        steps.extend(faq::pieces(&text).map(|piece| BotAction::Text(piece.to_owned())));
    }
    if let Some(buttons) = answer.buttons.filter(|buttons| !buttons.is_empty()) {
        steps.push(listener.buttons(buttons)?);
    }
    if answer.hand_over == Some(true) {
        steps.push(BotAction::HandOver);
    } else if answer.resolve == Some(true) {
        steps.push(BotAction::Resolve);
    } else if listener.characters == 0 {
        return Err(malformed("neither a text, hand_over nor resolve"));
    }
    Ok(steps)
}

/// What has come of a streamed answer.
#[derive(Debug, Default)]
pub(super) struct Listener {
    characters: usize,
    variables: usize,
    has_intent: bool,
    has_buttons: bool,
    done: bool,
}

impl Listener {
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Takes an event; one of another name is nothing to us.
    pub(super) fn take(&mut self, event: &Event) -> Result<Option<BotAction>, Error> {
        Ok(match event.name.as_str() {
            "chunk" => {
                let said: Option<Chunk> = read(event)?;
                let text = said.and_then(|chunk| chunk.text).filter(|text| !text.is_empty());
                self.count(text.as_deref().unwrap_or_default())?;
                text.map(BotAction::Text)
            }
            "intent" => {
                let Intent { intent } = read(event)?;
                self.intent(&intent)
            }
            "variable" => {
                let Variable { name, value } = read(event)?;
                Some(self.variable(name, &value)?)
            }
            "buttons" => {
                let Buttons { buttons } = read(event)?;
                Some(self.buttons(buttons)?)
            }
            "typing" => {
                let Typing { typing } = read(event)?;
                Some(BotAction::Typing(typing))
            }
            "hand_over" => {
                self.done = true;
                Some(BotAction::HandOver)
            }
            "resolve" => {
                self.done = true;
                Some(BotAction::Resolve)
            }
            "end" if self.characters == 0 => return Err(malformed("it ended without a text")),
            "end" => {
                self.done = true;
                None
            }
            "error" => return Err(Error::Broken("the endpoint says error".to_owned())),
            _ => None,
        })
    }

    fn count(&mut self, text: &str) -> Result<(), Error> {
        self.characters += text.chars().count();
        if self.characters > REPLY_MAX_CHARS {
            return Err(Error::TooLarge { max: REPLY_MAX_CHARS });
        }
        Ok(())
    }

    /// At most one, before any text.
    fn intent(&mut self, intent: &str) -> Option<BotAction> {
        let first = !std::mem::replace(&mut self.has_intent, true) && self.characters == 0;
        first.then(|| BotAction::Intent(intent.chars().take(INTENT_MAX_CHARS).collect()))
    }

    fn variable(&mut self, name: String, value: &Value) -> Result<BotAction, Error> {
        self.variables += 1;
        if !Variables::is_name(&name) {
            let name: String = name.chars().take(80).collect();
            return Err(malformed(format!("{name:?} is no variable")));
        }
        if self.variables > COUNT_MAX {
            return Err(malformed(format!("more than {COUNT_MAX} variables")));
        }
        Ok(BotAction::Variable { name, value: as_text(value) })
    }

    fn buttons(&mut self, buttons: Vec<String>) -> Result<BotAction, Error> {
        let fits =
            |label: &String| !label.trim().is_empty() && label.chars().count() <= BUTTON_MAX_CHARS;
        let once = !std::mem::replace(&mut self.has_buttons, true);
        if !once || buttons.is_empty() || buttons.len() > BUTTONS_MAX || !buttons.iter().all(fits) {
            let problem = format!(
                "buttons come once, 1 to {BUTTONS_MAX} labels of 1 to {BUTTON_MAX_CHARS} characters"
            );
            return Err(malformed(problem));
        }
        Ok(BotAction::Buttons(buttons))
    }
}

fn read<T: DeserializeOwned>(event: &Event) -> Result<T, Error> {
    // One without a word says nothing, as null does.
    let data = if event.data.trim().is_empty() { "null" } else { &event.data };
    serde_json::from_str(data)
        .map_err(|error| malformed(format!("event {:?}: {error}", event.name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    fn text(steps: &[BotAction]) -> String {
        let texts = steps.iter().filter_map(|step| match step {
            BotAction::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn an_answer_as_json_has_everything() {
        let body = br#"{"text": "All is well. Goodbye.", "intent": "status", "buttons": ["Ok"],
            "variables": {"conversation.a": "b", "conversation.n": 3, "conversation.none": null,
            "conversation.is": true}, "resolve": true, "extra": 1}"#;
        let steps = steps_of(body).unwrap();
        for (name, value) in [("a", "b"), ("n", "3"), ("none", ""), ("is", "true")] {
            let set =
                BotAction::Variable { name: format!("conversation.{name}"), value: value.into() };
            assert!(steps.contains(&set), "{set:?}: {steps:?}");
        }
        assert_eq!(text(&steps), "All is well. Goodbye.");
        assert_eq!(steps.first(), Some(&BotAction::Intent("status".into())));
        assert_eq!(steps.last(), Some(&BotAction::Resolve));
        assert!(steps.contains(&BotAction::Buttons(vec!["Ok".into()])));
        assert_eq!(steps_of(br#"{"hand_over": true}"#), Ok(vec![BotAction::HandOver]));
    }

    #[test]
    fn what_is_null_is_not_there() {
        let body = br#"{"text": "Hi.", "intent": null, "buttons": null, "variables": null,
            "hand_over": null, "resolve": null}"#;
        assert_eq!(steps_of(body), Ok(vec![BotAction::Text("Hi.".into())]));
        assert!(steps_of(br#"{"text": null}"#).is_err());
    }

    #[test]
    fn an_answer_that_is_none_is_an_error() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"text": 3}"#,
            r#"{"text": ""}"#,
            r#"{"text": "a", "variables": {"x": "y"}}"#,
            r#"{"text": "a", "buttons": [""]}"#,
        ] {
            assert!(matches!(steps_of(body.as_bytes()), Err(Error::Malformed(_))), "{body}");
        }
    }

    #[test]
    fn a_streamed_answer_is_taken_event_by_event() {
        let mut listener = Listener::default();
        let mut steps = Vec::new();
        for (name, data) in [
            ("intent", r#"{"intent":"status"}"#),
            ("ping", "whatever"),
            ("chunk", r#"{"text":"All is "}"#),
            ("intent", r#"{"intent":"late"}"#),
            ("chunk", r#"{"text":"well."}"#),
            ("chunk", ""),
            ("chunk", "null"),
            ("chunk", r#"{"text":null}"#),
            ("variable", r#"{"name":"contact.plan","value":7}"#),
            ("end", ""),
        ] {
            assert!(!listener.is_done());
            steps.extend(listener.take(&event(name, data)).unwrap());
        }
        assert!(listener.is_done());
        assert_eq!(text(&steps), "All is well.");
        assert_eq!(steps.len(), 4);
        assert!(Listener::default().take(&event("end", "")).is_err(), "nothing was said");
        assert!(Listener::default().take(&event("error", "{}")).is_err());
    }

    proptest! {
        #[test]
        fn any_event_is_survived(name in "chunk|intent|variable|buttons|end|x", data in "\\PC{0,60}") {
            let _ = Listener::default().take(&event(&name, &data));
            let _ = steps_of(data.as_bytes());
        }
    }
}
