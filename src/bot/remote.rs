//! The remote bot: an HTTP endpoint of the account's own answers, whole or streamed.
//!
//! `docs/bots.md` is the protocol. A call is repeated only while nothing was answered, with the same
//! `Idempotency-Key`; a stream that ends without saying so is an error.

mod answer;

use std::sync::Arc;

use data_encoding::HEXLOWER;
use futures_util::stream::{BoxStream, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use self::answer::{Listener, steps_of};
use super::faults::{Faults, Found};
use super::upstream::{self, Call, Limits, Opened};
use super::{BotAction, Error, Turn, Wants};
use crate::domain::bot::remote::Definition;
use crate::domain::language::Language;
use crate::outside::{self, Outside, Way};

const HISTORY_MAX: u64 = 100;
const SECRET: (usize, usize) = (16, 200);

/// An endpoint that is ready to be asked.
#[derive(Debug)]
pub struct Remote {
    definition: Arc<Definition>,
    limits: Limits,
}

impl Remote {
    /// Makes a bot of its definition; calls nobody.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn compile(definition: &Definition) -> Result<Self, Faults> {
        let mut found = Found::default();
        let url = ("url", definition.url.as_str());
        upstream::check(&mut found, &definition.name, url, &definition.headers);
        let lengths = SECRET.0..=SECRET.1;
        if definition.secret.as_ref().is_some_and(|secret| !lengths.contains(&secret.len())) {
            found.add("secret", format!("must have {} to {} characters", SECRET.0, SECRET.1));
        }
        found.number("history", definition.history as u64, 0, HISTORY_MAX);
        let timeouts = [
            definition.first_chunk_timeout_ms,
            definition.idle_timeout_ms,
            definition.total_timeout_ms,
        ];
        let limits = Limits::read(&mut found, timeouts, definition.retries);
        found.none()?;
        Ok(Self { definition: Arc::new(definition.clone()), limits })
    }

    pub fn name(&self) -> &str {
        &self.definition.name
    }

    pub fn default_language(&self) -> Language {
        self.definition.default_language
    }

    pub(super) fn wants(&self) -> Wants {
        Wants::History(self.definition.history)
    }

    /// One turn, as it is streamed; dropping it ends the call.
    pub(super) fn answer(
        &self,
        turn: &Turn<'_>,
        outside: &Outside,
    ) -> BoxStream<'static, Result<BotAction, Error>> {
        let question = Question::of(turn, self.definition.default_language);
        let (definition, outside, limits) = (self.definition.clone(), outside.clone(), self.limits);
        async_stream::try_stream! {
            let way = outside.enter().await?;
            let mut call = Call::new(limits);
            let response = call.send(|| question.request(&definition, &way)).await?;
            let opened = call.open(response).await?;
            match opened {
                Opened::Whole(body) => {
                    for step in steps_of(&body)? {
                        yield step;
                    }
                }
                Opened::Events(mut events) => {
                    let mut listener = Listener::default();
                    while !listener.is_done() {
                        let event = call.next(&mut events).await?;
                        let event = event.ok_or_else(cut)?;
                        if let Some(step) = listener.take(&event)? {
                            call.said();
                            yield step;
                        }
                    }
                }
            }
        }
        .boxed()
    }
}

fn cut() -> outside::Error {
    outside::Error::Broken("there was no event: end".to_owned())
}

/// What is asked, as it is sent each time.
struct Question {
    body: String,
    message: String,
    /// When the message came, in seconds.
    at: i64,
}

impl Question {
    fn of(turn: &Turn<'_>, default_language: Language) -> Self {
        let background = turn.background;
        let files = background.attachments.iter().map(|file| {
            json!({ "filename": file.filename, "size": file.size, "mime_type": file.mime_type })
        });
        let message = background.message.map(|id| id.to_string()).unwrap_or_default();
        let body = json!({
            "conversation_id": background.conversation,
            "message_id": message,
            "at": background.at,
            "text": turn.text,
            "language": turn.previous.unwrap_or(default_language),
            "person_available": turn.person_available,
            "variables": background.variables,
            "history": background.history,
            "attachments": files.collect::<Vec<Value>>(),
        });
        let at = background.at.unwrap_or_default().millis() / 1_000;
        Self { body: body.to_string(), message, at }
    }

    fn request(
        &self,
        definition: &Definition,
        way: &Way,
    ) -> Result<reqwest::RequestBuilder, outside::Error> {
        let mut request = way
            .request(Method::POST, &definition.url)?
            .header("Content-Type", "application/json")
            .header("Accept", "text/event-stream, application/json")
            .header("Idempotency-Key", &self.message);
        if let Some(secret) = &definition.secret {
            request = request.header("Parlor-Signature", self.signature(secret));
        }
        let request = upstream::with_headers(request, definition.headers.iter())?;
        Ok(request.body(self.body.clone()))
    }

    /// `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`.
    fn signature(&self, secret: &str) -> String {
        let (at, body) = (self.at, &self.body);
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
            return String::new();
        };
        mac.update(format!("{at}.{body}").as_bytes());
        format!("t={at},v1={}", HEXLOWER.encode(&mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::Background;
    use crate::domain::time::Timestamp;

    #[test]
    fn a_signature_is_that_of_the_time_and_the_body() {
        let question = Question { body: "{}".into(), message: String::new(), at: 1_700_000_000 };
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
        assert_eq!(
            question.signature("0123456789abcdef"),
            "t=1700000000,v1=e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e"
        );
    }

    #[test]
    fn a_question_tells_what_is_known() {
        let mut background =
            Background { at: Some(Timestamp::from_millis(1_500)), ..Background::default() };
        background.variables.set("contact.plan", "pro");
        let turn =
            Turn { text: "hi", previous: None, person_available: true, background: &background };
        let question = Question::of(&turn, Language::ENGLISH);
        let body: Value = serde_json::from_str(&question.body).unwrap();
        assert_eq!(question.at, 1);
        assert_eq!(body["variables"]["contact.plan"], "pro");
        assert_eq!((&body["language"], &body["person_available"]), (&json!("en"), &json!(true)));
    }
}
