//! Nodes are told to go under load, one after another, and start again: whatever they took they
//! answer, readers are told to resume and go on elsewhere, and the other nodes take over their work.
//!
//! `PARLOR_ROLLS` says how often every node is restarted (1 where it does not; 10 in the long form).

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::kills::the_cluster_agrees;
use super::stage::{LOG, times};
use crate::crash::doors::{Doors, Faults, Round};
use crate::crash::load::{CALLERS, call};
use crate::harness::cluster::{Cluster, PARTITIONS};
use crate::harness::services::Services;
use crate::harness::wait::{eventually, eventually_in, within_time};
use crate::harness::{Client, Server};

const NODES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_fails_no_request_that_was_accepted() {
    let rolls = times("PARLOR_ROLLS", 1, 10);
    let mut cluster = Cluster::start(Services::shared().await, NODES, &LOG).await;
    let (rounds, round) = watch::channel(Round::default());
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        // A connection that is kept may be closed at the moment of its next request: HTTP/1.1 has no
        // way to say in time that it will be.
        let clients = cluster.clients().iter().map(Client::without_keeping).collect();
        let doors = Doors::nodes(clients, Faults::Drains, round.clone(), number);
        callers.spawn(call(number, doors));
    }
    let mut took = Vec::new();
    for roll in 0..rolls {
        for node in 0..NODES {
            everything_is_owned(&cluster).await;
            let began = Instant::now();
            cluster.node_mut(node).terminate().await;
            took.push(began.elapsed());
            everything_is_owned(&cluster).await;
            cluster.node_mut(node).restart().await;
            println!("roll {roll}, node {node}: drained in {:?}", took[took.len() - 1]);
        }
    }
    rounds.send_replace(Round { number: 1, last: true, over: false });
    let mut ledgers = Vec::new();
    let patience = Duration::from_secs(120);
    while let Some(ledger) = within_time(patience, "every caller's end", callers.join_next()).await
    {
        ledgers.push(ledger.expect("a caller is content"));
    }
    let figures = the_cluster_agrees(&cluster, &ledgers).await;
    println!("{rolls} rolling restarts: {figures:?}, drained in {took:?}");
    assert!(figures.resumed >= NODES, "readers had to move: {figures:?}");
}

#[tokio::test]
async fn readers_of_a_node_that_goes_are_told_to_resume_and_its_partitions_are_taken_over() {
    let mut cluster = Cluster::start(Services::shared().await, NODES, &LOG).await;
    let clients = cluster.clients();
    let said = clients[0].say(None, "hello").await;
    let id = said["conversation_id"].as_str().expect("an id").to_owned();
    let path = format!("/live/v1/conversations/{id}/stream");
    let mut feed = clients[1].stream(&path, None).await;
    everything_is_owned(&cluster).await;
    cluster.node_mut(1).terminate().await;
    let last = feed.rest().await.pop().expect("a last word");
    assert_eq!(last.name, "resume", "the reader is told to come back: {last:?}");

    // At once: nobody waits for a session to time out.
    let began = Instant::now();
    everything_is_owned(&cluster).await;
    println!("the others own its partitions {:?} after its end", began.elapsed());
    let mut feed = clients[2].stream(&format!("{path}?after={}", last.id), None).await;
    let body = super::stage::message(Some(&id), super::stage::QUESTION);
    clients[0].post(super::stage::MESSAGES, &body).await.expect(200);
    feed.until("message.outbound").await;
}

/// Waits until the nodes that run own all partitions between them.
async fn everything_is_owned(cluster: &Cluster) {
    let running: Vec<_> = cluster.nodes.iter().filter(|node| node.runs()).collect();
    eventually_in(Duration::from_secs(60), "every partition has an owner", async || {
        let mut owned = 0;
        for node in &running {
            owned += owned_by(node).await;
        }
        (owned == PARTITIONS).then_some(())
    })
    .await;
}

pub(super) async fn owned_by(node: &Server) -> u32 {
    let stranger = node.stranger();
    eventually("the node tells what it owns", async || {
        let metrics = stranger.get("/metrics").await.text;
        let line =
            metrics.lines().find(|line| line.starts_with("parlor_projector_partitions_owned"));
        line?.rsplit(' ').next()?.parse().ok()
    })
    .await
}
