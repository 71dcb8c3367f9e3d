//! The relay of the cluster engine between two nodes: what is watched is told, whoever appends it,
//! and what one node says the other hears.

use std::sync::Arc;
use std::time::Duration;

use parlor::app::clock;
use parlor::domain::event::Event;
use parlor::domain::ids::ConversationId;
use parlor::domain::message::Author;
use parlor::domain::seq::Seq;
use parlor::engine::Engine;
use parlor::engine::relay::{Relay, Signal};

use super::place::{Keyspace, Place, Seen};
use super::samples::{Thread, events};
use crate::harness::wait::eventually;

/// A node of a place, and what it is told.
struct Node {
    engine: Arc<dyn Engine>,
    seen: Arc<Seen>,
}

impl Node {
    async fn open(place: &Keyspace) -> Self {
        let seen = Arc::new(Seen::default());
        let engine = place.open(seen.clone()).await.expect("it opens");
        Self { engine, seen }
    }

    fn relay(&self) -> Arc<dyn Relay> {
        self.engine.relay().expect("a cluster's engine has one")
    }

    async fn append(&self, events: &[Event]) -> Seq {
        let results = self.engine.append(events.to_vec()).await.expect("appended");
        results.last().expect("a result").seq
    }

    /// Awaits that it was told of these, and of nothing else.
    async fn is_told(&self, expected: &[&Event]) {
        let told = eventually("the node is told", async || {
            let told = events(&self.seen.told());
            (told.len() >= expected.len()).then_some(told)
        });
        assert_eq!(told.await.iter().collect::<Vec<_>>(), expected);
    }

    /// What it has heard. Nodes may ask for a reply under way at any time.
    fn heard(&self) -> Vec<(ConversationId, Signal)> {
        let mut heard = self.seen.heard();
        heard.retain(|(_, signal)| *signal != Signal::Ask);
        heard
    }
}

async fn two() -> [Node; 2] {
    let place = Keyspace::make().await;
    [Node::open(&place).await, Node::open(&place).await]
}

fn typing(typing: bool) -> Signal {
    Signal::Typing { author: Author::Customer, typing, at: clock::now() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_node_appends_is_told_after_where_the_watching_begins() {
    let [here, there] = two().await;
    let (watched, other) = (Thread::new(), Thread::new());
    let begun = there.append(&watched.begin()).await;
    there.append(&other.begin()).await;
    here.relay().watch(watched.whereabouts(), begun);
    let mut expected = Vec::new();
    for _ in 0..20 {
        let (message, inbound) = watched.inbound("hello");
        let turn = [inbound, watched.reply(message, "hi")];
        there.append(&turn).await;
        there.append(&[other.inbound("hello").1]).await;
        expected.extend(turn);
    }
    here.is_told(&expected.iter().collect::<Vec<_>>()).await;
    there.is_told(&[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_appended_before_it_was_watched_is_told_at_once() {
    let [here, there] = two().await;
    let thread = Thread::new();
    let begun = there.append(&thread.begin()).await;
    let (_, inbound) = thread.inbound("hello");
    let upto = there.append(std::slice::from_ref(&inbound)).await;
    here.relay().watch(thread.whereabouts(), begun);
    here.relay().shown(thread.whereabouts(), upto).await;
    assert_eq!(events(&here.seen.told()), [inbound], "shown returns when it was told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watching_ends_when_it_was_ended_as_often_as_begun() {
    let [here, there] = two().await;
    let (thread, last) = (Thread::new(), Thread::new());
    let begun = there.append(&thread.begin()).await;
    for _ in 0..2 {
        here.relay().watch(thread.whereabouts(), begun);
    }
    here.relay().unwatch(thread.id);
    let (_, told) = thread.inbound("told");
    there.append(std::slice::from_ref(&told)).await;
    here.is_told(&[&told]).await;
    here.relay().unwatch(thread.id);
    there.append(&[thread.inbound("to nobody").1]).await;
    // What comes later shows that the former does not come any more.
    last.watch(&*here.engine);
    let begin = last.begin();
    there.append(&begin).await;
    here.is_told(&[&told, &begin[1]]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_reaches_whoever_else_watches_and_in_order() {
    let [here, there] = two().await;
    let (thread, other) = (Thread::new(), Thread::new());
    for node in [&here, &there] {
        node.relay().watch(thread.whereabouts(), Seq::START);
    }
    // A node hears from when it has found the end of what was said before.
    eventually("the nodes hear each other", async || {
        for node in [&here, &there] {
            node.relay().signal(thread.whereabouts(), Signal::Ask);
        }
        let both = [&here, &there].iter().all(|node| !node.seen.heard().is_empty());
        both.then_some(())
    })
    .await;
    there.relay().signal(other.whereabouts(), typing(true));
    let mut said = Vec::new();
    for number in 0..50 {
        let signal = typing(number % 2 == 0);
        there.relay().signal(thread.whereabouts(), signal.clone());
        said.push((thread.id, signal));
    }
    let heard = eventually("all is heard", async || {
        let heard = here.heard();
        (heard.len() >= said.len()).then_some(heard)
    });
    assert_eq!(heard.await, said);
    assert_eq!(there.heard(), [], "nobody hears what it says itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_makes_a_reply_is_heard_by_the_owner_of_the_partition_until_it_ends() {
    const LONG: Duration = Duration::from_secs(60);
    let nodes = two().await;
    let thread = Thread::new();
    nodes[0].append(&thread.begin()).await;
    let place = thread.whereabouts();
    let partitions = nodes[0].engine.partitions(parlor::engine::Topic::Events);
    let partition = Keyspace::partition_of(thread.key(), partitions);
    let owner = nodes.iter().find(|node| node.engine.owned().contains(&partition));
    let owner = owner.expect("the partition is somebody's, since it takes appends");
    let maker = nodes.iter().find(|node| !Arc::ptr_eq(&node.engine, &owner.engine));
    let maker = maker.expect("there are two").relay();
    assert!(!owner.relay().heard_within(thread.id, LONG), "nobody has said anything");
    eventually("the owner has heard that it is made", async || {
        maker.signal(place, Signal::Alive { attempt: 1, followed: false });
        owner.relay().heard_within(thread.id, LONG).then_some(())
    })
    .await;
    assert!(!owner.relay().heard_within(thread.id, Duration::ZERO), "not in so short a while");
    maker.signal(place, Signal::Ended { attempt: 1 });
    eventually("the owner has heard that it ended", async || {
        (!owner.relay().heard_within(thread.id, LONG)).then_some(())
    })
    .await;
}
