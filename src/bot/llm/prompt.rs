//! What the model is told.

use serde_json::{Value, json};

use super::super::Turn;
use super::thought;
use crate::domain::bot::llm::Definition;
use crate::domain::message::{Said, Side};

/// What the model calls to hand over.
pub(super) const HAND_OVER: &str = "hand_over";
/// What it calls to name the turn's intent.
pub(super) const NAME_INTENT: &str = "name_intent";

/// The body of the call.
pub(super) fn body(
    definition: &Definition,
    system: &str,
    turn: &Turn<'_>,
    may_hand_over: bool,
) -> Value {
    let mut messages = Vec::new();
    if !system.trim().is_empty() {
        messages.push(json!({ "role": "system", "content": system }));
    }
    let told = recent(&turn.background.history, definition.history_tokens).iter();
    let told = told.map(|said| (said.by, said.text.clone()));
    let told = told.chain([(Side::Customer, question(turn))]);
    messages.extend(alternating(told).into_iter().map(|(side, text)| {
        let role = match side {
            Side::Customer => "user",
            Side::Business => "assistant",
        };
        json!({ "role": role, "content": text })
    }));
    let mut body = json!({ "model": definition.model, "messages": messages, "stream": true });
    if let Some(temperature) = definition.temperature {
        body["temperature"] = json!(temperature);
    }
    if let Some(most) = definition.max_tokens {
        body["max_tokens"] = json!(most);
    }
    let mut tools = Vec::new();
    if may_hand_over {
        let says = "Hands the conversation over to a person, who is available now. \
            Call it when the customer asks for a person or when you cannot help.";
        tools.push(tool(HAND_OVER, says, json!({ "type": "object", "properties": {} })));
    }
    if !definition.intents.is_empty() {
        tools.push(name_intent(definition));
    }
    if !tools.is_empty() {
        body["tools"] = tools.into();
    }
    body
}

/// What follows in the same turn, after the model has called a tool.
pub(super) fn go_on(body: &mut Value, heard: Vec<Value>) {
    if let Some(messages) = body["messages"].as_array_mut() {
        messages.extend(heard);
    }
}

fn tool(name: &str, says: &str, parameters: Value) -> Value {
    let function = json!({ "name": name, "description": says, "parameters": parameters });
    json!({ "type": "function", "function": function })
}

fn name_intent(definition: &Definition) -> Value {
    let meanings: Vec<_> =
        definition.intents.iter().map(|(name, meaning)| format!("{name}: {meaning}")).collect();
    let names: Vec<_> = definition.intents.keys().collect();
    let intent = json!({ "type": "string", "enum": names, "description": meanings.join("\n") });
    let parameters =
        json!({ "type": "object", "properties": { "intent": intent }, "required": ["intent"] });
    let says = "Names what the customer's last message is about. Call it once, before you answer, \
        if one of the intents fits.";
    tool(NAME_INTENT, says, parameters)
}

/// Messages as the strictest templates want them: the customer's first, and no two of one side in a
/// row. What one side said in several is one; what thinks aloud in an old reply is left out.
fn alternating(said: impl Iterator<Item = (Side, String)>) -> Vec<(Side, String)> {
    let mut all: Vec<(Side, String)> = Vec::new();
    for (side, text) in said {
        let text = if side == Side::Business { thought::without(&text) } else { text };
        match all.last_mut() {
            _ if text.trim().is_empty() => {}
            None if side == Side::Business => {}
            Some((last, before)) if *last == side => {
                before.push_str("\n\n");
                before.push_str(&text);
            }
            Some(_) | None => all.push((side, text)),
        }
    }
    all
}

/// The message, and what files came with it.
fn question(turn: &Turn<'_>) -> String {
    let mut text = turn.text.to_owned();
    for file in &turn.background.attachments {
        let (name, kind) = (&file.filename, &file.mime_type);
        text.push_str(&format!("\n[attached: {name}, {kind}, {} bytes]", file.size));
    }
    text
}

/// The last messages that fit in so many tokens, oldest first.
fn recent(history: &[Said], tokens: usize) -> &[Said] {
    let mut left = tokens;
    let fits = history.iter().rev().take_while(|said| {
        let takes = estimate(&said.text);
        let fits = takes <= left;
        left = left.saturating_sub(takes);
        fits
    });
    let count = fits.count();
    &history[history.len() - count..]
}

/// How many tokens a message takes, rather too many: one for four letters of ASCII or one other
/// character, and four for its frame.
fn estimate(text: &str) -> usize {
    let (ascii, other) = text.chars().fold((0, 0), |(ascii, other), c| {
        if c.is_ascii() { (ascii + 1, other) } else { (ascii, other + 1) }
    });
    usize::div_ceil(ascii, 4) + other + 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::Background;
    use proptest::prelude::*;

    #[test]
    fn what_one_side_said_in_several_messages_is_one() {
        use Side::{Business, Customer};
        let said = [
            (Business, "Hello!"),
            (Customer, "One"),
            (Customer, " "),
            (Customer, "Two"),
            (Business, "<think>hm</think>Three"),
            (Business, "<think>hm</think>"),
            (Customer, "Four"),
        ];
        let said = said.into_iter().map(|(side, text)| (side, text.to_owned()));
        let told = alternating(said);
        let told: Vec<_> = told.iter().map(|(side, text)| (*side, text.as_str())).collect();
        assert_eq!(told, [(Customer, "One\n\nTwo"), (Business, "Three"), (Customer, "Four")]);
    }

    #[test]
    fn tokens_are_estimated() {
        assert_eq!(estimate(""), 4);
        assert_eq!(estimate("abcde"), 6);
        assert_eq!(estimate("日本語"), 7);
    }

    proptest! {
        #[test]
        fn the_customer_is_first_and_roles_alternate(
            history in prop::collection::vec((any::<bool>(), "[a-z]{0,3}"), 0..12),
            tokens in 0..60_usize,
            prompt in "[a-z]{0,3}",
        ) {
            let history = history.into_iter().map(|(ours, text)| Said {
                by: if ours { Side::Business } else { Side::Customer },
                text,
            });
            let background = Background { history: history.collect(), ..Background::default() };
            let turn = Turn {
                text: "the question",
                previous: None,
                person_available: false,
                background: &background,
            };
            let definition = json!({ "name": "a", "base_url": "http://a", "model": "m",
                "history_tokens": tokens });
            let definition = serde_json::from_value(definition).unwrap();
            let body = body(&definition, &prompt, &turn, false);
            let roles: Vec<_> = body["messages"].as_array().unwrap().iter()
                .map(|message| message["role"].as_str().unwrap())
                .collect();
            let rest = if prompt.is_empty() { &roles[..] } else { &roles[1..] };
            prop_assert_eq!(roles.len() - rest.len(), usize::from(!prompt.is_empty()));
            for (place, role) in rest.iter().enumerate() {
                prop_assert_eq!(*role, if place % 2 == 0 { "user" } else { "assistant" });
            }
            prop_assert_eq!(rest.last(), Some(&"user"));
            let last = body["messages"][roles.len() - 1]["content"].as_str().unwrap();
            prop_assert!(last.ends_with("the question"));
        }

        #[test]
        fn the_latest_messages_that_fit_are_told(
            texts in prop::collection::vec("[a-zé]{0,40}", 0..20),
            tokens in 0..200_usize,
        ) {
            let history: Vec<_> =
                texts.into_iter().map(|text| Said { by: Side::Customer, text }).collect();
            let told = recent(&history, tokens);
            let takes = |said: &[Said]| said.iter().map(|one| estimate(&one.text)).sum::<usize>();
            prop_assert!(takes(told) <= tokens);
            prop_assert_eq!(told, &history[history.len() - told.len()..]);
            if told.len() < history.len() {
                prop_assert!(takes(&history[history.len() - told.len() - 1..]) > tokens);
            }
        }
    }
}
