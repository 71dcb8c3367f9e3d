//! The pace of a reply that is shown as it is made.
//!
//! A bot gives its pieces as fast as it has them. Where somebody sees them come, they come at the bot's
//! pace; an answer that is given whole waits for no pause. Nor does one behind which another turn waits:
//! turns are answered one after another, so each pause would be everybody's behind it.

use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt};
use tokio::time::Instant;

use crate::bot::{BotAction, Error};
use crate::live::hub::Writer;

/// The same steps with a pause between two texts, counted from the first, so that delays do not add up.
/// `asked` is whether who asked for the reply sees it being made, `waited_for` whether somebody waits for
/// its end.
pub(super) fn paced<'a>(
    mut steps: BoxStream<'static, Result<BotAction, Error>>,
    pause: Duration,
    writer: &'a Writer,
    asked: bool,
    waited_for: impl Fn() -> bool + Send + 'a,
) -> BoxStream<'a, Result<BotAction, Error>> {
    if pause.is_zero() {
        return steps;
    }
    async_stream::stream! {
        let mut due = Instant::now();
        while let Some(step) = steps.next().await {
            if matches!(step, Ok(BotAction::Text(_))) {
                // The first waits for no timer: those are a millisecond coarse.
                if due > Instant::now() && (asked || writer.is_shown()) && !waited_for() {
                    tokio::time::sleep_until(due).await;
                }
                // Later than a pause, or let go before its time: counted from here on.
                let now = Instant::now();
                let in_time = (due..due + pause).contains(&now);
                due = if in_time { due } else { now } + pause;
            }
            yield step;
        }
    }
    .boxed()
}
