//! The thread that tails what this node must hear without owning it: administration from its
//! beginning, the node's inbox, and the partitions that its readers need.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer as _;
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::super::append::applied;
use super::super::core::Core;
use super::super::kafka::group::Address;
use super::super::kafka::reader::watermarks;
use super::super::kafka::record::{event_of, seq_of};
use super::super::kafka::{QuietConsumer, client_error};
use crate::engine::{Recorded, Result, Topic};

const WAIT: Duration = Duration::from_millis(100);

/// Sets a consumer to where the tails begin. Blocks.
pub(in super::super) fn assign(core: &Core, consumer: &QuietConsumer) -> Result<()> {
    let (_, end) = watermarks(consumer, &core.settings.applied(), core.inbox)?;
    let mut list = TopicPartitionList::new();
    let inbox = i32::try_from(core.inbox).unwrap_or(i32::MAX);
    list.add_partition_offset(&core.settings.applied(), inbox, Offset::Offset(end))
        .and_then(|()| {
            let accounts = core.settings.log_now(Topic::Accounts);
            list.add_partition_offset(&accounts, 0, Offset::Beginning)
        })
        .and_then(|()| consumer.incremental_assign(&list))
        .map_err(client_error)
}

/// Tails until `core.closing`.
///
/// # Errors
/// When there can be no thread.
pub(in super::super) fn start(
    core: &Arc<Core>,
    consumer: Arc<QuietConsumer>,
) -> Result<std::thread::JoinHandle<()>> {
    let core = core.clone();
    let thread = std::thread::Builder::new().name("parlor-tail".into());
    thread.spawn(move || run(&core, &consumer)).map_err(super::super::core::thread_error)
}

fn run(core: &Core, consumer: &QuietConsumer) {
    let (applied, replies) = (core.settings.applied(), core.settings.replies());
    while !core.closing.is_cancelled() {
        match consumer.poll(WAIT) {
            Some(Ok(message)) if message.topic() == applied => note(core, &message),
            Some(Ok(message)) if message.topic() == replies => {
                let partition = u32::try_from(message.partition()).unwrap_or(u32::MAX);
                let key = message.key().unwrap_or_default();
                core.relay.hear(partition, key, message.payload().unwrap_or_default());
            }
            Some(Ok(message)) => administration(core, &message),
            Some(Err(error)) => core.polling.failed("tail", &error),
            None => {}
        }
    }
}

fn note(core: &Core, message: &BorrowedMessage<'_>) {
    let Some(Address { node, group }) = message.key().and_then(Address::from_bytes) else { return };
    if node == core.node {
        for note in applied::from_bytes(message.payload().unwrap_or_default()) {
            core.appends.applied(group, note);
        }
    } else if node.is_nil() {
        core.appends.heard(group);
    }
}

fn administration(core: &Core, message: &BorrowedMessage<'_>) {
    let seq = seq_of(1, message.offset());
    match event_of(message) {
        Ok((event, tag)) => {
            core.observer.committed(&[Recorded { seq, event: Arc::new(event) }]);
            if let Some(tag) = tag.filter(|tag| tag.node == core.node) {
                core.appends.recorded(tag.append, tag.index, seq);
            }
        }
        Err(error) => tracing::error!(%error, %seq, "a record of administration is no event"),
    }
}
