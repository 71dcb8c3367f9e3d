//! A reply is seen, resumed and stopped from any node, and outlives the node that makes it.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{LOG, QUESTION, Tenant, shared};
use crate::crash::judge::events;
use crate::harness::Client;
use crate::harness::cluster::Cluster;
use crate::harness::feed::{Feed, SseEvent, assembled, assert_chained};
use crate::harness::server::PACED;
use crate::harness::services::Services;
use crate::harness::wait::within_time;

/// Between two pieces of the slow bot's reply.
const PACE_MS: u64 = 250;
/// A turn whose node has died is taken over after a while.
const TAKEN_OVER: Duration = Duration::from_secs(60);

/// Three nodes that know a conversation whose bot speaks slowly.
struct Slow {
    clients: Vec<Client>,
    id: String,
}

impl Slow {
    async fn new(cluster: &Cluster, name: &str) -> Self {
        let tenant = Tenant::new(cluster, name, &[]).await;
        tenant.deploy(cluster, |bot| bot["pace_ms"] = PACE_MS.into()).await;
        let said = tenant.clients[0].say(None, "hello").await;
        let id = said["conversation_id"].as_str().expect("an id").to_owned();
        Self { clients: tenant.clients, id }
    }

    fn path(&self, rest: &str) -> String {
        format!("/live/v1/conversations/{}{rest}", self.id)
    }

    /// Follows on a node, after a cursor or from now.
    async fn follow(&self, node: usize, after: Option<&str>) -> Feed {
        let after = after.map(|after| format!("?after={after}")).unwrap_or_default();
        self.clients[node].stream(&self.path(&format!("/stream{after}")), None).await
    }

    /// Asks on a node, which then makes the reply; gives the message's id.
    async fn ask(&self, node: usize) -> Value {
        let asked = json!({ "text": QUESTION });
        let sent = self.clients[node].post(&self.path("/messages"), &asked).await.expect(201);
        sent["message_id"].clone()
    }

    /// Checks what one reader saw of one turn, over all its nodes, and that all nodes have it so.
    async fn whole_and_stored(&self, seen: &[SseEvent], question: &Value) {
        assert_chained(seen);
        let message = &seen.last().expect("a message").data["data"];
        assert_eq!(message["in_reply_to"], *question);
        let reply = message["message_id"].as_str().expect("an id");
        assert_eq!(message["text"], assembled(seen, reply), "the chunks are the reply");
        assert_eq!(count(seen, "reply.started"), 1, "a reply starts once: {seen:#?}");
        for client in &self.clients {
            let stored = events(client, &self.id).await;
            let answers = |frame: &&Value| frame["data"]["in_reply_to"] == *question;
            let replies: Vec<_> = stored.iter().filter(answers).collect();
            assert_eq!(replies.len(), 1, "one reply on every node: {stored:#?}");
            assert_eq!(replies[0]["data"], *message, "what was shown is what is stored");
        }
    }
}

fn count(events: &[SseEvent], name: &str) -> usize {
    events.iter().filter(|event| event.name == name).count()
}

/// Reads until so many pieces of a reply were seen.
async fn pieces(feed: &mut Feed, count: usize) -> Vec<SseEvent> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.extend(feed.until("reply.chunk").await);
    }
    events
}

#[tokio::test]
async fn a_reader_that_moves_in_mid_reply_goes_on_at_the_very_character() {
    let slow = Slow::new(shared().await, "Moving").await;
    let mut feed = slow.follow(1, None).await;
    let question = slow.ask(0).await;
    let mut seen = Vec::new();
    // To a node that has heard nothing, to the one that makes the reply, and back.
    for node in [2, 0, 1] {
        seen.extend(pieces(&mut feed, 2).await);
        feed = slow.follow(node, Some(&feed.last_id)).await;
    }
    seen.extend(feed.until("message.outbound").await);
    assert_eq!(count(&seen, "reply.restarted"), 0, "its node lives: {seen:#?}");
    assert!(count(&seen, "reply.chunk") > 6, "the rest came in pieces, too: {seen:#?}");
    slow.whole_and_stored(&seen, &question).await;
}

#[tokio::test]
async fn a_reply_is_stopped_from_another_node() {
    let slow = Slow::new(shared().await, "Stopping").await;
    let (mut here, mut there) = (slow.follow(0, None).await, slow.follow(1, None).await);
    slow.ask(0).await;
    let mut seen = pieces(&mut there, 2).await;
    let stopped = slow.clients[2].post(&slow.path("/stop"), &Value::Null).await.expect(200);
    assert_eq!(stopped["stopped"], true);
    seen.extend(there.until("reply.stopped").await);
    assert_chained(&seen);
    let [.., message, end] = seen.as_slice() else { panic!("two frames end it: {seen:#?}") };
    let message = &message.data["data"];
    assert_eq!(message["partial"], true, "what was shown is kept as a part: {message}");
    let reply = message["message_id"].as_str().expect("an id");
    assert_eq!(message["text"], assembled(&seen, reply), "the part is what was shown");
    assert_eq!(stopped["reply_id"], end.data["data"]["reply_id"]);
    let same = here.until("reply.stopped").await;
    assert_eq!(same[same.len() - 2].data["data"], *message, "everybody sees the same part");
}

#[tokio::test]
async fn typing_is_seen_on_other_nodes() {
    let slow = Slow::new(shared().await, "Typing").await;
    let mut feeds = [slow.follow(0, None).await, slow.follow(1, None).await];
    for typing in [true, false] {
        for feed in &mut feeds {
            // Nothing of it is kept: a node that does not listen yet misses it.
            let frame = loop {
                let said = json!({ "typing": typing });
                slow.clients[2].post(&slow.path("/typing"), &said).await.expect(204);
                let next = tokio::time::timeout(Duration::from_secs(1), feed.next()).await;
                match next {
                    Ok(frame) if frame.data["data"]["typing"] == typing => break frame,
                    Ok(_) | Err(_) => {}
                }
            };
            assert_eq!(
                (frame.name.as_str(), &frame.data["data"]["typing"]),
                ("typing", &typing.into())
            );
            assert_eq!(frame.data["id"], frame.data["prev"], "nothing of it is kept");
        }
    }
}

#[tokio::test]
async fn a_reply_whose_node_is_killed_is_finished_by_another() {
    let mut cluster = Cluster::start(Services::shared().await, 3, &[LOG, PACED].concat()).await;
    let slow = Slow::new(&cluster, "Killed").await;
    let mut feed = slow.follow(1, None).await;
    let question = slow.ask(0).await;
    let mut seen = pieces(&mut feed, 4).await;
    cluster.node_mut(0).kill().await;
    let rest = async {
        let mut rest = Vec::new();
        while rest.last().is_none_or(|event: &SseEvent| event.name != "message.outbound") {
            rest.push(feed.try_next().await.expect("the stream goes on"));
        }
        rest
    };
    seen.extend(within_time(TAKEN_OVER, "the reply of another node", rest).await);
    // The same bot says the same again, so its reader need not be told to forget.
    assert_eq!(count(&seen, "reply.restarted"), 0, "what was seen stays: {seen:#?}");
    cluster.node_mut(0).restart().await;
    slow.whole_and_stored(&seen, &question).await;
}
