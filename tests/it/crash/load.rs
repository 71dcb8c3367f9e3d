//! Sixty-four callers at once, each with one conversation, and what each of them was told.
//!
//! A quarter post JSON under an `Idempotency-Key` and try again under the same key until they are
//! answered; a quarter try again without one, in other words each time; a quarter post for a stream
//! and never try again; a quarter follow the live feed, come back with their last cursor, and send
//! there under a key.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::doors::{Doors, Failure};
use super::reading::{Reading, read};
use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::wait::within_time;

pub const CALLERS: usize = 64;
/// What is asked and the intent that must be understood.
pub const QUESTIONS: [(&str, &str); 2] =
    [("what are your opening hours?", "business_hours"), ("where is my order?", "order_status")];
/// Live messages that may be unanswered before the next is sent.
const AHEAD: usize = 2;
const MESSAGES: &str = "/bot/v1/conversations/messages";

/// What one caller knows in the end.
#[derive(Debug, Default)]
pub struct Ledger {
    pub conversation: String,
    /// Ids and texts in the order in which the server said that it has them.
    pub acknowledged: Vec<(String, String)>,
    /// What it was never told of, since the node that had it was killed.
    pub given_up: Vec<Unanswered>,
    /// What a caller with a live feed has read.
    pub reading: Option<Reading>,
}

/// A request that may still be asked again.
#[derive(Debug)]
pub struct Unanswered {
    pub text: String,
    pub path: String,
    pub key: String,
    pub body: Value,
}

impl Unanswered {
    pub fn request(&self, client: &Client) -> RequestBuilder {
        let request = client.request(Method::POST, &self.path);
        request.header("Idempotency-Key", &self.key).json(&self.body)
    }
}

/// A caller that outlives the server.
struct Caller {
    number: usize,
    doors: Doors,
    asked: usize,
    ledger: Ledger,
}

/// Calls until the last round.
pub async fn call(number: usize, doors: Doors) -> Ledger {
    let mut caller = Caller { number, doors, asked: 0, ledger: Ledger::default() };
    caller.post_with_key().await;
    match number % 4 {
        0 => caller.post_on().await,
        1 => caller.stream_on().await,
        2 => caller.post_on_without_key().await,
        _ => caller.live_on().await,
    }
    caller.ledger
}

impl Caller {
    /// The next question, unlike any other, and a key for it.
    fn question(&mut self) -> (String, String) {
        let (text, _) = QUESTIONS[self.asked % QUESTIONS.len()];
        let name = format!("{}-{}", self.number, self.asked);
        self.asked += 1;
        (format!("{text} #{name}"), format!("question {name}"))
    }

    fn body(&self, text: &str) -> Value {
        let mut body = json!({ "message": text });
        if !self.ledger.conversation.is_empty() {
            body["conversation_id"] = self.ledger.conversation.as_str().into();
        }
        body
    }

    fn answered(&mut self, sent: &Value, text: String) {
        assert!(sent["reply"]["text"].is_string(), "the answer carries the reply: {sent}");
        self.ledger.conversation = string(&sent["conversation_id"]);
        self.ledger.acknowledged.push((string(&sent["message_id"]), text));
    }

    async fn post_with_key(&mut self) {
        let body = |caller: &Self, text: &str| caller.body(text);
        let (sent, text) = self.send_with_key(MESSAGES, body).await;
        self.answered(&sent.expect(200), text);
    }

    /// Sends a question under a key until it is answered; another one where the node died that had
    /// taken the key.
    async fn send_with_key(
        &mut self,
        path: &str,
        body: impl Fn(&Self, &str) -> Value,
    ) -> (Answer, String) {
        loop {
            let (text, key) = self.question();
            let body = body(self, &text);
            let asked = Unanswered { text, path: path.to_owned(), key, body };
            match self.doors.try_insist(|client| asked.request(client)).await {
                Some(answer) => return (answer, asked.text),
                None => self.ledger.given_up.push(asked),
            }
        }
    }

    /// What is tried again without a key may be kept twice: so each try has words of its own.
    async fn post_without_key(&mut self) {
        let (question, _) = self.question();
        let mut body = self.body("");
        let (mut tries, mut text) = (0, String::new());
        let request = |client: &Client| {
            tries += 1;
            text = format!("{question} try {tries}");
            body["message"] = text.as_str().into();
            client.request(Method::POST, MESSAGES).json(&body)
        };
        let sent = self.doors.insist(request).await.expect(200);
        self.answered(&sent, text);
    }

    async fn post_on(&mut self) {
        while !self.doors.round().last {
            self.post_with_key().await;
        }
    }

    async fn post_on_without_key(&mut self) {
        while !self.doors.round().last {
            self.post_without_key().await;
        }
    }

    async fn stream_on(&mut self) {
        while !self.doors.round().last {
            let round = self.doors.round();
            if let Some(failure) = self.stream().await {
                self.doors.next(round, failure).await;
            }
        }
    }

    /// Asks for a stream and reads it to its end, or to where it breaks.
    async fn stream(&mut self) -> Option<Failure> {
        let (text, _) = self.question();
        let body = self.body(&text);
        let mut feed = match self.doors.client().try_stream(MESSAGES, Some(&body)).await {
            Ok(feed) => feed,
            Err(error) => return Some(Failure::Broken(error)),
        };
        let mut said = String::new();
        loop {
            let frame = within_time(self.doors.patience, "a frame", feed.try_next()).await;
            let Some(event) = frame else { return Some(Failure::Cut) };
            match event.name.as_str() {
                "start" => {
                    let id = string(&event.data["message_id"]);
                    self.ledger.acknowledged.push((id, text.clone()));
                }
                "chunk" => said.push_str(event.data["text"].as_str().expect("text")),
                "end" => {
                    // None where it was finished before it could be watched.
                    let reply = &event.data["reply"]["text"];
                    let shown = said.is_empty() || *reply == said;
                    assert!(shown, "the chunks are this reply and no other: {said:?}, {event:?}");
                    return None;
                }
                "resume" => return Some(Failure::Resume),
                other => panic!("an event that a turn does not have: {other}"),
            }
        }
    }

    async fn live_on(&mut self) {
        let wanted = json!({ "conversation_id": self.ledger.conversation });
        let request =
            |client: &Client| client.request(Method::POST, "/live/v1/tokens").json(&wanted);
        let token = string(&self.doors.insist(request).await.expect(201)["token"]);
        self.doors = self.doors.with("Authorization", &format!("Bearer {token}"));
        let path = format!("/live/v1/conversations/{}", self.ledger.conversation);
        let (seen, replies) = watch::channel(0);
        let (sent, total) = watch::channel(None);
        let stays_away = self.number % 8 == 7;
        let reader = read(self.doors.clone(), stays_away, &path, seen, total);
        let sender = async {
            while !self.doors.round().last {
                let send = format!("{path}/messages");
                let body = |_: &Self, text: &str| json!({ "text": text });
                let (answer, text) = self.send_with_key(&send, body).await;
                let id = string(&answer.expect(201)["message_id"]);
                self.ledger.acknowledged.push((id, text));
                let enough = self.ledger.acknowledged.len().saturating_sub(AHEAD);
                let mut replies = replies.clone();
                let shown = async { replies.wait_for(|seen| *seen >= enough).await.map(drop) };
                let shown = within_time(self.doors.patience, "replies on the feed", shown);
                shown.await.expect("the reader reads");
            }
            let told = self.ledger.acknowledged.iter().map(|(id, _)| id.clone());
            sent.send_replace(Some(told.collect()));
        };
        let (reading, ()) = tokio::join!(reader, sender);
        self.ledger.reading = Some(reading);
    }
}

fn string(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}
