//! The proof: nodes, the broker and the CQL store are killed at random moments under the load of 64
//! callers, some together, and come back. Nothing that was acknowledged is lost or doubled: not in the
//! topic, not in any node's views, not in any feed. Every question is answered once, and every reader,
//! who moves to another node with every break, gets every event and every character once.
//!
//! `PARLOR_KILLS` says how often each is killed (1 where it does not), `PARLOR_SEED` repeats a run's
//! moments.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::fold::Folded;
use super::stage::{LOG, NEEDED, times};
use crate::crash::doors::{Doors, Faults, Round, is_in_flight};
use crate::crash::judge::{Figures, judge};
use crate::crash::load::{CALLERS, Ledger, call};
use crate::harness::cluster::Cluster;
use crate::harness::services::{Service, Services};
use crate::harness::setting;
use crate::harness::wait::{eventually_in, within_time};

const NODES: usize = 3;
/// Kills more at most, until a reply was cut that was being read.
const MORE: usize = 5;
/// After this a cluster whose services are there must be ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// For so long at most a request that was given up is said to be under way.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// What is killed at the same moment.
#[derive(Debug, Clone, Copy, Default)]
struct Blow {
    node: bool,
    kafka: bool,
    cql: bool,
}

/// So many of each alone, and so many together.
fn blows(each: u64, random: &mut StdRng) -> Vec<Blow> {
    let none = Blow::default();
    let (node, kafka, cql) =
        (Blow { node: true, ..none }, Blow { kafka: true, ..none }, Blow { cql: true, ..none });
    let together = [
        Blow { node: true, ..kafka },
        Blow { cql: true, ..kafka },
        Blow { node: true, ..cql },
        Blow { node: true, kafka: true, cql: true },
    ];
    let together = together.into_iter().cycle();
    let mut blows: Vec<_> = together
        .take(usize::try_from(each).expect("few"))
        .flat_map(|both| [both, node, kafka, cql])
        .collect();
    blows.shuffle(random);
    blows
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_or_doubled_whatever_is_killed() {
    let each = times("PARLOR_KILLS", 1, 10);
    let seed = setting("PARLOR_SEED").unwrap_or_else(rand::random);
    println!("PARLOR_SEED={seed} repeats the moments of this run");
    let mut random = StdRng::seed_from_u64(seed);
    let services = Services::own_of(&NEEDED).await;
    let mut cluster = Cluster::start(&services, NODES, &LOG).await;
    let (rounds, round) = watch::channel(Round::default());
    let cut_inside = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let doors = Doors::nodes(cluster.clients(), Faults::Kills, round.clone(), number);
        let doors = doors.counting(&cut_inside);
        callers.spawn(call(number, doors));
    }

    let mut back_after = Vec::new();
    let more = iter::repeat_n(Blow { node: true, ..Blow::default() }, MORE);
    let proves = || each == 0 || cut_inside.load(Ordering::Relaxed) > 0;
    let planned = blows(each, &mut random);
    let blows = planned.into_iter().chain(more.take_while(|_| !proves()));
    for blow in blows {
        load(&mut random).await;
        let took = strike(&mut cluster, &services, blow, &mut random).await;
        println!("{blow:?}: all nodes ready after {took:?}");
        back_after.push(took);
    }
    load(&mut random).await;
    rounds.send_replace(Round { number: 1, last: true, over: false });
    let mut ledgers = Vec::new();
    let patience = Duration::from_secs(240);
    while let Some(ledger) = within_time(patience, "every caller's end", callers.join_next()).await
    {
        ledgers.push(ledger.expect("a caller is content"));
    }
    let figures = the_cluster_agrees(&cluster, &ledgers).await;
    what_was_given_up_is_kept_once(&cluster, &ledgers, each > 1).await;

    back_after.sort_unstable();
    let (median, slowest) = (back_after.get(back_after.len() / 2), back_after.last());
    println!("{each} of each: {figures:?}, ready after: median {median:?}, slowest {slowest:?}");
    assert_eq!(figures.overtaken, 0, "questions of one conversation are answered in their order");
    assert!(figures.replies > CALLERS, "the load was load");
    assert!(each == 0 || figures.resumed_inside > 0, "no reply was cut: nothing was proved");
}

/// Kills, waits a moment, and starts again; gives how long it took until all nodes were ready.
async fn strike(
    cluster: &mut Cluster,
    services: &Services,
    blow: Blow,
    random: &mut StdRng,
) -> Duration {
    let victim = random.random_range(0..NODES);
    if blow.kafka {
        services.kill(Service::Kafka).await;
    }
    if blow.cql {
        services.kill(Service::Cassandra).await;
    }
    if blow.node {
        cluster.node_mut(victim).kill().await;
    }
    load(random).await;
    let began = Instant::now();
    if blow.kafka {
        services.start(Service::Kafka).await;
    }
    if blow.cql {
        services.start(Service::Cassandra).await;
    }
    if blow.node {
        cluster.node_mut(victim).restart().await;
    }
    for node in &cluster.nodes {
        let stranger = node.stranger();
        eventually_in(PATIENCE, "the node is ready", async || {
            (stranger.get("/readyz").await.status == 200).then_some(())
        })
        .await;
    }
    began.elapsed()
}

/// Lets the callers call for a random moment.
async fn load(random: &mut StdRng) {
    tokio::time::sleep(Duration::from_millis(random.random_range(500..=2_000))).await;
}

/// Whoever still asks what was given up is answered.
async fn what_was_given_up_is_kept_once(cluster: &Cluster, ledgers: &[Ledger], ask: bool) {
    let given_up: Vec<_> = ledgers.iter().flat_map(|ledger| &ledger.given_up).collect();
    println!("{} requests were given up with the node that had them", given_up.len());
    let clients = cluster.clients();
    for (number, asked) in given_up.iter().enumerate().filter(|_| ask) {
        let client = &clients[number % clients.len()];
        let answer = eventually_in(GIVEN_UP, "it is answered", async || {
            let answer = client.try_send(asked.request(client)).await.expect("an answer");
            (!is_in_flight(&answer)).then_some(answer)
        });
        assert!(answer.await.status < 300, "it is answered in the end");
    }
    let engine = cluster.engine().await;
    let log = Folded::read(&*engine).await;
    for asked in given_up {
        let times = log.inbound(&asked.text);
        assert!(if ask { times == 1 } else { times < 2 }, "{} is kept once: {times}", asked.text);
    }
    engine.close().await;
}

/// Judges what every caller was told, on every node, in the topic and in the views.
pub async fn the_cluster_agrees(cluster: &Cluster, ledgers: &[Ledger]) -> Figures {
    let clients = cluster.clients();
    let mut figures = Figures::default();
    for ledger in ledgers {
        judge(&clients, ledger, &mut figures).await;
    }
    let engine = cluster.engine().await;
    let log = Folded::read(&*engine).await;
    for (id, text) in ledgers.iter().flat_map(|ledger| &ledger.acknowledged) {
        assert_eq!(log.inbound(text), 1, "{text:?}, told as {id}, stands in the topic once");
    }
    log.equals_the_views(&*engine).await;
    let told = log.totals(cluster.account_id());
    let kept = u64::try_from(figures.acknowledged + figures.unacknowledged).expect("a number");
    assert_eq!(told.inbound, kept, "no message stands where nobody asked");
    engine.close().await;
    let (equal, said) = cluster.try_command(&["verify"]).await;
    assert!(equal && said.contains("equal"), "views and log agree: {said}");
    println!("{} events in the topic", log.events);
    figures
}
