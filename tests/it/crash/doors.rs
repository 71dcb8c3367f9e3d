//! Where callers call, and what may go wrong there: one server that is killed and comes back, or
//! nodes of which one may be killed, told to go, or left without what it stands on.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use tokio::sync::watch;

use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::wait::{within, within_time};

/// Between two tries at nodes that refuse.
const PAUSE: Duration = Duration::from_millis(100);
/// Longer than a request may be under way on a node that lives.
const IN_FLIGHT: Duration = Duration::from_secs(40);

/// One life of the server.
#[derive(Debug, Clone, Copy, Default)]
pub struct Round {
    pub number: u32,
    /// Nothing new is to be said.
    pub last: bool,
    /// It is killed now, or starts again.
    pub over: bool,
}

/// What may happen to those who call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    /// The one server is killed: what fails is tried again in its next life.
    Restarts,
    /// Nodes and their services are killed: what fails is tried again at the next node.
    Kills,
    /// Nodes are told to go: they answer what they took, and take no more connections.
    Drains,
}

/// The servers that one caller knows.
#[derive(Clone)]
pub struct Doors {
    clients: Vec<Client>,
    faults: Faults,
    rounds: watch::Receiver<Round>,
    /// How long anything may take, over all tries.
    pub patience: Duration,
    at: usize,
    /// How often a reply was cut that was being read.
    pub cut_inside: Arc<AtomicUsize>,
}

/// How a try ended without what was wanted.
#[derive(Debug)]
pub enum Failure {
    Broken(reqwest::Error),
    Refused(Answer),
    /// A stream ended before its end.
    Cut,
    /// A stream ended with the word to come back.
    Resume,
}

impl Doors {
    /// A caller of one server.
    pub fn one(client: Client, rounds: watch::Receiver<Round>) -> Self {
        let (clients, faults, patience) = (vec![client], Faults::Restarts, Duration::from_secs(60));
        Self { clients, faults, rounds, patience, at: 0, cut_inside: Arc::default() }
    }

    /// The same; counts there how often a reply was cut that was being read.
    pub fn counting(self, cut_inside: &Arc<AtomicUsize>) -> Self {
        Self { cut_inside: cut_inside.clone(), ..self }
    }

    /// A caller of several nodes, who begins at the `at`-th.
    pub fn nodes(
        clients: Vec<Client>,
        faults: Faults,
        rounds: watch::Receiver<Round>,
        at: usize,
    ) -> Self {
        let patience = Duration::from_secs(180);
        Self { clients, faults, rounds, patience, at, cut_inside: Arc::default() }
    }

    /// The server to call now.
    pub fn client(&self) -> &Client {
        &self.clients[self.at % self.clients.len()]
    }

    /// The same doors, with one header more.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let clients = self.clients.iter().map(|client| client.with(name, value)).collect();
        Self { clients, ..self.clone() }
    }

    pub fn round(&self) -> Round {
        *self.rounds.borrow()
    }

    fn was_over_since(&self, round: Round) -> bool {
        let now = self.round();
        now.over || now.number > round.number
    }

    /// Waits until it may be tried again after a failure in `round`, which must be one that may be.
    pub async fn next(&mut self, round: Round, failure: Failure) {
        let may_be = match (self.faults, &failure) {
            // Who calls while it starts is told so.
            (Faults::Restarts, Failure::Broken(error)) => error
                .status()
                .is_none_or(|status| status.as_u16() == 503 && self.was_over_since(round)),
            (Faults::Restarts, Failure::Refused(answer)) => {
                answer.status == 503 && self.was_over_since(round)
            }
            (Faults::Kills, Failure::Broken(error)) => {
                error.status().is_none_or(|status| is_for_now(status.as_u16()))
            }
            (Faults::Kills, Failure::Refused(answer)) => is_for_now(answer.status),
            (Faults::Drains, Failure::Broken(error)) => error.is_connect(),
            (Faults::Drains, Failure::Refused(..) | Failure::Cut) => false,
            (_, Failure::Cut | Failure::Resume) => true,
        };
        assert!(may_be, "nothing that happens here explains {failure:?}");
        match (self.faults, failure) {
            (Faults::Restarts, Failure::Resume) => {}
            (Faults::Restarts, _) => {
                let next = self.rounds.wait_for(|now| now.number > round.number);
                let next = within("the server after something failed without a kill", next);
                next.await.expect("goes on");
            }
            (Faults::Kills | Faults::Drains, failure) => {
                self.at += 1;
                if !matches!(failure, Failure::Resume) {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Sends again and again until there is an answer; none where others are said to be sending the
    /// same for so long that whoever did must have died.
    pub async fn try_insist(
        &mut self,
        mut request: impl FnMut(&Client) -> RequestBuilder,
    ) -> Option<Answer> {
        let (began, mut in_flight) = (Instant::now(), None);
        loop {
            let round = self.round();
            let request = request(self.client());
            let said = format!("{request:?}");
            let answer = self.client().try_send(request);
            let failure = match within_time(self.patience, "an answer", answer).await {
                Ok(answer) if answer.status < 400 => return Some(answer),
                Ok(answer) => Failure::Refused(answer),
                Err(error) => Failure::Broken(error),
            };
            match &failure {
                Failure::Refused(answer) if is_in_flight(answer) => {
                    let since: &mut Instant = in_flight.get_or_insert_with(Instant::now);
                    if since.elapsed() > IN_FLIGHT {
                        return None;
                    }
                }
                _ => in_flight = None,
            }
            assert!(began.elapsed() < self.patience, "in the end {failure:?} to {said}");
            self.next(round, failure).await;
        }
    }

    /// The same where nobody else sends it.
    pub async fn insist(&mut self, request: impl FnMut(&Client) -> RequestBuilder) -> Answer {
        self.try_insist(request).await.expect("nobody else sends it")
    }
}

/// Whether a refusal says that the same request is under way.
pub fn is_in_flight(answer: &Answer) -> bool {
    answer.status == 503 && answer.text.contains("is still under way")
}

/// Whether a refusal asks to come again: in flight, too many at once, unavailable.
fn is_for_now(status: u16) -> bool {
    matches!(status, 409 | 429 | 503)
}
