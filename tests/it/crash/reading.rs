//! A reader of one conversation that comes back with its last cursor after every break.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use reqwest::Method;
use tokio::sync::watch;

use super::doors::{Doors, Failure};
use crate::harness::feed::{Feed, SseEvent};
use crate::harness::wait::eventually_in;

/// All that one reader was shown, over all its connections.
#[derive(Debug, Default)]
pub struct Reading {
    pub events: Vec<SseEvent>,
    pub resumed: usize,
    /// Of those, how often in the middle of a reply.
    pub resumed_inside: usize,
    /// The messages whose replies it has seen.
    answered: HashSet<String>,
}

/// Follows from the beginning until the replies to all that was `sent` were seen. One that stays
/// away comes back only when the reply that was cut is finished, or the server is gone again.
pub async fn read(
    mut doors: Doors,
    stays_away: bool,
    path: &str,
    seen: watch::Sender<usize>,
    mut sent: watch::Receiver<Option<Vec<String>>>,
) -> Reading {
    let mut reading = Reading::default();
    let mut after = "0".to_owned();
    loop {
        let round = doors.round();
        let stream = format!("{path}/stream?after={after}");
        let failure = match doors.client().try_stream(&stream, None).await {
            Ok(feed) => match reading.follow(feed, &seen, &mut sent).await {
                Some(failure) => failure,
                None => return reading,
            },
            Err(error) => Failure::Broken(error),
        };
        if let Some(last) = reading.events.last() {
            after.clone_from(&last.id);
        }
        reading.resumed += 1;
        if after.contains('~') {
            reading.resumed_inside += 1;
            doors.cut_inside.fetch_add(1, Ordering::Relaxed);
        }
        doors.next(round, failure).await;
        if stays_away {
            stay_away(&doors, path).await;
        }
    }
}

impl Reading {
    /// What was read otherwise.
    pub fn of(events: Vec<SseEvent>) -> Self {
        Self { events, ..Self::default() }
    }

    /// Reads until all was seen, or the stream breaks.
    async fn follow(
        &mut self,
        mut feed: Feed,
        seen: &watch::Sender<usize>,
        sent: &mut watch::Receiver<Option<Vec<String>>>,
    ) -> Option<Failure> {
        loop {
            let answered = &self.answered;
            let all = |sent: &Option<Vec<String>>| {
                sent.as_ref().is_some_and(|sent| sent.iter().all(|id| answered.contains(id)))
            };
            let done = async { sent.wait_for(all).await.map(drop).ok() };
            let event = tokio::select! {
                Some(()) = done => return None,
                event = feed.try_next() => event,
            };
            let Some(event) = event else { return Some(Failure::Cut) };
            if event.name == "message.outbound" {
                let asked = event.data["data"]["in_reply_to"].as_str().expect("a bot's reply");
                self.answered.insert(asked.to_owned());
            }
            let resume = event.name == "resume";
            self.events.push(event);
            seen.send_replace(self.answered.len());
            if resume {
                return Some(Failure::Resume);
            }
        }
    }
}

async fn stay_away(doors: &Doors, path: &str) {
    eventually_in(doors.patience, "the conversation rests", || async {
        let request = doors.client().request(Method::GET, path);
        let Ok(answer) = doors.client().try_send(request).await else { return Some(()) };
        if answer.status == 503 {
            return Some(());
        }
        let messages = answer.expect(200)["messages"].clone();
        let last = messages.as_array().and_then(|messages| messages.last())?;
        (last["direction"] == "outbound").then_some(())
    })
    .await;
}
