//! A person takes a conversation while its bot answers, on other nodes: nothing of the bot is shown
//! after the takeover, in no node's history and in no feed, and everybody is told what stands.
//!
//! `PARLOR_TAKEOVERS` says how many times they meet (500 where it does not; 10,000 in the long form).

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parlor::domain::conversation::Effect;
use parlor::domain::event::Event;
use parlor::engine::Engine;
use rand::RngExt;
use serde_json::Value;
use tokio::task::JoinSet;

use super::stage::{MESSAGES, QUESTION, Tenant, engine, message, shared, times};
use crate::crash::judge::{events, history};
use crate::engines::samples::Thread;
use crate::harness::Client;
use crate::harness::feed::{Feed, assembled, assert_chained};
use crate::harness::wait::eventually;

/// Conversations at once.
const LANES: u64 = 16;
/// A reader that is shown nothing for so long is shown nothing more: the longest reply is shorter.
const QUIET: Duration = Duration::from_millis(1_500);

/// How often the bot's reply came first, and how often the person.
#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    bot: usize,
    person: usize,
}

/// Who meets: nodes with their callers, and two engines that append as nodes do.
#[derive(Clone)]
struct World {
    tenant: Arc<Tenant>,
    person: Arc<dyn Engine>,
    bot: Arc<dyn Engine>,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_bot_is_shown_after_a_person_took_over() {
    let times = times("PARLOR_TAKEOVERS", 500, 10_000);
    let tenant = Tenant::new(shared().await, "Takeovers", &[]).await;
    // Streamed in about the time within which the person comes.
    tenant.deploy(shared().await, |bot| bot["pace_ms"] = 30.into()).await;
    let tenant = Arc::new(tenant);
    let world = World { tenant, person: engine().await, bot: engine().await };
    let began = Instant::now();
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let world = world.clone();
        lanes.spawn(async move {
            let mut figures = [Figures::default(); 3];
            for number in (lane..times).step_by(LANES as usize) {
                let kind = usize::try_from(number % 3).expect("small");
                let bot_first = match kind {
                    0 => world.appended(number).await,
                    1 => world.answered_at_once(number).await,
                    _ => world.streamed(number).await,
                };
                if bot_first {
                    figures[kind].bot += 1;
                } else {
                    figures[kind].person += 1;
                }
            }
            figures
        });
    }
    let mut all = [Figures::default(); 3];
    while let Some(figures) = lanes.join_next().await {
        for (sum, one) in all.iter_mut().zip(figures.expect("a lane is content")) {
            sum.bot += one.bot;
            sum.person += one.person;
        }
    }
    world.person.close().await;
    world.bot.close().await;
    let [appended, at_once, streamed] = all;
    println!(
        "{times} takeovers in {:?}; who came first: appended {appended:?}, at once {at_once:?}, \
         streamed {streamed:?}",
        began.elapsed()
    );
    for figures in all {
        assert!(figures.bot > 0 && figures.person > 0, "they met both ways round: {all:?}");
    }
}

impl World {
    /// Two engines append the reply and the takeover.
    async fn appended(&self, number: u64) -> bool {
        let thread = Thread { account: self.tenant.id, ..Thread::new() };
        let (message, asked) = thread.inbound(QUESTION);
        let mut events = thread.begin();
        events.push(asked);
        self.bot.append(events).await.expect("kept");
        let reply = thread.reply(message, "We are open from nine to five.");
        let (replied, taken) = tokio::join!(
            after(Duration::from_millis(3), self.bot.append(vec![reply])),
            after(Duration::from_millis(3), self.person.append(vec![takes(&thread, number)])),
        );
        let effect = |results: Vec<parlor::engine::Appended>| results[0].effect;
        assert_eq!(effect(taken.expect("kept")), Effect::Applied, "a person always may");
        let told = effect(replied.expect("kept")) == Effect::Applied;
        let stands = self.every_node_agrees(&thread, &message.to_string()).await.is_some();
        assert_eq!(told, stands, "the bot is told whether its reply stands");
        stands
    }

    /// A node answers a message in the very append that keeps it.
    async fn answered_at_once(&self, number: u64) -> bool {
        let node = &self.tenant.clients[number as usize % self.tenant.clients.len()];
        let thread = self.conversation(number).await;
        let id = thread.id.to_string();
        let (told, taken) = tokio::join!(
            after(Duration::from_millis(5), node.say(Some(&id), QUESTION)),
            after(Duration::from_millis(12), self.person.append(vec![takes(&thread, number)])),
        );
        assert_eq!(taken.expect("kept")[0].effect, Effect::Applied, "a person always may");
        let message = told["message_id"].as_str().expect("an id");
        let reply = self.every_node_agrees(&thread, message).await;
        the_caller_was_told(&told, reply.as_deref());
        reply.is_some()
    }

    /// A node streams its answer to readers there and on another node.
    async fn streamed(&self, number: u64) -> bool {
        let clients = &self.tenant.clients;
        let node = number as usize % clients.len();
        let (here, there) = (&clients[node], &clients[(node + 1) % clients.len()]);
        let thread = self.conversation(number).await;
        let id = thread.id.to_string();
        let path = format!("/live/v1/conversations/{id}/stream?after=0");
        let readers = [here.stream(&path, None).await, there.stream(&path, None).await];
        let readers = readers.map(|feed| tokio::spawn(read(feed)));
        let asked = message(Some(&id), QUESTION);
        let (told, taken) = tokio::join!(
            async { here.post(MESSAGES, &asked).await.expect(200) },
            after(Duration::from_millis(600), self.person.append(vec![takes(&thread, number)])),
        );
        assert_eq!(taken.expect("kept")[0].effect, Effect::Applied, "a person always may");
        let message = told["message_id"].as_str().expect("an id");
        for reader in readers {
            nothing_of_the_bot_after_the_takeover(&reader.await.expect("it reads"));
        }
        let reply = self.every_node_agrees(&thread, message).await;
        the_caller_was_told(&told, reply.as_deref());
        reply.is_some()
    }

    /// A conversation in which the bot has said hello.
    async fn conversation(&self, number: u64) -> Thread {
        let clients = &self.tenant.clients;
        let said = clients[(number as usize + 2) % clients.len()].say(None, "hello").await;
        let id = |name: &str| said[name].as_str().expect("an id").to_owned();
        Thread {
            account: self.tenant.id,
            contact: id("contact_id").parse().expect("a contact's id"),
            id: id("conversation_id").parse().expect("a conversation's id"),
        }
    }

    /// Checks a conversation on every node; gives the bot's reply to a message, if it stands.
    async fn every_node_agrees(&self, thread: &Thread, message: &str) -> Option<String> {
        let id = thread.id.to_string();
        // What a bot says too late is written down as discarded, also between two of these reads.
        let seen = eventually("every node has the same", async || {
            let seen = join_all(self.tenant.clients.iter().map(async |client: &Client| {
                tokio::join!(events(client, &id), history(client, &id))
            }));
            let seen = seen.await;
            seen.iter().all(|one| *one == seen[0]).then_some(seen)
        })
        .await;
        for (frames, messages) in &seen {
            nothing_of_the_bot_after_the_takeover(frames);
            assert_eq!(frames, &seen[0].0, "every node has the same events");
            assert_eq!(messages, &seen[0].1, "every node has the same history");
        }
        let reply = seen[0].0.iter().find(|frame| {
            frame["type"] == "message.outbound" && frame["data"]["in_reply_to"] == message
        });
        let text = reply.map(|frame| frame["data"]["text"].as_str().expect("a text").to_owned());
        let in_history = |text: &String| seen[0].1.iter().any(|(_, said)| said == text);
        assert!(text.as_ref().is_none_or(in_history), "history and events are one");
        text
    }
}

/// Runs something after a random moment.
async fn after<T>(most: Duration, work: impl Future<Output = T>) -> T {
    let micros = rand::rng().random_range(0..most.as_micros());
    tokio::time::sleep(Duration::from_micros(u64::try_from(micros).expect("short"))).await;
    work.await
}

/// A person takes the conversation: in so many words, or by speaking.
fn takes(thread: &Thread, number: u64) -> Event {
    if (number / 3).is_multiple_of(2) {
        thread.assigned()
    } else {
        thread.agent_says("Sarah here.")
    }
}

/// Whether a frame shows that a person has the conversation.
fn takes_over(frame: &Value) -> bool {
    match frame["type"].as_str() {
        Some("conversation.assigned") => true,
        Some("message.outbound") => frame["data"]["author"]["type"] == "agent",
        _ => false,
    }
}

/// Reads until the takeover is shown, however long that takes, and then until nothing comes any more.
async fn read(mut feed: Feed) -> Vec<Value> {
    let mut frames = Vec::new();
    loop {
        let frame = feed.next().await;
        let taken = takes_over(&frame.data);
        frames.push(frame);
        if taken {
            break;
        }
    }
    while let Ok(frame) = tokio::time::timeout(QUIET, feed.try_next()).await {
        frames.push(frame.expect("the stream goes on"));
    }
    assert_chained(&frames);
    for frame in frames.iter().filter(|frame| frame.name == "message.outbound") {
        let data = &frame.data["data"];
        let shown = assembled(&frames, data["message_id"].as_str().expect("an id"));
        assert!(shown.is_empty() || data["text"] == shown, "the chunks are the reply: {frames:#?}");
    }
    frames.into_iter().map(|frame| frame.data).collect()
}

fn nothing_of_the_bot_after_the_takeover(frames: &[Value]) {
    let mut taken = false;
    for frame in frames {
        taken |= takes_over(frame);
        match frame["type"].as_str().expect("a type") {
            "message.outbound" if frame["data"]["author"]["type"] == "agent" => {}
            "message.outbound" | "reply.started" | "reply.chunk" | "reply.restarted" => {
                assert!(!taken, "the bot is shown after the takeover: {frame} in {frames:#?}");
            }
            _ => {}
        }
    }
    assert!(taken, "the takeover is shown: {frames:#?}");
}

/// Checks an answer against the reply that stands, if one does.
fn the_caller_was_told(told: &Value, reply: Option<&str>) {
    match reply {
        Some(text) => assert_eq!(told["reply"]["text"], text, "the reply that stands: {told}"),
        None => assert_eq!(
            (&told["status"], &told["reply"]),
            (&Value::from("queued_for_agent"), &Value::Null),
            "a person will answer: {told}"
        ),
    }
}
