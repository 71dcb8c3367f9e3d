//! What the model answers, read piece by piece; forgiving in form, strict about the end.

use serde::Deserialize;
use serde_json::Value;

use super::super::upstream::REPLY_MAX_CHARS;
use super::prompt::HAND_OVER;
use crate::outside::Error;

/// What has come of an answer.
#[derive(Debug, Default)]
pub(super) struct Answer {
    characters: usize,
    /// The names of the tools called, whose pieces may come one by one.
    tools: String,
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
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(alias = "message")]
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
    tool_calls: Option<Vec<ToolCall>>,
}

#[derive(Deserialize)]
struct ToolCall {
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
}

impl Answer {
    /// Takes the data of one event; gives the text in it.
    pub(super) fn take(&mut self, data: &str) -> Result<Option<String>, Error> {
        if data.trim() == "[DONE]" {
            self.done = true;
            return Ok(None);
        }
        self.add(data.as_bytes())
    }

    /// Takes an answer that was not streamed.
    pub(super) fn whole(&mut self, body: &[u8]) -> Result<Option<String>, Error> {
        let text = self.add(body)?;
        self.done = true;
        Ok(text)
    }

    fn add(&mut self, json: &[u8]) -> Result<Option<String>, Error> {
        let chunk: Chunk = serde_json::from_slice(json)
            .map_err(|_| Error::Malformed("an event is no chunk of a completion".to_owned()))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            let code = error.get("code").or_else(|| error.get("type")).unwrap_or(&Value::Null);
            return Err(Error::Broken(format!("the upstream says error {code}")));
        }
        let Some(choice) = chunk.choices.into_iter().next() else { return Ok(None) };
        if choice.finish_reason.is_some() {
            self.finish = choice.finish_reason;
        }
        let Some(delta) = choice.delta else { return Ok(None) };
        for call in delta.tool_calls.into_iter().flatten() {
            let name = call.function.and_then(|function| function.name).unwrap_or_default();
            if self.tools.len() + name.len() > 1_000 {
                return Err(Error::TooLarge { max: 1_000 });
            }
            self.tools.push_str(&name);
        }
        let text = delta.content.filter(|text| !text.is_empty());
        self.characters += text.as_ref().map_or(0, |text| text.chars().count());
        if self.characters > REPLY_MAX_CHARS {
            return Err(Error::TooLarge { max: REPLY_MAX_CHARS });
        }
        Ok(text)
    }

    /// Whether nothing more is to come.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// How it has ended.
    ///
    /// # Errors
    /// When it has not: the stream was cut, the upstream held it back, or there is nothing in it.
    pub(super) fn end(self) -> Result<End, Error> {
        if !self.done && self.finish.is_none() {
            return Err(Error::Broken("the stream ended in the middle".to_owned()));
        }
        if self.finish.as_deref() == Some("content_filter") {
            return Err(Error::Broken("the upstream's filter held it back".to_owned()));
        }
        if self.tools.contains(HAND_OVER) {
            return Ok(End::HandOver);
        }
        if self.characters == 0 {
            return Err(Error::Malformed("there is no text in it".to_owned()));
        }
        let cut = self.finish.as_deref() == Some("length");
        Ok(if cut { End::Cut } else { End::Whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn heard(events: &[&str]) -> Result<(String, End), Error> {
        let mut answer = Answer::default();
        let mut text = String::new();
        for event in events {
            text.extend(answer.take(event)?);
        }
        Ok((text, answer.end()?))
    }

    const SAYS: &str = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"}}]}"#;
    const STOPS: &str = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    const USAGE: &str = r#"{"choices":[],"usage":{"total_tokens":3}}"#;

    #[test]
    fn an_answer_ends_by_done_or_by_its_reason() {
        let hi = |end| Ok(("Hi".to_owned(), end));
        assert_eq!(heard(&[SAYS, STOPS, USAGE, "[DONE]"]), hi(End::Whole));
        assert_eq!(heard(&[SAYS, STOPS]), hi(End::Whole));
        assert_eq!(heard(&[SAYS, "[DONE]"]), hi(End::Whole));
        let length = STOPS.replace("stop", "length");
        assert_eq!(heard(&[SAYS, &length]), hi(End::Cut));
        for events in [&[SAYS, &STOPS.replace("stop", "content_filter")][..], &[SAYS], &[]] {
            assert!(matches!(heard(events), Err(Error::Broken(_))), "{events:?}");
        }
        assert!(matches!(heard(&[STOPS, "[DONE]"]), Err(Error::Malformed(_))));
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
        let error = r#"{"error":{"message":"a secret","code":"overloaded"}}"#;
        let told = heard(&[SAYS, error]).unwrap_err().to_string();
        assert!(told.contains("overloaded") && !told.contains("secret"), "{told}");
        for garbage in ["", "<html>", "[]", "{\"choices\":3}"] {
            assert!(matches!(heard(&[SAYS, garbage]), Err(Error::Malformed(_))), "{garbage}");
        }
        let long = json!({ "choices": [{ "delta": { "content": "x".repeat(20_000) } }] });
        let long = long.to_string();
        assert!(matches!(heard(&[&long, &long]), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn an_answer_may_come_whole() {
        let mut answer = Answer::default();
        let body = json!({ "choices": [{ "message": { "role": "assistant", "content": "Hi" },
            "finish_reason": "stop" }] });
        let text = answer.whole(body.to_string().as_bytes());
        assert_eq!(text, Ok(Some("Hi".to_owned())));
        assert_eq!(answer.end(), Ok(End::Whole));
    }

    proptest! {
        #[test]
        fn any_data_is_survived(data in prop::collection::vec("\\PC{0,40}", 0..4)) {
            let data: Vec<_> = data.iter().map(String::as_str).collect();
            let _ = heard(&data);
        }
    }
}
