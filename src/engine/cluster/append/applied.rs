//! What the owner of a partition tells the nodes whose events it has put into the views.
//!
//! Every event's record carries a [`Tag`]: the node that waits for it and the partition of
//! `parlor.applied` that this node reads (its inbox). One record there holds notes for one node.
//! A note that gets lost costs time, not truth: the waiting node then asks the views.

use uuid::Uuid;

use crate::domain::conversation::{Effect, Why};
use crate::domain::seq::Seq;

/// Who waits for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Tag {
    pub(in super::super) node: Uuid,
    /// The partition of `parlor.applied` that the node reads.
    pub(in super::super) inbox: u32,
    /// The node's number for the append.
    pub(in super::super) append: u64,
    /// Which of the append's events this is.
    pub(in super::super) index: u16,
    /// Others of the append come right after it.
    pub(in super::super) more: bool,
}

/// What became of one event of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Note {
    pub(in super::super) append: u64,
    pub(in super::super) index: u16,
    pub(in super::super) seq: Seq,
    pub(in super::super) effect: Effect,
}

/// A tag was so many bytes once; a text is longer, for its node alone.
const FORMER_BYTES: usize = 31;
const NOTE_BYTES: usize = 19;

impl Tag {
    /// Text, as all headers are: many readers decode every one.
    pub(in super::super) fn to_text(self) -> String {
        let Self { node, inbox, append, index, more } = self;
        format!("{node} {inbox} {append} {index} {}", u8::from(more))
    }

    /// Reads a header's value, also in the form that it once had.
    pub(in super::super) fn from_header(value: &[u8]) -> Option<Self> {
        if value.len() == FORMER_BYTES {
            return Self::from_former(value);
        }
        let mut parts = std::str::from_utf8(value).ok()?.split(' ');
        let tag = Self {
            node: parts.next()?.parse().ok()?,
            inbox: parts.next()?.parse().ok()?,
            append: parts.next()?.parse().ok()?,
            index: parts.next()?.parse().ok()?,
            more: parts.next()? != "0",
        };
        parts.next().is_none().then_some(tag)
    }

    fn from_former(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            node: Uuid::from_slice(&bytes[..16]).ok()?,
            inbox: u32::from_be_bytes(bytes[16..20].try_into().ok()?),
            append: u64::from_be_bytes(bytes[20..28].try_into().ok()?),
            index: u16::from_be_bytes(bytes[28..30].try_into().ok()?),
            more: bytes[30] != 0,
        })
    }
}

/// Notes for one node, as the value of a record.
pub(in super::super) fn to_bytes(notes: &[Note]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(notes.len() * NOTE_BYTES);
    for note in notes {
        bytes.extend_from_slice(&note.append.to_be_bytes());
        bytes.extend_from_slice(&note.index.to_be_bytes());
        bytes.extend_from_slice(&note.seq.get().to_be_bytes());
        bytes.push(code(note.effect));
    }
    bytes
}

/// The notes of a record; what is not one is left out.
pub(in super::super) fn from_bytes(bytes: &[u8]) -> impl Iterator<Item = Note> {
    bytes.chunks_exact(NOTE_BYTES).filter_map(|bytes| {
        Some(Note {
            append: u64::from_be_bytes(bytes[..8].try_into().ok()?),
            index: u16::from_be_bytes(bytes[8..10].try_into().ok()?),
            seq: Seq::new(u64::from_be_bytes(bytes[10..18].try_into().ok()?)),
            effect: effect(bytes[18])?,
        })
    })
}

macro_rules! codes {
    ($($code:literal = $why:ident,)+) => {
        fn code(effect: Effect) -> u8 {
            match effect {
                Effect::Applied => 0,
                $(Effect::Discarded(Why::$why) => $code,)+
            }
        }

        /// None for what a later release knows.
        fn effect(code: u8) -> Option<Effect> {
            match code {
                0 => Some(Effect::Applied),
                $($code => Some(Effect::Discarded(Why::$why)),)+
                _ => None,
            }
        }
    };
}

// Permanent.
codes! {
    1 = AlreadyApplied,
    2 = AlreadyThere,
    3 = Unknown,
    4 = PeopleTookOver,
    5 = TurnIsClosed,
    6 = OlderTurnIsOwed,
    7 = NoChange,
    8 = NotConcerned,
    9 = Deleted,
    10 = KeyIsUsed,
    11 = LookedTooLongAgo,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn notes() -> impl Strategy<Value = Vec<Note>> {
        let effects: Vec<_> = (0..=u8::MAX).filter_map(effect).collect();
        let note = (any::<u64>(), any::<u16>(), any::<u64>(), proptest::sample::select(effects));
        let note = note.prop_map(|(append, index, seq, effect)| {
            let seq = Seq::new(seq);
            Note { append, index, seq, effect }
        });
        proptest::collection::vec(note, 0..20)
    }

    /// As releases wrote it before it was text.
    fn former(tag: Tag) -> Vec<u8> {
        let mut bytes = tag.node.as_bytes().to_vec();
        bytes.extend(tag.inbox.to_be_bytes());
        bytes.extend(tag.append.to_be_bytes());
        bytes.extend(tag.index.to_be_bytes());
        bytes.push(u8::from(tag.more));
        bytes
    }

    proptest! {
        #[test]
        fn notes_are_read_back_as_written(notes in notes()) {
            let bytes = to_bytes(&notes);
            prop_assert_eq!(from_bytes(&bytes).collect::<Vec<_>>(), notes);
        }

        #[test]
        fn a_tag_is_read_back_as_written(node in any::<u128>(), inbox in any::<u32>(), append in any::<u64>(), index in any::<u16>(), more in any::<bool>()) {
            let tag = Tag { node: Uuid::from_u128(node), inbox, append, index, more };
            prop_assert_eq!(Tag::from_header(tag.to_text().as_bytes()), Some(tag));
            prop_assert_eq!(Tag::from_header(&former(tag)), Some(tag));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in any::<Vec<u8>>()) {
            let _ = (Tag::from_header(&bytes), from_bytes(&bytes).count());
        }
    }
}
