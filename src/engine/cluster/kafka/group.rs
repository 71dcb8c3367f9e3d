//! Groups: the nodes that project into one keyspace.
//!
//! There is one, except while nodes move to another keyspace (`parlor rebuild`). Then each partition has
//! an owner in both groups, and what an owner tells is true of its own keyspace only. So notes and
//! notices say of which group they are. The owner of the first partition tells every node, every
//! second, that its group keeps up with the log; while there is such another group an append is
//! answered once both keyspaces show it, so that whoever was answered by one node finds it on any. A
//! node that begins a group is ready when the group keeps up.

use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use tokio::time::Instant;
use uuid::Uuid;

use super::super::core::Core;
use super::super::kafka::{PATIENCE, QuietConsumer, client_error};
use crate::domain::seq::Seq;
use crate::engine::{Error, Result, Topic};

/// How long a node that begins a group waits to keep up.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A keyspace, as records name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) struct Group(u32);

impl Group {
    pub(in super::super) fn of(keyspace: &str) -> Self {
        Self(murmur2::murmur2(keyspace.as_bytes(), 0))
    }

    pub(in super::super) fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    pub(in super::super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(u32::from_be_bytes(bytes)))
    }
}

/// The key of a record of `parlor.applied`: for which node it is, and which group says it. What is for no
/// node says that the group keeps up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Address {
    pub(in super::super) node: Uuid,
    pub(in super::super) group: Group,
}

impl Address {
    pub(in super::super) fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..16].copy_from_slice(self.node.as_bytes());
        bytes[16..].copy_from_slice(&self.group.to_bytes());
        bytes
    }

    pub(in super::super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (node, group) = bytes.split_at_checked(16)?;
        Some(Self { node: Uuid::from_slice(node).ok()?, group: Group::from_bytes(group)? })
    }
}

/// Tells every node that this one's group keeps up.
pub(in super::super) fn tell(core: &Core) {
    let address = Address { node: Uuid::nil(), group: core.group };
    for inbox in 0..core.settings.inboxes() {
        core.producer.signal(&core.settings.applied(), inbox, &address.to_bytes(), &[]);
    }
}

/// The groups that have nodes. Blocks.
///
/// # Errors
/// When Kafka does not say.
pub(in super::super) fn present(core: &Core, consumer: &QuietConsumer) -> Result<Vec<Group>> {
    let groups = consumer.fetch_group_list(None, PATIENCE).map_err(client_error)?;
    let all = core.settings.group("");
    let ours = groups.groups().iter().filter(|group| !group.members().is_empty());
    Ok(ours.filter_map(|group| group.name().strip_prefix(&all)).map(Group::of).collect())
}

/// Whether nodes of another group project; no, where Kafka does not say. Blocks.
pub(in super::super) fn are_others(core: &Core, consumer: &QuietConsumer) -> bool {
    let groups = present(core, consumer).unwrap_or_else(|error| {
        tracing::warn!(%error, "the consumer groups cannot be listed");
        Vec::new()
    });
    groups.iter().any(|group| *group != core.group)
}

/// Whether nothing of the log is in the views, though there is something.
///
/// # Errors
/// When it cannot be found out.
pub(in super::super) async fn is_empty(core: &Core) -> Result<bool> {
    for partition in 0..core.settings.partitions {
        if core.cql.checkpoint(partition).await?.is_some() {
            return Ok(false);
        }
    }
    for partition in 0..core.settings.partitions {
        if core.reader.end(Topic::Events, partition).await? > Seq::START {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits until the own group is heard to keep up, and has all that was in the log.
///
/// # Errors
/// [`Error::ReadOnly`] when it takes too long.
pub(in super::super) async fn keeps_up(core: &Core) -> Result<()> {
    tracing::info!(core.keyspace, "waiting until this keyspace keeps up with the log");
    let deadline = Instant::now() + BEGIN_TIMEOUT;
    let mut ends = Vec::new();
    for partition in 0..core.settings.partitions {
        ends.push(core.reader.end(Topic::Events, partition).await?);
    }
    loop {
        if core.appends.keeps_up() && shows(core, &ends).await? {
            return Ok(());
        }
        if Instant::now() > deadline {
            let keyspace = &core.keyspace;
            let problem = format!("keyspace {keyspace} does not keep up with the log");
            return Err(Error::ReadOnly(problem));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn shows(core: &Core, ends: &[Seq]) -> Result<bool> {
    for (partition, end) in (0..).zip(ends) {
        if core.cql.checkpoint(partition).await?.unwrap_or_default().seq < *end {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_address_is_read_back_as_written(node in any::<u128>(), keyspace in "[a-z]{1,9}") {
            let address = Address { node: Uuid::from_u128(node), group: Group::of(&keyspace) };
            prop_assert_eq!(Address::from_bytes(&address.to_bytes()), Some(address));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in any::<Vec<u8>>()) {
            let _ = Address::from_bytes(&bytes);
        }
    }
}
