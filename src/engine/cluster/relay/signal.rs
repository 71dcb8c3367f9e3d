//! The records of `parlor.replies`: notices of what is in the views, and signals between hubs.
//!
//! The format is ours alone and may change with any version; records live for an hour.

use uuid::Uuid;

use super::super::kafka::group::Group;
use crate::domain::ids::{ConversationId, Id};
use crate::domain::seq::Seq;
use crate::engine::relay::Signal;

/// Whoever owns a partition tells that events up to a place are in the views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Notice {
    /// Where the notice before ended; a hole shows that one was lost.
    pub(in super::super) after: Seq,
    pub(in super::super) upto: Seq,
    /// Conversations whose timelines have grown, and up to where.
    pub(in super::super) conversations: Vec<(ConversationId, Seq)>,
}

/// The value of a record.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Message {
    Notice(Notice),
    Signal(Signal),
}

/// The key of a record: which node of which group said it, and of which conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Origin {
    pub(in super::super) node: Uuid,
    pub(in super::super) group: Group,
    pub(in super::super) conversation: ConversationId,
}

const NOTICE: u8 = b'N';
const SIGNAL: u8 = b'S';

impl Origin {
    pub(in super::super) fn to_bytes(self) -> [u8; 36] {
        let mut bytes = [0; 36];
        bytes[..16].copy_from_slice(self.node.as_bytes());
        bytes[16..20].copy_from_slice(&self.group.to_bytes());
        bytes[20..].copy_from_slice(&self.conversation.bytes());
        bytes
    }

    pub(in super::super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 36 {
            return None;
        }
        let node = Uuid::from_slice(&bytes[..16]).ok()?;
        let group = Group::from_bytes(&bytes[16..20])?;
        let conversation = ConversationId::from_uuid(Uuid::from_slice(&bytes[20..]).ok()?);
        Some(Self { node, group, conversation })
    }
}

impl Message {
    pub(in super::super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Notice(notice) => {
                let mut bytes = Vec::with_capacity(17 + 24 * notice.conversations.len());
                bytes.push(NOTICE);
                bytes.extend_from_slice(&notice.after.get().to_be_bytes());
                bytes.extend_from_slice(&notice.upto.get().to_be_bytes());
                for (conversation, upto) in &notice.conversations {
                    bytes.extend_from_slice(&conversation.bytes());
                    bytes.extend_from_slice(&upto.get().to_be_bytes());
                }
                bytes
            }
            Self::Signal(signal) => {
                let mut bytes = vec![SIGNAL];
                // These types cannot fail to serialize; an empty signal is read as none.
                serde_json::to_writer(&mut bytes, signal).ok();
                bytes
            }
        }
    }

    pub(in super::super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        match *kind {
            NOTICE => {
                let (places, conversations) = rest.split_at_checked(16)?;
                let place = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
                let grown = |bytes: &[u8]| {
                    let id = ConversationId::from_uuid(Uuid::from_slice(&bytes[..16]).ok()?);
                    Some((id, Seq::new(place(&bytes[16..])?)))
                };
                Some(Self::Notice(Notice {
                    after: Seq::new(place(&places[..8])?),
                    upto: Seq::new(place(&places[8..])?),
                    conversations: conversations.chunks_exact(24).filter_map(grown).collect(),
                }))
            }
            SIGNAL => serde_json::from_slice(rest).ok().map(Self::Signal),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_notice_is_read_back_as_written(
            after in any::<u64>(),
            upto in any::<u64>(),
            ids in proptest::collection::vec((any::<u128>(), any::<u64>()), 0..9),
        ) {
            let id = |bits| ConversationId::from_uuid(Uuid::from_u128(bits));
            let grown = |(bits, upto)| (id(bits), Seq::new(upto));
            let conversations = ids.into_iter().map(grown).collect();
            let notice = Notice { after: Seq::new(after), upto: Seq::new(upto), conversations };
            let message = Message::Notice(notice);
            prop_assert_eq!(Message::from_bytes(&message.to_bytes()), Some(message));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in any::<Vec<u8>>()) {
            let _ = (Message::from_bytes(&bytes), Origin::from_bytes(&bytes));
        }
    }

    #[test]
    fn a_signal_is_read_back_as_written() {
        let message = Message::Signal(Signal::Alive { attempt: 7, followed: true });
        assert_eq!(Message::from_bytes(&message.to_bytes()), Some(message));
    }
}
