//! What the model answers, read piece by piece; forgiving in form, strict about the end.
//!
//! Read as any JSON and not as a type: what is not needed may be missing, null, or whatever a server
//! makes of it. A chunk that says nothing is passed over.

use serde_json::{Map, Value};

use super::super::upstream::REPLY_MAX_CHARS;
use super::prompt::{HAND_OVER, NAME_INTENT};
use super::thought::Thought;
use super::tools::Tools;
use crate::outside::Error;
use crate::outside::event_stream::Event;

/// The longest code of an error that is told: a word and not what somebody wrote.
const CODE_MAX: usize = 64;

/// What has come of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    characters: usize,
    thought: Thought,
    pub(super) tools: Tools,
    finish: Option<String>,
    done: bool,
}

/// How an answer has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// The model was allowed no more.
    Cut,
    HandOver,
    /// It named the intent and waits: it says more once it is told that this was heard.
    Named,
}

impl Answer {
    /// Takes an event; gives the text in it.
    pub(super) fn take(&mut self, event: &Event) -> Result<Option<String>, Error> {
        let data = event.data.trim();
        if data == "[DONE]" {
            self.done = true;
            return Ok(None);
        }
        let read = serde_json::from_str::<Value>(data);
        let is_named = event.name != "message";
        match read {
            read if event.name == "error" => Err(failed(&read.unwrap_or_default())),
            Ok(Value::Object(chunk)) => self.add(&chunk),
            Ok(Value::Null) => Ok(None),
            // Such as a ping: of another kind than the answer.
            Ok(_) | Err(_) if is_named || data.is_empty() => Ok(None),
            Ok(_) | Err(_) => Err(malformed("an event is no chunk of a completion")),
        }
    }

    /// Takes an answer that was not streamed.
    pub(super) fn whole(&mut self, body: &[u8]) -> Result<Option<String>, Error> {
        let Ok(Value::Object(completion)) = serde_json::from_slice(body) else {
            return Err(malformed("it is no completion in JSON"));
        };
        let text = self.add(&completion)?;
        self.done = true;
        Ok(text)
    }

    fn add(&mut self, chunk: &Map<String, Value>) -> Result<Option<String>, Error> {
        if let Some(error) = chunk.get("error").filter(|error| says_something(error)) {
            return Err(failed(error));
        }
        if chunk.get("object").is_some_and(|object| object == "error") {
            return Err(failed(&Value::Object(chunk.clone())));
        }
        let choice = match chunk.get("choices") {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(choices)) => choices.first(),
            Some(_) => return Err(malformed("its choices are no list")),
        };
        let Some(choice) = choice else { return Ok(None) };
        if let Some(finish) = choice.get("finish_reason").and_then(Value::as_str)
            && !["", "null", "none"].contains(&finish.trim().to_ascii_lowercase().as_str())
        {
            self.finish = Some(finish.trim().to_ascii_lowercase());
        }
        let part = |name: &str| choice.get(name).filter(|part| part.is_object());
        let Some(delta) = part("delta").or_else(|| part("message")) else { return Ok(None) };
        for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            self.tools.add(call);
        }
        let text = self.thought.take(&text_of(delta.get("content").unwrap_or(&Value::Null)));
        self.say(text)
    }

    fn say(&mut self, text: String) -> Result<Option<String>, Error> {
        self.characters += text.chars().count();
        if self.characters > REPLY_MAX_CHARS {
            return Err(Error::TooLarge { max: REPLY_MAX_CHARS });
        }
        Ok((!text.is_empty()).then_some(text))
    }

    /// Whether nothing more is to come.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// How it has ended, and the text that was held back until then.
    ///
    /// # Errors
    /// When it has not: the stream was cut, the upstream held it back, or there is nothing in it.
    pub(super) fn end(&mut self) -> Result<(Option<String>, End), Error> {
        if !self.done && self.finish.is_none() {
            return Err(Error::Broken("the stream ended in the middle".to_owned()));
        }
        match self.finish.as_deref() {
            Some("content_filter") => {
                return Err(Error::Broken("the upstream's filter held it back".to_owned()));
            }
            Some("error") => return Err(Error::Broken("the upstream says error".to_owned())),
            _ => {}
        }
        let rest = self.thought.rest();
        let rest = self.say(rest)?;
        if self.tools.has(HAND_OVER) {
            return Ok((rest, End::HandOver));
        }
        if self.characters == 0 && self.tools.has(NAME_INTENT) {
            return Ok((rest, End::Named));
        }
        if self.characters == 0 {
            return Err(malformed("there is no text in it"));
        }
        let cut = self.finish.as_deref() == Some("length");
        Ok((rest, if cut { End::Cut } else { End::Whole }))
    }
}

/// The text of a content: itself, or that of its parts. What is thought or shown is none.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect(),
        Value::Object(part) => match part.get("type").and_then(Value::as_str) {
            None | Some("text" | "output_text") => {
                part.get("text").and_then(Value::as_str).unwrap_or_default().to_owned()
            }
            Some(_) => String::new(),
        },
        _ => String::new(),
    }
}

/// Whether an `error` is one: some servers send one that is false or empty with every chunk.
fn says_something(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(code) => code.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
    }
}

/// What an upstream says went wrong: its code alone, since the words may repeat what people wrote.
fn failed(error: &Value) -> Error {
    let nested = error.get("error").filter(|nested| nested.is_object()).unwrap_or(error);
    let code =
        ["code", "type"].into_iter().filter_map(|name| nested.get(name)).find_map(
            |code| match code {
                Value::Number(code) => Some(code.to_string()),
                Value::String(code) if !code.is_empty() && code.len() <= CODE_MAX => {
                    Some(code.clone())
                }
                _ => None,
            },
        );
    Error::Broken(
        format!("the upstream says error {}", code.unwrap_or_default()).trim_end().to_owned(),
    )
}

fn malformed(problem: &str) -> Error {
    Error::Malformed(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn event(name: &str, data: &str) -> Event {
        Event { name: name.to_owned(), data: data.to_owned() }
    }

    fn heard_events(events: &[Event]) -> Result<(String, End), Error> {
        let mut answer = Answer::default();
        let mut text = String::new();
        for event in events {
            text.extend(answer.take(event)?);
        }
        let (rest, end) = answer.end()?;
        text.extend(rest);
        Ok((text, end))
    }

    fn heard(events: &[&str]) -> Result<(String, End), Error> {
        let events: Vec<_> = events.iter().map(|data| event("message", data)).collect();
        heard_events(&events)
    }

    const SAYS: &str = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"}}]}"#;
    const STOPS: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    const USAGE: &str = r#"{"choices":[],"usage":{"total_tokens":3}}"#;

    fn says(content: &Value) -> String {
        json!({ "choices": [{ "delta": { "content": content } }] }).to_string()
    }

    #[test]
    fn an_answer_ends_by_done_or_by_its_reason() {
        let hi = |end| Ok(("Hi".to_owned(), end));
        assert_eq!(heard(&[SAYS, STOPS, USAGE, "[DONE]"]), hi(End::Whole));
        assert_eq!(heard(&[SAYS, STOPS]), hi(End::Whole));
        assert_eq!(heard(&[SAYS, "[DONE]"]), hi(End::Whole));
        let length = STOPS.replace("stop", "length");
        assert_eq!(heard(&[SAYS, &length]), hi(End::Cut));
        let reason = |reason: &str| STOPS.replace("stop", reason);
        for events in
            [&[SAYS, &reason("content_filter")][..], &[SAYS, &reason("error")], &[SAYS], &[]]
        {
            assert!(matches!(heard(events), Err(Error::Broken(_))), "{events:?}");
        }
        assert!(matches!(heard(&[STOPS, "[DONE]"]), Err(Error::Malformed(_))));
    }

    #[test]
    fn a_reason_that_says_nothing_is_no_end() {
        for reason in ["\"\"", "\"null\"", "\" NULL \"", "\"None\"", "null", "false", "0", "[]"] {
            let says = SAYS.replace("\"index\":0", &format!("\"finish_reason\":{reason}"));
            assert!(matches!(heard(&[&says, &says]), Err(Error::Broken(_))), "{reason}");
            assert_eq!(heard(&[&says, STOPS]), Ok(("Hi".to_owned(), End::Whole)), "{reason}");
        }
    }

    #[test]
    fn a_chunk_that_says_nothing_is_passed_over() {
        for nothing in [
            "",
            "  ",
            "null",
            "{}",
            r#"{"choices":null}"#,
            r#"{"choices":[]}"#,
            r#"{"choices":[null]}"#,
            r#"{"choices":[{}]}"#,
            r#"{"choices":[{"delta":null,"finish_reason":null}]}"#,
            r#"{"choices":[{"delta":{"content":null,"tool_calls":null}}]}"#,
            r#"{"choices":[{"delta":{"content":7,"tool_calls":"no"}}]}"#,
            r#"{"error":null}"#,
            r#"{"error":false}"#,
            r#"{"error":"","choices":[{"index":"0","delta":{"role":3,"refusal":[]},"logprobs":7}]}"#,
            r#"{"error":{},"usage":"none","id":5,"created":"now","model":null}"#,
        ] {
            let told = heard(&[nothing, SAYS, nothing, STOPS, nothing]);
            assert_eq!(told, Ok(("Hi".to_owned(), End::Whole)), "{nothing}");
        }
        for (name, data) in
            [("ping", "not JSON"), ("ping", "[1]"), ("ping", ""), ("heartbeat", "7")]
        {
            let events = [event("message", SAYS), event(name, data), event("message", STOPS)];
            assert_eq!(heard_events(&events), Ok(("Hi".to_owned(), End::Whole)), "{name}: {data}");
        }
        let named = [event("chunk", SAYS), event("chunk", STOPS)];
        assert_eq!(
            heard_events(&named),
            Ok(("Hi".to_owned(), End::Whole)),
            "chunks may have a name"
        );
    }

    #[test]
    fn a_tool_may_come_in_pieces() {
        let call = |name: &str| {
            json!({ "choices": [{ "delta": { "content": null, "tool_calls":
                [{ "index": 0, "function": { "name": name, "arguments": "{" } }] } }] })
            .to_string()
        };
        let more =
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}}]}"#;
        let ends = STOPS.replace("stop", "tool_calls");
        for events in [
            [call("hand_over"), more.to_owned(), ends.clone()],
            [call("hand"), call("_over"), ends.clone()],
        ] {
            let events: Vec<_> = events.iter().map(String::as_str).collect();
            assert_eq!(heard(&events), Ok((String::new(), End::HandOver)));
        }
    }

    #[test]
    fn errors_and_garbage_in_a_stream_are_errors() {
        for error in [
            r#"{"error":{"message":"a secret","code":"overloaded"}}"#,
            r#"{"error":{"message":"a secret","code":null,"type":"overloaded"},"choices":[]}"#,
            r#"{"object":"error","message":"a secret","code":"overloaded"}"#,
        ] {
            let told = heard(&[SAYS, error]).unwrap_err().to_string();
            assert!(told.contains("overloaded") && !told.contains("secret"), "{told}");
        }
        for (name, data) in [("error", "a secret"), ("error", "{}"), ("error", "null")] {
            let told = heard_events(&[event("message", SAYS), event(name, data)]);
            assert!(
                matches!(&told, Err(Error::Broken(told)) if !told.contains("secret")),
                "{told:?}"
            );
        }
        for error in [r#"{"error":"a secret"}"#, r#"{"error":true}"#, r#"{"error":500}"#] {
            let told = heard(&[SAYS, error]);
            assert!(
                matches!(&told, Err(Error::Broken(told)) if !told.contains("secret")),
                "{told:?}"
            );
        }
        for garbage in ["<html>", "[]", "3", "{\"choices\":3}"] {
            assert!(matches!(heard(&[SAYS, garbage]), Err(Error::Malformed(_))), "{garbage}");
        }
        let long = says(&json!("x".repeat(20_000)));
        assert!(matches!(heard(&[&long, &long]), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn parts_are_joined_and_thoughts_left_out() {
        let parts = says(&json!([
            { "type": "thinking", "thinking": [{ "type": "text", "text": "a secret" }] },
            { "type": "text", "text": "Hel" },
            { "type": "reasoning", "text": "a secret" },
            { "type": "image_url", "image_url": { "url": "https://a.example" } },
            { "text": "lo" },
            "!",
            7,
        ]));
        assert_eq!(heard(&[&parts, STOPS]), Ok(("Hello!".to_owned(), End::Whole)));
        for (rest, said) in [("Hi", Some("Hi")), ("", None)] {
            let pieces = ["<thi", "nk>a secret</", "think>", "\n\n", rest];
            let events: Vec<_> = pieces.iter().map(|piece| says(&json!(piece))).collect();
            let mut events: Vec<_> = events.iter().map(String::as_str).collect();
            events.push(STOPS);
            match said {
                Some(said) => assert_eq!(heard(&events), Ok((said.to_owned(), End::Whole))),
                None => assert!(matches!(heard(&events), Err(Error::Malformed(_)))),
            }
        }
        let held = says(&json!("<thi"));
        assert_eq!(heard(&[&held, STOPS]), Ok(("<thi".to_owned(), End::Whole)), "it was none");
    }

    #[test]
    fn an_answer_may_come_whole() {
        for content in
            [json!("Hi"), json!("<think>hm</think>\nHi"), json!([{ "type": "text", "text": "Hi" }])]
        {
            let mut answer = Answer::default();
            let body = json!({ "error": null, "choices": [{ "message": { "role": "assistant",
                "content": content }, "finish_reason": "stop" }] });
            let text = answer.whole(body.to_string().as_bytes());
            assert_eq!(text, Ok(Some("Hi".to_owned())));
            assert_eq!(answer.end(), Ok((None, End::Whole)));
        }
        for body in ["", "null", "[]", "<html>"] {
            assert!(Answer::default().whole(body.as_bytes()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_data_is_survived(data in prop::collection::vec("\\PC{0,40}", 0..4)) {
            let data: Vec<_> = data.iter().map(String::as_str).collect();
            let _ = heard(&data);
        }
    }
}
