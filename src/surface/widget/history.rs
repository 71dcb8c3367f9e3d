//! The messages of a visitor's conversation, and what of them is new `since` a time.
//!
//! A message's time has nanoseconds: those below the millisecond are its number in the conversation
//! (modulo a million). So the times of a conversation's messages are all different, and the last
//! one a reader has seen names the very message: what comes after it is what is new, whatever the
//! clocks of the nodes say. Any other time is compared as a time.

use std::sync::Arc;

use futures_util::{Stream, stream};

use super::wire::MessageOut;
use crate::app::read_conversation::BLOCK;
use crate::app::{App, read_conversation};
use crate::domain::Result;
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::time::Timestamp;
use crate::engine::Recorded;

/// Nanoseconds in a millisecond.
const MILLI: i128 = 1_000_000;

/// A moment, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp(i128);

impl Stamp {
    /// The time of a conversation's message of this number, counted from 1.
    pub(super) fn of_message(at: Timestamp, number: u64) -> Self {
        Self(i128::from(at.millis()) * MILLI + i128::from(number) % MILLI)
    }

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

    fn millis(self) -> i128 {
        self.0.div_euclid(MILLI)
    }

    /// The least number of a message that this may be the time of.
    fn number(self) -> Option<u64> {
        u64::try_from(self.0.rem_euclid(MILLI)).ok()
    }
}

impl std::fmt::Display for Stamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = jiff::Timestamp::from_nanosecond(self.0).unwrap_or_default();
        write!(f, "{at:.9}")
    }
}

/// What stands before what is asked for.
struct Start {
    /// Messages to leave out, from the first.
    skip: u64,
    /// And of the others those that are not later.
    after: Option<Stamp>,
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
    since: Option<Stamp>,
) -> Result<impl Stream<Item = Result<Vec<MessageOut>>> + Send + 'static> {
    let total = state.message_count;
    let start = match since {
        None => Start { skip: 0, after: None },
        Some(since) => start(app, state, since).await?,
    };
    let (app, account, id) = (app.clone(), state.account, state.id);
    Ok(stream::try_unfold(start.skip, move |skip| {
        let (app, contact, brand) = (app.clone(), contact.clone(), brand.clone());
        async move {
            let left = total.saturating_sub(skip);
            if left == 0 {
                return Ok(None);
            }
            let size = usize::try_from(left.min(BLOCK)).unwrap_or_default();
            let page = read_conversation::messages(&app, account, id, skip, size).await?.messages;
            let shown = numbered(&page, skip).filter_map(|(number, entry)| {
                let stamp = Stamp::of_message(entry.event.at, number);
                let is_new = start.after.is_none_or(|after| stamp > after);
                is_new.then(|| MessageOut::new(entry, stamp, &contact, &brand)).flatten()
            });
            let shown: Vec<_> = shown.collect();
            // What was counted and is not there would be waited for in vain.
            let next = if page.is_empty() { total } else { skip + page.len() as u64 };
            Ok(Some((shown, next)))
        }
    }))
}

fn numbered(page: &[Recorded], skip: u64) -> impl Iterator<Item = (u64, &Recorded)> {
    (skip + 1..).zip(page)
}

/// Finds the message whose time it is; else how far back messages may be later.
async fn start(app: &App, state: &Conversation, since: Stamp) -> Result<Start> {
    let (account, id, total) = (state.account, state.id, state.message_count);
    let mut number = since.number().filter(|number| *number > 0).unwrap_or(u64::MAX);
    while number <= total {
        let found = read_conversation::messages(app, account, id, number - 1, 1).await?.messages;
        let is_it = |entry: &Recorded| i128::from(entry.event.at.millis()) == since.millis();
        if found.first().is_some_and(is_it) {
            return Ok(Start { skip: number, after: None });
        }
        number = number.saturating_add(1_000_000);
    }
    let mut skip = total.next_multiple_of(BLOCK);
    while skip > 0 {
        let block = skip - BLOCK;
        let size = usize::try_from(BLOCK).unwrap_or_default();
        let page = read_conversation::messages(app, account, id, block, size).await?.messages;
        let is_later =
            |(number, entry): (u64, &Recorded)| Stamp::of_message(entry.event.at, number) > since;
        if !numbered(&page, block).any(is_later) {
            break;
        }
        skip = block;
    }
    Ok(Start { skip, after: Some(since) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_read_in_every_form_of_iso_8601_that_people_send() {
        let whole = Stamp::parse("2025-01-15T10:30:00Z").expect("UTC");
        for text in [
            "2025-01-15T10:30:00+00:00",
            "2025-01-15T10:30:00 00:00",
            "2025-01-15T16:00:00+05:30",
            "2025-01-15T10:30:00",
            "2025-01-15 10:30:00",
            "2025-01-15T10:30:00.000Z",
        ] {
            assert_eq!(Stamp::parse(text), Some(whole), "{text}");
        }
        for text in ["", "yesterday", "10:30", "2025-13-01T00:00:00Z", "1736937000"] {
            assert_eq!(Stamp::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_time_names_its_message(millis in 0..4_102_444_800_000i64, number in 1..3_000_000u64) {
            let stamp = Stamp::of_message(Timestamp::from_millis(millis), number);
            let read = Stamp::parse(&stamp.to_string()).expect("our own");
            prop_assert_eq!(read, stamp);
            prop_assert_eq!(read.millis(), i128::from(millis));
            prop_assert_eq!(read.number(), Some(number % 1_000_000));
        }
    }
}
