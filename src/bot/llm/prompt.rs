//! What the model is told.

use serde_json::{Value, json};

use super::super::Turn;
use crate::domain::bot::llm::Definition;
use crate::domain::message::{Said, Side};

/// What the model calls to hand over.
pub(super) const HAND_OVER: &str = "hand_over";

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
    for said in recent(&turn.background.history, definition.history_tokens) {
        messages.push(json!({ "role": role(said.by), "content": said.text }));
    }
    messages.push(json!({ "role": "user", "content": question(turn) }));
    let mut body = json!({ "model": definition.model, "messages": messages, "stream": true });
    if let Some(temperature) = definition.temperature {
        body["temperature"] = json!(temperature);
    }
    if let Some(most) = definition.max_tokens {
        body["max_tokens"] = json!(most);
    }
    if may_hand_over {
        body["tools"] = json!([{
            "type": "function",
            "function": {
                "name": HAND_OVER,
                "description": "Hands the conversation over to a person, who is available now. \
                    Call it when the customer asks for a person or when you cannot help.",
                "parameters": { "type": "object", "properties": {} },
            },
        }]);
    }
    body
}

fn role(side: Side) -> &'static str {
    match side {
        Side::Customer => "user",
        Side::Business => "assistant",
    }
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
    use proptest::prelude::*;

    #[test]
    fn tokens_are_estimated() {
        assert_eq!(estimate(""), 4);
        assert_eq!(estimate("abcde"), 6);
        assert_eq!(estimate("日本語"), 7);
    }

    proptest! {
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
