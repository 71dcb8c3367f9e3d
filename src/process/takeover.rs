//! Takeover: answers the turns that nobody answers.
//!
//! When the only process starts, every turn that is due was cut short by the one before: all are
//! taken over at once. Otherwise a turn is taken over when it is older than its deadline and
//! nobody is heard to answer it, by the node to which its partition falls.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::turns::{Call, Turns};
use crate::app::{App, clock};
use crate::domain::seq::Seq;
use crate::domain::time::Timestamp;
use crate::engine;
use crate::engine::relay::Relay;
use crate::projection::turns_due;

/// How often turns that are overdue are looked for, and when they are.
const EVERY: Duration = Duration::from_secs(5);
const DEADLINE: Duration = Duration::from_secs(15);
/// Turns read at once.
const PAGE: usize = 500;

/// Takes over what is due now, and then what becomes overdue, until `drain`.
pub async fn run(app: Arc<App>, drain: CancellationToken) {
    let mut due_before =
        if app.engine.relay().is_none() { clock::now() } else { Timestamp::default() };
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = drain.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match take_over(&app, due_before).await {
            Ok(0) => {}
            Ok(turns) => tracing::info!(turns, "took over unfinished turns"),
            Err(error) => tracing::warn!(%error, "turns could not be taken over"),
        }
        let now = clock::now().millis();
        let deadline = i64::try_from(DEADLINE.as_millis()).unwrap_or(i64::MAX);
        due_before = Timestamp::from_millis(now.saturating_sub(deadline));
    }
}

async fn take_over(app: &Arc<App>, due_before: Timestamp) -> engine::Result<usize> {
    let mut taken = 0;
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
                let call = Call::Take { message: row.message_id, streamed: false };
                taken += usize::from(Turns::call(app, row.account, row.conversation, call));
            }
            if page.len() < PAGE {
                break;
            }
        }
    }
    Ok(taken)
}
