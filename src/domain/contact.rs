//! The fold of a contact.
//!
//! Two callers may send the same change at once; both land in the log. The fold keeps what really
//! changes: a `contact.updated` that changes nothing any more is discarded.

use serde::{Deserialize, Serialize};

use super::conversation::{Effect, Why};
use super::event::{Body, ContactField, Event};
use super::ids::{AccountId, ContactId};
use super::message::Channel;
use super::seq::Seq;
use super::text::{Email, PersonName, Phone};
use super::time::Timestamp;
use super::variables::Variables;

/// The variables that a contact tells of itself; no bot's to set.
pub const TOLD: [&str; 3] = ["contact.name", "contact.email", "contact.phone"];

/// A person who chats, as of `last_seq`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub id: ContactId,
    pub account: AccountId,
    pub name: PersonName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    pub channel: Channel,
    pub source: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When the contact last wrote or first appeared.
    pub last_seen: Timestamp,
    pub last_seq: Seq,
}

/// What a caller tells about a contact; absent means unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    pub name: Option<PersonName>,
    pub email: Option<Email>,
    pub phone: Option<Phone>,
}

impl Contact {
    /// The contact that a `contact.created` makes; none for any other event.
    pub fn created(seq: Seq, event: &Event) -> Option<Self> {
        let Body::ContactCreated(data) = &event.body else { return None };
        Some(Self {
            id: data.contact_id,
            account: event.account,
            name: data.name.clone(),
            email: data.email.clone(),
            phone: data.phone.clone(),
            channel: data.channel,
            source: data.source.clone(),
            created_at: event.at,
            updated_at: event.at,
            last_seen: event.at,
            last_seq: seq,
        })
    }

    /// Folds one event in. What the contact has already seen is discarded, so that a replay
    /// changes nothing.
    pub fn apply(&mut self, seq: Seq, event: &Event) -> Effect {
        if seq <= self.last_seq {
            return Effect::Discarded(Why::AlreadyApplied);
        }
        self.last_seq = seq;
        match &event.body {
            Body::ContactUpdated(data) => {
                let mut changed = false;
                for field in &data.changed_fields {
                    changed |= match field {
                        ContactField::Name => replace(&mut self.name, &data.name),
                        ContactField::Email => replace(&mut self.email, &data.email),
                        ContactField::Phone => replace(&mut self.phone, &data.phone),
                    };
                }
                if !changed {
                    return Effect::Discarded(Why::NoChange);
                }
                self.updated_at = event.at;
                Effect::Applied
            }
            Body::MessageInbound(_) => {
                self.last_seen = self.last_seen.max(event.at);
                Effect::Applied
            }
            Body::ContactCreated(_) => Effect::Discarded(Why::AlreadyThere),
            _ => Effect::Discarded(Why::NotConcerned),
        }
    }

    /// Tells a bot who this is, as far as that is known: [`TOLD`]. A name that was made up for who
    /// gave none is not told, so that a bot can tell the two apart.
    pub fn tell(&self, variables: &mut Variables) {
        if self.name != PersonName::guest(self.id) {
            variables.set("contact.name", self.name.as_str());
        }
        if let Some(email) = &self.email {
            variables.set("contact.email", email.as_str());
        }
        if let Some(phone) = &self.phone {
            variables.set("contact.phone", phone.as_str());
        }
    }

    /// Which fields `details` would really change.
    pub fn changes(&self, details: &Details) -> Vec<ContactField> {
        let mut changed = Vec::new();
        if details.name.as_ref().is_some_and(|name| *name != self.name) {
            changed.push(ContactField::Name);
        }
        if details.email.is_some() && details.email != self.email {
            changed.push(ContactField::Email);
        }
        if details.phone.is_some() && details.phone != self.phone {
            changed.push(ContactField::Phone);
        }
        changed
    }
}

fn replace<T: PartialEq + Clone>(old: &mut T, new: &T) -> bool {
    let changed = old != new;
    if changed {
        *old = new.clone();
    }
    changed
}

#[cfg(test)]
mod tests;
