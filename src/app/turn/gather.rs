//! Pieces of a reply that come together go out together.
//!
//! A model may give fifty pieces a second, and each would be a frame and a write for every reader. So
//! they are joined once, where the reply is made: a piece that comes soon after what was shown last waits
//! for the next one, or for a moment. Nobody waits for the first piece of a reply, nor for one that comes
//! long after the one before it, as it is not likely to be followed soon.
//!
//! What is shown, stored and counted in cursors is the same text, in fewer pieces. A timer for each
//! reader was refused: it would join what is written and still encode each piece for each of them.

use std::time::Duration;

use tokio::time::Instant;

/// The pieces of one reply that are not shown yet.
pub(super) struct Gather {
    /// How long a piece may wait for the next one; none does where this is zero.
    most: Duration,
    waiting: String,
    /// When what waits is shown, whether another piece has come or not.
    latest: Option<Instant>,
    /// Whatever comes from then on is shown at once, with what waits.
    due: Option<Instant>,
    /// When the last piece came.
    last: Option<Instant>,
}

impl Gather {
    pub(super) fn new(most: Duration) -> Self {
        Self { most, waiting: String::new(), latest: None, due: None, last: None }
    }

    /// Takes a piece; what is to be shown now, if anything is.
    pub(super) fn piece(&mut self, text: String, now: Instant) -> Option<String> {
        if self.most.is_zero() || text.is_empty() {
            return Some(text);
        }
        if self.waiting.is_empty() {
            self.waiting = text;
        } else {
            self.waiting.push_str(&text);
        }
        // Those of a steady stream come a little late at times.
        let soon = self.most * 6 / 5;
        let follows = self.last.replace(now).is_some_and(|last| now - last <= soon);
        if follows && self.due.is_some_and(|due| now < due) {
            self.latest.get_or_insert(now + soon);
            return None;
        }
        self.show(now)
    }

    /// What waits, to be shown now; none where nothing does.
    pub(super) fn show(&mut self, now: Instant) -> Option<String> {
        if self.waiting.is_empty() {
            return None;
        }
        self.latest = None;
        // Below thirty times a second where a piece waits for 20 ms. Being late now makes up for later, so
        // that of a steady stream more pieces are shown at once than wait.
        let between = self.most * 7 / 4;
        let earliest = now + between - self.most;
        let due = self.due.map_or(now + between, |due| due + between);
        self.due = Some(due.clamp(earliest, now + between));
        Some(std::mem::take(&mut self.waiting))
    }

    /// When [`Gather::show`] must be called; none where nothing waits.
    pub(super) fn latest(&self) -> Option<Instant> {
        self.latest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: Duration = Duration::from_millis(20);
    /// As long as a piece ever waits.
    const SOON: Duration = Duration::from_millis(24);

    /// What pieces that come after such pauses, in milliseconds, are shown as, and how long each waited.
    fn shown(most: Duration, pauses: &[u64]) -> (Vec<String>, Vec<Duration>) {
        let mut gather = Gather::new(most);
        let (mut shown, mut waited, mut came) = (Vec::new(), Vec::new(), Vec::new());
        let mut now = Instant::now();
        let mut say = |text: Option<String>, at: Instant, came: &mut Vec<Instant>| {
            if let Some(text) = text {
                shown.push(text);
                waited.extend(came.drain(..).map(|came| at - came));
            }
        };
        for (number, pause) in pauses.iter().enumerate() {
            let next = now + Duration::from_millis(*pause);
            if let Some(latest) = gather.latest().filter(|latest| *latest < next) {
                say(gather.show(latest), latest, &mut came);
            }
            now = next;
            came.push(now);
            say(gather.piece(format!("{number} "), now), now, &mut came);
        }
        say(gather.show(now), now, &mut came);
        assert!(came.is_empty() && gather.latest().is_none());
        (shown, waited)
    }

    #[test]
    fn fifty_pieces_a_second_are_shown_less_than_thirty_times_and_most_of_them_at_once() {
        let (shown, mut waited) = shown(MOST, &[20; 500]);
        assert!(shown.len() < 300, "{}", shown.len());
        waited.sort();
        assert_eq!(waited[waited.len() / 2], Duration::ZERO);
        assert_eq!(waited.last(), Some(&MOST));
    }

    #[test]
    fn the_first_piece_and_those_that_come_slowly_wait_for_nobody() {
        for pauses in [&[0][..], &[0, 25, 25, 25], &[0, 200, 40, 30]] {
            let (shown, waited) = shown(MOST, pauses);
            assert_eq!(shown.len(), pauses.len());
            assert!(waited.iter().all(Duration::is_zero), "{waited:?}");
        }
        let (shown, waited) = shown(Duration::ZERO, &[0; 50]);
        assert_eq!((shown.len(), waited), (50, vec![Duration::ZERO; 50]));
    }

    #[test]
    fn a_reply_that_is_there_at_once_is_shown_in_two_pieces() {
        let (shown, _) = shown(MOST, &[0; 50]);
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[0], "0 ");
    }

    proptest! {
        #[test]
        fn the_text_is_the_same_and_none_waits_for_long(
            pauses in prop::collection::vec(0u64..60, 1..80),
        ) {
            let (shown, waited) = shown(MOST, &pauses);
            let text: String = (0..pauses.len()).map(|number| format!("{number} ")).collect();
            prop_assert_eq!(shown.concat(), text);
            prop_assert_eq!(waited.len(), pauses.len());
            prop_assert!(waited.iter().all(|waited| *waited <= SOON), "{:?}", waited);
        }
    }
}
