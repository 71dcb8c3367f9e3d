//! Takeover: answers the turns that nobody answers.
//!
//! When the only process starts, every turn that is due was cut short by the one before: all are
//! taken over. Otherwise a turn is taken over when it is older than its deadline and nobody is heard
//! to answer it, by the node to which its partition falls.
//!
//! An account has so many places, and no more turns of it are taken over at a time. The others stay
//! due, in the views and not in memory, until a look finds places for them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::app::turn::under_way::{TakenOver, Turns};
use crate::app::{App, clock};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine;
use crate::engine::relay::Relay;
use crate::projection::turns_due;

/// How often turns that are overdue are looked for, and when they are.
const EVERY: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(15);
/// Where some found no place: how soon they are looked for again, at the least and in times that a look
/// takes.
const AGAIN: Duration = Duration::from_millis(100);
const REST: u32 = 10;
/// Turns read at once.
const PAGE: usize = 500;

/// What one look came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Look {
    taken: usize,
    /// Turns without a place.
    left: usize,
}

/// Takes over what is due now, and then what becomes overdue, until `drain`.
pub async fn run(app: Arc<App>, drain: CancellationToken) {
    // What is older than the only process was cut short by the one before.
    let began = if app.engine.relay().is_none() { clock::now() } else { Timestamp::default() };
    let mut due_before = began;
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut waiting = 0;
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let looked = Instant::now();
        match take_over(&app, due_before).await {
            Ok(Look { taken, left }) => {
                if taken > 0 && waiting == 0 {
                    tracing::info!(turns = taken, left, "took over unfinished turns");
                }
                if left > 0 {
                    ticks.reset_after(AGAIN.max(looked.elapsed() * REST).min(EVERY));
                }
                waiting = left;
            }
            Err(error) => tracing::warn!(%error, "turns could not be taken over"),
        }
        let now = clock::now().millis();
        let deadline = i64::try_from(DEADLINE.as_millis()).unwrap_or(i64::MAX);
        due_before = began.max(Timestamp::from_millis(now.saturating_sub(deadline)));
    }
}

async fn take_over(app: &Arc<App>, due_before: Timestamp) -> engine::Result<Look> {
    let mut look = Look::default();
    // Accounts without a place: what comes of theirs is newer, and not taken before what was left.
    let mut full = HashSet::new();
    let relay = app.engine.relay();
    for partition in app.engine.owned() {
        let mut after = Seq::START;
        loop {
            let page = turns_due::owed(&*app.engine, partition, after, PAGE).await?;
            for row in &page {
                after = row.seq;
                let heard = |relay: &Arc<dyn Relay>| relay.heard_within(row.conversation, DEADLINE);
                if row.at > due_before || relay.as_ref().is_some_and(heard) {
                    continue;
                }
                if full.contains(&row.account) {
                    look.left += 1;
                    continue;
                }
                match Turns::take_over(app, row.account, row.conversation, row.message_id) {
                    TakenOver::Begun => look.taken += 1,
                    TakenOver::UnderWay => {}
                    TakenOver::NoPlace => {
                        full.insert(row.account);
                        look.left += 1;
                    }
                }
            }
            if page.len() < PAGE {
                break;
            }
        }
    }
    Ok(look)
}
