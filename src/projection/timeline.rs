//! `timeline`: the events of one conversation in order, as its readers see them.

use crate::domain::event::Event;

/// Whether an applied event stands in its conversation's timeline: all that name one do.
pub fn keeps(event: &Event) -> bool {
    event.body.conversation().is_some()
}
