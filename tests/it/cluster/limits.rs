//! A limit per minute is one limit, however many nodes are called at once.

use std::num::NonZeroU32;
use std::time::Instant;

use futures_util::future::join_all;

use super::stage::{Tenant, shared};
use crate::harness::Client;

/// Callers of each node.
const CALLERS: usize = 4;
/// Who is refused so often in a row calls no more.
const ENOUGH: u32 = 25;

#[tokio::test(flavor = "multi_thread")]
async fn sixty_a_minute_are_sixty_on_all_nodes_together() {
    admits(NonZeroU32::new(60).expect("not zero")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn six_hundred_a_minute_are_six_hundred_on_all_nodes_together() {
    admits(NonZeroU32::new(600).expect("not zero")).await;
}

async fn admits(limit: NonZeroU32) {
    let per_minute = limit.to_string();
    let more = ["--aerochat-per-minute", &per_minute];
    let tenant = Tenant::unknown(shared().await, "Limited", &more).await;
    let callers = (0..CALLERS).flat_map(|_| tenant.clients.clone());
    let calling = callers.map(|client| tokio::spawn(hammer(client)));
    let (mut admitted, mut first) = (0, Instant::now());
    for caller in join_all(calling).await {
        let (calls, began) = caller.expect("a caller is content");
        admitted += calls;
        first = first.min(began.unwrap_or(first));
    }
    let took = first.elapsed();
    let limit = f64::from(limit.get());
    let refilled = took.as_secs_f64() * limit / 60.0;
    println!("{per_minute} a minute on three nodes: {admitted} admitted in {took:?}");
    let admitted = f64::from(admitted);
    assert!(admitted <= limit + refilled + 1.0, "never more than {limit} and {refilled} refilled");
    assert!(admitted >= limit * 0.95, "not far below {limit}");
}

/// Calls until it is refused again and again; gives how often it was admitted, and when the first
/// such call began.
async fn hammer(client: Client) -> (u32, Option<Instant>) {
    let (mut admitted, mut first, mut refused) = (0, None, 0);
    while refused < ENOUGH {
        let began = Instant::now();
        match client.get("/bot/v1/contacts/none").await.status {
            404 => {
                admitted += 1;
                first.get_or_insert(began);
                refused = 0;
            }
            429 => refused += 1,
            // The node has yet to hear of the account.
            401 => {}
            other => panic!("neither admitted nor refused: {other}"),
        }
    }
    (admitted, first)
}
