//! `totals`: per account and partition, how many messages it has taken and given.
//!
//! Absolute values, written with the checkpoint by whoever folds the partition in order.

use serde::{Deserialize, Serialize};

use crate::domain::event::{Body, Event};
use crate::domain::ids::AccountId;

/// What an account has used in one partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Inbound messages, which is what credits count.
    pub inbound: u64,
    pub outbound: u64,
}

/// One message more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub account: AccountId,
    pub inbound: bool,
}

/// A change for each applied message.
pub fn project(event: &Event) -> Option<Change> {
    match event.body {
        Body::MessageInbound(_) => Some(Change { account: event.account, inbound: true }),
        Body::MessageOutbound(_) => Some(Change { account: event.account, inbound: false }),
        _ => None,
    }
}

impl Totals {
    /// Counts one message.
    pub fn add(&mut self, change: Change) {
        if change.inbound {
            self.inbound += 1;
        } else {
            self.outbound += 1;
        }
    }
}
