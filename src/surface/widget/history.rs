//! The messages of a visitor's conversation, and what of them is new `since` a time.
//!
//! A message's `timestamp` is its stamp (`app::messages::stamps`): milliseconds that only grow, whatever the clocks
//! of the nodes say. So whoever sends the last one back is told what is new, all of it, once.

use std::sync::Arc;

use futures_util::{Stream, stream};

use super::wire::MessageOut;
use crate::app::App;
use crate::app::conversations::read::{self, BLOCK};
use crate::app::messages::stamps;
use crate::domain::Result;
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::time::Timestamp;
use crate::engine::Recorded;

/// Nanoseconds in a millisecond.
const MILLI: i128 = 1_000_000;

/// The moment that messages are asked for since, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Since(i128);

impl Since {
    /// Reads ISO 8601: with an offset, or else in UTC.
    pub(super) fn parse(text: &str) -> Option<Self> {
        // A `+` that a query was given as it is has become a space.
        let text = text.trim().replacen(' ', if text.contains('T') { "+" } else { "T" }, 1);
        let at = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let civil = text.parse::<jiff::civil::DateTime>().ok()?;
            civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        })?;
        Some(Self(at.as_nanosecond()))
    }

    fn is_before(self, stamp: Timestamp) -> bool {
        self.0 < i128::from(stamp.millis()) * MILLI
    }

    fn millis(self) -> i128 {
        self.0.div_euclid(MILLI)
    }

    /// Those below the millisecond.
    fn nanoseconds(self) -> u64 {
        u64::try_from(self.0.rem_euclid(MILLI)).unwrap_or_default()
    }
}

/// Where what is asked for begins.
struct Start {
    block: u64,
    /// The stamp of the message before that block.
    before: Option<Timestamp>,
    /// Messages to leave out, from the conversation's first.
    skip: u64,
    /// And of the others those that are not later.
    after: Option<Since>,
}

impl Start {
    const BEGINNING: Self = Self { block: 0, before: None, skip: 0, after: None };

    fn at(block: usize, ends: &[Timestamp]) -> Self {
        let before = block.checked_sub(1).and_then(|last| ends.get(last)).copied();
        Self { block: block as u64, before, ..Self::BEGINNING }
    }
}

/// The messages that a conversation has now, oldest first, in pages; only what is later than
/// `since`.
///
/// # Errors
/// As the engine's views.
pub(super) async fn messages(
    app: &Arc<App>,
    state: &Conversation,
    contact: Contact,
    brand: String,
    since: Option<Since>,
) -> Result<impl Stream<Item = Result<Vec<MessageOut>>> + Send + 'static> {
    let total = state.message_count;
    let Start { block, before, skip: left_out, after } = match since {
        None => Start::BEGINNING,
        Some(since) => start(app, state, since).await?,
    };
    let (app, account, id) = (app.clone(), state.account, state.id);
    Ok(stream::try_unfold((block * BLOCK, before), move |(skip, before)| {
        let (app, contact, brand) = (app.clone(), contact.clone(), brand.clone());
        async move {
            let left = total.saturating_sub(skip);
            if left == 0 {
                return Ok(None);
            }
            let size = usize::try_from(left.min(BLOCK)).unwrap_or_default();
            let page = read::messages(&app, account, id, skip, size).await?.messages;
            let (mut last, mut shown) = (before, Vec::with_capacity(page.len()));
            for (number, (stamp, entry)) in (skip..).zip(stamps::stamped(&page, before)) {
                last = Some(stamp);
                if number >= left_out && after.is_none_or(|after| after.is_before(stamp)) {
                    shown.extend(MessageOut::new(entry, stamp, &contact, &brand));
                }
            }
            // What was counted and is not there would be waited for in vain.
            let next = if page.is_empty() { total } else { skip + page.len() as u64 };
            Ok(Some((shown, (next, last))))
        }
    }))
}

async fn start(app: &App, state: &Conversation, since: Since) -> Result<Start> {
    let ends = stamps::ends(app, state).await?;
    if let Some(number) = named_by_nanoseconds(app, state, since).await? {
        let block = usize::try_from(number / BLOCK).unwrap_or_default().min(ends.len());
        return Ok(Start { skip: number, ..Start::at(block, &ends) });
    }
    let block = ends.partition_point(|end| !since.is_before(*end));
    Ok(Start { after: Some(since), ..Start::at(block, &ends) })
}

/// The number of the message that a time names as they were written before: its nanoseconds below the
/// millisecond are the number (modulo a million). Clients may still hold such a time.
async fn named_by_nanoseconds(
    app: &App,
    state: &Conversation,
    since: Since,
) -> Result<Option<u64>> {
    let (account, id) = (state.account, state.id);
    let mut number = since.nanoseconds();
    while (1..=state.message_count).contains(&number) {
        let found = read::messages(app, account, id, number - 1, 1).await?.messages;
        let is_it = |entry: &Recorded| i128::from(entry.event.at.millis()) == since.millis();
        if found.first().is_some_and(is_it) {
            return Ok(Some(number));
        }
        number = number.saturating_add(1_000_000);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_every_form_of_iso_8601_that_people_send() {
        let whole = Since::parse("2025-01-15T10:30:00Z").expect("UTC");
        for text in [
            "2025-01-15T10:30:00+00:00",
            "2025-01-15T10:30:00 00:00",
            "2025-01-15T16:00:00+05:30",
            "2025-01-15T10:30:00",
            "2025-01-15 10:30:00",
            "2025-01-15T10:30:00.000Z",
        ] {
            assert_eq!(Since::parse(text), Some(whole), "{text}");
        }
        for text in ["", "yesterday", "10:30", "2025-13-01T00:00:00Z", "1736937000"] {
            assert_eq!(Since::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_finer_than_a_millisecond_is_kept_as_it_is() {
        let since = Since::parse("2025-01-15T10:30:00.123000002Z").expect("a time");
        assert_eq!(since.nanoseconds(), 2);
        let millis = i64::try_from(since.millis()).expect("in range");
        assert!(!since.is_before(Timestamp::from_millis(millis)));
        assert!(since.is_before(Timestamp::from_millis(millis + 1)));
    }
}
