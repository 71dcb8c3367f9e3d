//! Sixty-four callers at once, each with one conversation, and what each of them was told.
//!
//! Half of them post JSON under an `Idempotency-Key` and try again under the same key until they
//! are answered; a quarter post for a stream and never try again; a quarter follow the live feed,
//! come back with their last cursor, and send there under a key.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::Client;
use crate::harness::feed::SseEvent;
use crate::harness::http::Answer;
use crate::harness::wait::{eventually, within};

/// What is asked and the intent that must be understood.
pub const QUESTIONS: [(&str, &str); 2] =
    [("what are your opening hours?", "business_hours"), ("where is my order?", "order_status")];
/// Live messages that may be unanswered before the next is sent.
const AHEAD: usize = 2;
const MESSAGES: &str = "/bot/v1/conversations/messages";

/// One life of the server.
#[derive(Debug, Clone, Copy, Default)]
pub struct Round {
    pub number: u32,
    /// Nothing new is to be said.
    pub last: bool,
}

/// What one caller knows in the end.
#[derive(Debug, Default)]
pub struct Ledger {
    pub conversation: String,
    /// Ids and texts in the order in which the server said that it has them.
    pub acknowledged: Vec<(String, String)>,
    /// What a caller with a live feed has read.
    pub reading: Option<Reading>,
}

/// All that one reader was shown, over all its connections.
#[derive(Debug, Default)]
pub struct Reading {
    pub events: Vec<SseEvent>,
    pub resumed: usize,
    /// Of those, how often in the middle of a reply.
    pub resumed_inside: usize,
}

/// A caller that outlives the server.
#[derive(Clone)]
struct Caller {
    number: usize,
    client: Client,
    rounds: watch::Receiver<Round>,
    asked: usize,
}

/// Calls until the last round.
pub async fn call(number: usize, client: Client, rounds: watch::Receiver<Round>) -> Ledger {
    let mut caller = Caller { number, client, rounds, asked: 0 };
    let mut ledger = Ledger::default();
    caller.post(&mut ledger).await;
    match number % 4 {
        0 | 2 => caller.post_on(&mut ledger).await,
        1 => caller.stream_on(&mut ledger).await,
        _ => caller.live_on(&mut ledger).await,
    }
    ledger
}

impl Caller {
    fn round(&self) -> Round {
        *self.rounds.borrow()
    }

    /// The next question, unlike any other, and a key for it.
    fn question(&mut self) -> (String, String) {
        let (text, _) = QUESTIONS[self.asked % QUESTIONS.len()];
        let name = format!("{}-{}", self.number, self.asked);
        self.asked += 1;
        (format!("{text} #{name}"), format!("question {name}"))
    }

    /// Waits for the life of the server after `round`, in which something failed.
    async fn next_round(&mut self, round: Round, error: Option<reqwest::Error>) {
        if let Some(error) = error.filter(reqwest::Error::is_status) {
            panic!("a running server must not refuse: {error}");
        }
        let next = self.rounds.wait_for(|now| now.number > round.number);
        within("the server after something failed without a kill", next).await.expect("goes on");
    }

    /// Sends again and again until there is an answer.
    async fn insist(&mut self, request: impl Fn(&Client) -> RequestBuilder) -> Answer {
        loop {
            let round = self.round();
            match within("an answer", self.client.try_send(request(&self.client))).await {
                Ok(answer) => return answer,
                Err(error) => self.next_round(round, Some(error)).await,
            }
        }
    }

    async fn post(&mut self, ledger: &mut Ledger) {
        let (text, key) = self.question();
        let mut body = json!({ "message": text });
        if !ledger.conversation.is_empty() {
            body["conversation_id"] = ledger.conversation.as_str().into();
        }
        let request = |client: &Client| {
            client.request(Method::POST, MESSAGES).header("Idempotency-Key", &key).json(&body)
        };
        let sent = self.insist(request).await.expect(200);
        assert!(sent["reply"]["text"].is_string(), "the answer carries the reply: {sent}");
        ledger.conversation = string(&sent["conversation_id"]);
        ledger.acknowledged.push((string(&sent["message_id"]), text));
    }

    async fn post_on(&mut self, ledger: &mut Ledger) {
        while !self.round().last {
            self.post(ledger).await;
        }
    }

    async fn stream_on(&mut self, ledger: &mut Ledger) {
        while !self.round().last {
            let (text, _) = self.question();
            let round = self.round();
            let body = json!({ "message": text, "conversation_id": ledger.conversation });
            match self.client.try_stream(MESSAGES, Some(&body)).await {
                Ok(mut feed) => {
                    let mut said = String::new();
                    let mut ended = false;
                    while !ended && let Some(event) = within("a frame", feed.try_next()).await {
                        match event.name.as_str() {
                            "start" => {
                                let id = string(&event.data["message_id"]);
                                ledger.acknowledged.push((id, text.clone()));
                            }
                            "chunk" => said.push_str(event.data["text"].as_str().expect("text")),
                            "end" => {
                                let reply = &event.data["reply"]["text"];
                                assert_eq!(*reply, said, "the chunks are this reply and no other");
                                ended = true;
                            }
                            other => panic!("an event that a turn does not have: {other}"),
                        }
                    }
                    if !ended {
                        self.next_round(round, None).await;
                    }
                }
                Err(error) => self.next_round(round, Some(error)).await,
            }
        }
    }

    async fn live_on(&mut self, ledger: &mut Ledger) {
        let wanted = json!({ "conversation_id": ledger.conversation });
        let request =
            |client: &Client| client.request(Method::POST, "/live/v1/tokens").json(&wanted);
        let token = string(&self.insist(request).await.expect(201)["token"]);
        self.client = self.client.with("Authorization", &format!("Bearer {token}"));
        let path = format!("/live/v1/conversations/{}", ledger.conversation);
        let (seen, replies) = watch::channel(0);
        let (sent, total) = watch::channel(None);
        let reader = self.clone().read(format!("{path}/stream"), seen, total);
        let sender = async {
            while !self.round().last {
                let (text, key) = self.question();
                let request = |client: &Client| {
                    let request = client.request(Method::POST, &format!("{path}/messages"));
                    request.header("Idempotency-Key", &key).json(&json!({ "text": text }))
                };
                let answer = self.insist(request).await.expect(201);
                ledger.acknowledged.push((string(&answer["message_id"]), text));
                let enough = ledger.acknowledged.len().saturating_sub(AHEAD);
                let mut replies = replies.clone();
                let shown = async { replies.wait_for(|seen| *seen >= enough).await.map(drop) };
                within("replies on the feed", shown).await.expect("the reader reads");
            }
            sent.send_replace(Some(ledger.acknowledged.len()));
        };
        let (reading, ()) = tokio::join!(reader, sender);
        ledger.reading = Some(reading);
    }

    /// Follows from the beginning until as many replies as were `sent` for were seen.
    async fn read(
        mut self,
        path: String,
        seen: watch::Sender<usize>,
        mut sent: watch::Receiver<Option<usize>>,
    ) -> Reading {
        let mut reading = Reading::default();
        let (mut after, mut replies) = ("0".to_owned(), 0);
        loop {
            let round = self.round();
            let error = match self.client.try_stream(&format!("{path}?after={after}"), None).await {
                Ok(mut feed) => loop {
                    let done =
                        async { sent.wait_for(|sent| *sent == Some(replies)).await.map(drop).ok() };
                    let event = tokio::select! {
                        Some(()) = done => return reading,
                        event = feed.try_next() => event,
                    };
                    let Some(event) = event else { break None };
                    after.clone_from(&event.id);
                    replies += usize::from(event.name == "message.outbound");
                    let resume = event.name == "resume";
                    reading.events.push(event);
                    seen.send_replace(replies);
                    if resume {
                        break None;
                    }
                },
                Err(error) => Some(error),
            };
            reading.resumed += 1;
            reading.resumed_inside += usize::from(after.contains('~'));
            if reading.events.last().is_none_or(|event| event.name != "resume") {
                self.next_round(round, error).await;
            }
            if self.number % 8 == 7 {
                self.stay_away(&path).await;
            }
        }
    }

    /// Comes back only when the reply that was cut is finished, or the server is gone again.
    async fn stay_away(&self, path: &str) {
        let conversation = path.trim_end_matches("/stream");
        eventually("the conversation rests", || async {
            let request = self.client.request(Method::GET, conversation);
            let Ok(answer) = self.client.try_send(request).await else { return Some(()) };
            let messages = answer.expect(200)["messages"].clone();
            let last = messages.as_array().and_then(|messages| messages.last())?;
            (last["direction"] == "outbound").then_some(())
        })
        .await;
    }
}

fn string(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}
