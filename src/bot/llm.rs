//! The llm bot: a model behind any server that has OpenAI's `/chat/completions`.
//!
//! What the model is told is made by `prompt`, what it answers is read by `answer`; both are pure.
//! Here is the call between them: repeated only while nothing was said, streamed as it comes, and
//! ended when its reader goes. A stream that breaks off is an error, so that half an answer never
//! looks whole.

mod answer;
mod prompt;
mod thought;
mod tools;

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt};
use reqwest::Method;
use serde_json::Value;

use self::answer::{Answer, End};
use super::faults::{Faults, Found};
use super::scope::Scope;
use super::template::Template;
use super::upstream::{self, Call, Limits, Opened};
use super::{BotAction, Error, INTENT_MAX_CHARS, Turn, Wants};
use crate::domain::bot::llm::Definition;
use crate::domain::language::Language;
use crate::outside::{self, Outside, Way};

const MODEL_MAX: usize = 200;
const INTENTS_MAX: usize = 50;
/// What an intent stands for, in characters.
const MEANING_MAX: usize = 300;
const PROMPT_MAX: usize = 20_000;
const HISTORY_TOKENS_MAX: u64 = 200_000;
/// How many messages the history may have, however short they are.
const HISTORY_MESSAGES: usize = 100;

/// A model that is ready to answer.
#[derive(Debug)]
pub struct Llm {
    definition: Arc<Definition>,
    system_prompt: Template,
    limits: Limits,
}

impl Llm {
    /// Makes a bot of its definition; asks no upstream.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(definition: &Definition) -> Result<Self, Faults> {
        let mut found = Found::default();
        let url = ("base_url", definition.base_url.as_str());
        upstream::check(&mut found, &definition.name, url, &definition.headers);
        found.text("model", &definition.model, MODEL_MAX);
        if let Some(key) = &definition.api_key
            && http::HeaderValue::from_str(key).is_err()
        {
            found.add("api_key", "cannot stand in a header");
        }
        let temperature = definition.temperature.unwrap_or_default();
        if !(0.0..=2.0).contains(&temperature) {
            found.add("temperature", format!("is {temperature}, not from 0 to 2"));
        }
        if let Some(most) = definition.max_tokens {
            found.number("max_tokens", most.into(), 1, 100_000);
        }
        if definition.intents.len() > INTENTS_MAX {
            found.add("intents", format!("are more than {INTENTS_MAX}"));
        }
        for (name, meaning) in &definition.intents {
            found.text("intents", name, INTENT_MAX_CHARS);
            found.text(&format!("intents.{name}"), meaning, MEANING_MAX);
        }
        found.number("history_tokens", definition.history_tokens as u64, 0, HISTORY_TOKENS_MAX);
        if definition.system_prompt.chars().count() > PROMPT_MAX {
            found.add("system_prompt", format!("has more than {PROMPT_MAX} characters"));
        }
        let system_prompt = Template::read(&definition.system_prompt, "system_prompt", &mut found);
        let timeouts = [
            definition.first_chunk_timeout_ms,
            definition.idle_timeout_ms,
            definition.total_timeout_ms,
        ];
        let limits = Limits::read(&mut found, timeouts, definition.retries);
        found.none()?;
        Ok(Self { definition: Arc::new(definition.clone()), system_prompt, limits })
    }

    pub fn name(&self) -> &str {
        &self.definition.name
    }

    pub fn default_language(&self) -> Language {
        self.definition.default_language
    }

    pub(super) fn wants(&self) -> Wants {
        Wants::History(if self.definition.history_tokens == 0 { 0 } else { HISTORY_MESSAGES })
    }

    /// One turn, as it is streamed; dropping it ends the call.
    pub(super) fn answer(
        &self,
        turn: &Turn<'_>,
        outside: &Outside,
    ) -> BoxStream<'static, Result<BotAction, Error>> {
        let scope = Scope::of(turn);
        let system = self.system_prompt.render(|name| scope.get(name));
        let may_hand_over = self.definition.hand_over && turn.person_available;
        let mut body = prompt::body(&self.definition, &system, turn, may_hand_over);
        let (definition, outside, limits) = (self.definition.clone(), outside.clone(), self.limits);
        async_stream::try_stream! {
            let way = outside.enter().await?;
            let mut call = Call::new(limits);
            // A model that names the intent may want to hear of it before it answers: once.
            for is_last in [false, true] {
                let mut answer = Answer::default();
                let response = call.send(|| request(&definition, &way, &body)).await?;
                let opened = call.open(response).await?;
                match opened {
                    Opened::Whole(whole) => {
                        if let Some(text) = answer.whole(&whole)? {
                            for piece in super::faq::pieces(&text) {
                                yield BotAction::Text(piece.to_owned());
                            }
                        }
                    }
                    Opened::Events(mut events) => {
                        while !answer.is_done() {
                            let Some(event) = call.next(&mut events).await? else { break };
                            if let Some(text) = answer.take(&event)? {
                                call.said();
                                yield BotAction::Text(text);
                            }
                        }
                    }
                }
                let (rest, end) = answer.end()?;
                if let Some(rest) = rest {
                    yield BotAction::Text(rest);
                }
                if let Some(intent) = answer.tools.intent(definition.intents.keys()) {
                    yield BotAction::Intent(intent.clone());
                }
                match end {
                    End::Whole => return,
                    End::Cut => {
                        yield BotAction::Text("\u{2026}".to_owned());
                        return;
                    }
                    End::HandOver => {
                        yield BotAction::HandOver;
                        return;
                    }
                    End::Named if is_last => {}
                    End::Named => prompt::go_on(&mut body, answer.tools.heard()),
                }
            }
            Err(outside::Error::Malformed("there is no text in it".to_owned()))?;
        }
        .boxed()
    }
}

fn request(
    definition: &Definition,
    way: &Way,
    body: &Value,
) -> Result<reqwest::RequestBuilder, outside::Error> {
    let base = definition.base_url.trim_end_matches('/');
    let request = way.request(Method::POST, &format!("{base}/chat/completions"))?;
    let mut request = request.header("Accept", "text/event-stream, application/json");
    if let Some(key) = &definition.api_key {
        request = request.bearer_auth(key);
    }
    let request = upstream::with_headers(request, definition.headers.iter())?;
    Ok(request.json(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_faults_are_told() {
        let definition = serde_json::from_value(json!({
            "name": " ", "base_url": "file:///etc", "model": "", "api_key": "a\nb",
            "headers": { "Host": "x", "a b": "c" }, "intents": { "order": " " }, "system_prompt": "{{name}}", "temperature": 3.0,
            "max_tokens": 0, "first_chunk_timeout_ms": 1, "retries": 9,
        }));
        let faults = Llm::compile(&definition.unwrap()).unwrap_err();
        let places: Vec<_> = faults.0.iter().map(|fault| fault.place.as_str()).collect();
        assert_eq!(
            places,
            [
                "api_key",
                "base_url",
                "first_chunk_timeout_ms",
                "headers.Host",
                "headers.a b",
                "intents.order",
                "max_tokens",
                "model",
                "name",
                "retries",
                "system_prompt",
                "temperature"
            ]
        );
    }
}
