//! What all nodes know, while two releases run side by side.
//!
//! A node that folds passes over types of events that it does not know, for good. So a new type is written
//! only once every node knows it, and so is a field that the fold goes by. A node says how much it knows in
//! the name that its Kafka clients have (`client.id`), which Kafka tells of every member of a group. Nothing is
//! stored, and nobody must be heard in time: who is no member folds nothing.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use rdkafka::consumer::Consumer as _;

use super::kafka::{PATIENCE, QuietConsumer, Settings, client_error};
use crate::domain::event::{Body, Event};
use crate::engine::{Error, Result};

/// What the name of a client begins with; how much it knows follows.
const CLIENT: &str = "parlor-";
/// Looks between two at the members of the groups, once all nodes know what this one knows.
const LOOKS: u32 = 10;
/// How many looks an older node must be gone for: it may only be restarting.
const GONE: u32 = 30;

/// The name of this node's clients.
pub(super) fn client_id() -> String {
    format!("{CLIENT}{}", Body::knowledge())
}

/// How much a member knows, by the name of its client.
fn known_to(client: &str) -> usize {
    let number = client.strip_prefix(CLIENT).and_then(|number| number.parse().ok());
    number.unwrap_or(Body::KNOWN_TO_ALL)
}

/// How much every node knows.
pub(super) struct Releases {
    known: AtomicUsize,
    /// Counts down to the next look.
    wait: AtomicU32,
    /// Counts down to when an older node that is not seen any more is taken to be gone.
    gone: AtomicU32,
}

impl Default for Releases {
    fn default() -> Self {
        let known = AtomicUsize::new(Body::KNOWN_TO_ALL);
        Self { known, wait: AtomicU32::new(0), gone: AtomicU32::new(0) }
    }
}

impl Releases {
    /// Looks which releases the nodes are of, as often as it is called while an older one is there, and
    /// seldom where there is none. Blocks.
    ///
    /// # Errors
    /// When Kafka does not say.
    pub(super) fn look(&self, settings: &Settings, consumer: &QuietConsumer) -> Result<()> {
        let wait = self.wait.load(Ordering::Relaxed);
        if wait > 0 {
            self.wait.store(wait - 1, Ordering::Relaxed);
            return Ok(());
        }
        let groups = consumer.fetch_group_list(None, PATIENCE).map_err(client_error)?;
        let ours = settings.group("");
        let ours = groups.groups().iter().filter(|group| group.name().starts_with(&ours));
        let clients: Vec<_> = ours
            .flat_map(|group| group.members().iter().map(|member| member.client_id().to_owned()))
            .collect();
        self.note(clients.iter().map(String::as_str));
        Ok(())
    }

    /// The next look is not put off: a node has come or gone.
    pub(super) fn look_again(&self) {
        self.wait.store(0, Ordering::Relaxed);
    }

    fn note<'a>(&self, clients: impl Iterator<Item = &'a str>) {
        let own = Body::knowledge();
        let seen = clients.map(known_to).fold(own, usize::min);
        let gone = self.gone.load(Ordering::Relaxed);
        if seen < own {
            if self.known.swap(seen, Ordering::Relaxed) != seen {
                tracing::info!(known = seen, own, "an older release runs beside this one");
            }
            self.gone.store(GONE, Ordering::Relaxed);
        } else if gone > 0 {
            self.gone.store(gone - 1, Ordering::Relaxed);
        } else {
            self.known.store(seen, Ordering::Relaxed);
            self.wait.store(LOOKS, Ordering::Relaxed);
        }
    }

    /// Whether every node knows these events. What not every fold minds is left out of them.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] for one that a node would pass over; nothing may be written then.
    pub(super) fn check(&self, events: &mut [Event]) -> Result<()> {
        let known = self.known.load(Ordering::Relaxed);
        if known >= Body::knowledge() {
            return Ok(());
        }
        if !Body::are_keys_minded_by(known) {
            events
                .iter_mut()
                .filter_map(|event| event.body.key_mut())
                .for_each(|key| key.seen = None);
        }
        match events.iter().find(|event| !event.body.is_known_to(known)) {
            Some(event) => Err(Error::ReadOnly(format!(
                "a node of an older release is running, which does not know {}; upgrade it first",
                event.body.name()
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<Event> {
        let lines = include_str!("../../../tests/it/events.v1.jsonl").lines();
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_type_is_written_once_every_node_knows_it() {
        let (mut others, mut newest): (Vec<_>, Vec<_>) =
            examples().into_iter().partition(|event| event.body.is_known_to(Body::KNOWN_TO_ALL));
        assert!(!newest.is_empty() && !others.is_empty());
        let now = client_id();
        let begins = Releases::default();
        begins.check(&mut others).unwrap();
        assert!(begins.check(&mut newest).is_err(), "nobody has looked yet");
        for (clients, knows) in [
            (vec![now.as_str(), "parlor-3"], false),
            (vec![now.as_str()], true),
            // A release that says nothing of what it knows.
            (vec![now.as_str(), "parlor"], Body::NAMES.len() == Body::KNOWN_TO_ALL),
            (vec!["parlor-999"], true),
            (vec![], true),
        ] {
            let releases = Releases::default();
            releases.note(clients.iter().copied());
            assert_eq!(releases.check(&mut newest).is_ok(), knows, "{clients:?}");
        }
        let releases = Releases::default();
        releases.note(["parlor"].into_iter());
        releases.check(&mut others).unwrap();
        // It may come back: it is not gone at once.
        for _ in 0..GONE {
            releases.note([now.as_str()].into_iter());
            assert!(releases.check(&mut newest).is_err());
        }
        releases.note([now.as_str()].into_iter());
        releases.check(&mut newest).unwrap();
    }

    #[test]
    fn types_are_only_ever_added_at_the_end() {
        let first = [
            "contact.created",
            "contact.updated",
            "conversation.started",
            "conversation.updated",
            "conversation.escalated",
            "conversation.assigned",
            "conversation.resolved",
            "conversation.reopened",
            "conversation.deleted",
            "message.inbound",
            "message.outbound",
            "reply.stopped",
            "reply.discarded",
            "reply.failed",
            "account.created",
            "key.issued",
            "key.revoked",
            "bot.drafted",
            "bot.deployed",
            "bot.withdrawn",
            "agent.updated",
            "settings.changed",
            "conversation.read",
            "secret.rotated",
        ];
        assert_eq!(&Body::NAMES[..first.len()], first);
        assert!(Body::KNOWN_TO_ALL <= Body::NAMES.len());
    }
}
