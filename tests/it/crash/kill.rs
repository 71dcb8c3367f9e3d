//! The proof: killed at random moments under the load of 64 callers, again and again on one
//! directory and one port, the server loses nothing that it acknowledged, doubles nothing, leaves
//! no question unanswered, and every reader gets every event and every character once.
//!
//! `PARLOR_KILLS` says how often (5 where it does not), `PARLOR_SEED` repeats a run's moments. Where none of
//! them has cut a reply that was being read, as on a machine that is busy, there are more, after longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::doors::{Doors, Round};
use super::judge::{Figures, judge};
use super::load::{CALLERS, call};
use crate::harness::wait::within_time;
use crate::harness::{Server, setting};

/// Kills more, where those that were to be have proved nothing.
const MORE: u32 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_is_said_twice_however_often_it_is_killed() {
    let kills = u32::try_from(setting("PARLOR_KILLS").unwrap_or(5)).expect("a number of kills");
    let seed = setting("PARLOR_SEED").unwrap_or_else(rand::random);
    println!("PARLOR_SEED={seed} repeats the moments of this run");
    let mut random = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::open(dir.path(), &[]).await;
    let client = server.client();
    let (rounds, round) = watch::channel(Round::default());
    let cut_inside = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let doors = Doors::one(server.client(), round.clone()).counting(&cut_inside);
        callers.spawn(call(number, doors));
    }

    let mut back_after = Vec::new();
    let mut number = 0;
    let proves = || kills == 0 || cut_inside.load(Ordering::Relaxed) > 0;
    while number < kills || !proves() && number < kills + MORE {
        number += 1;
        load(&mut random, 1 + number.saturating_sub(kills)).await;
        rounds.send_modify(|round| round.over = true);
        server.kill().await;
        let began = Instant::now();
        server.restart().await;
        client.get("/readyz").await.expect(200);
        back_after.push(began.elapsed());
        rounds.send_replace(Round { number, ..Round::default() });
    }
    load(&mut random, 1).await;
    rounds.send_replace(Round { number, last: true, over: false });

    let mut figures = Figures::default();
    let patience = Duration::from_secs(60);
    while let Some(ledger) = within_time(patience, "every caller's end", callers.join_next()).await
    {
        let ledger = ledger.expect("a caller is content");
        judge(std::slice::from_ref(&client), &ledger, &mut figures).await;
    }
    server.terminate().await;
    let (equal, said) = Server::command(dir.path(), &["verify"]).await;
    assert!(equal && said.contains("equal"), "views and log agree: {said}");

    back_after.sort_unstable();
    let (median, slowest) = (back_after.get(back_after.len() / 2), back_after.last());
    println!("{number} kills: {figures:?}, ready after: median {median:?}, slowest {slowest:?}");
    assert_eq!(figures.overtaken, 0, "questions of one conversation are answered in their order");
    assert!(figures.replies > CALLERS, "the load was load");
    assert!(kills == 0 || figures.resumed_inside > 0, "no reply was cut: nothing was proved");
}

/// Lets the callers call for a random moment, or for so many.
async fn load(random: &mut StdRng, times: u32) {
    tokio::time::sleep(times * Duration::from_millis(random.random_range(200..=1_200))).await;
}
