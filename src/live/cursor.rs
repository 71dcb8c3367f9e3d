//! A reader's place in a conversation's feed.
//!
//! Between replies it is a position in the log. Inside a reply it also says which reply, how many
//! characters of it were seen, and a hash of them. So chunks need not be kept: after a restart the
//! reply is made anew, and when its beginning hashes to the same the reader goes on at the very
//! character; when not, it is told to start the reply over.
//!
//! Written `seq` or `seq~reply~offset~hash`; opaque to clients, safe in a URL and in an SSE `id`.

use std::fmt;
use std::hash::Hasher;
use std::str::FromStr;

use fnv::FnvHasher;

use crate::domain::ids::{Id, MessageId};
use crate::domain::seq::Seq;

/// Where a reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cursor {
    pub seq: Seq,
    pub reply: Option<InReply>,
}

/// How much of a reply a reader has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InReply {
    /// Names the reply among those of its conversation.
    pub tag: u64,
    pub seen: Prefix,
}

/// The beginning of a text: its length in characters and its FNV-1a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    pub chars: u64,
    pub hash: u64,
}

/// A text that is not a cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this conversation")]
pub struct InvalidCursor;

impl Cursor {
    /// Before everything.
    pub const START: Self = Self { seq: Seq::START, reply: None };

    pub const fn at(seq: Seq) -> Self {
        Self { seq, reply: None }
    }
}

/// The part of a reply's id that stands in cursors.
pub fn tag(reply: MessageId) -> u64 {
    let (_, low) = reply.uuid().as_u64_pair();
    low
}

impl Prefix {
    /// Nothing seen yet.
    pub fn empty() -> Self {
        Self { chars: 0, hash: FnvHasher::default().finish() }
    }

    /// This prefix with `text` after it.
    pub fn extended(self, text: &str) -> Self {
        let mut hasher = FnvHasher::with_key(self.hash);
        hasher.write(text.as_bytes());
        Self { chars: self.chars + text.chars().count() as u64, hash: hasher.finish() }
    }

    /// What of `text` comes after this prefix; none when `text` does not begin with it.
    pub fn rest_of<'a>(&self, text: &'a str) -> Option<&'a str> {
        let (seen, rest) = split_chars(text, self.chars)?;
        (Self::empty().extended(seen) == *self).then_some(rest)
    }
}

/// Splits after `count` characters; none when there are fewer.
pub fn split_chars(text: &str, count: u64) -> Option<(&str, &str)> {
    let count = usize::try_from(count).ok()?;
    let mut places = text.char_indices().map(|(place, _)| place).chain([text.len()]);
    places.nth(count).map(|place| text.split_at(place))
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seq)?;
        if let Some(InReply { tag, seen }) = &self.reply {
            let (tag, hash) = (base62::encode_fmt(*tag), base62::encode_fmt(seen.hash));
            write!(f, "~{tag}~{}~{hash}", seen.chars)?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut parts = text.split('~');
        let seq = Seq::new(number(parts.next())?);
        let Some(tag) = parts.next() else { return Ok(Self::at(seq)) };
        let chars = number(parts.next())?;
        let hash = base62_u64(parts.next().ok_or(InvalidCursor)?)?;
        if parts.next().is_some() {
            return Err(InvalidCursor);
        }
        let reply = InReply { tag: base62_u64(tag)?, seen: Prefix { chars, hash } };
        Ok(Self { seq, reply: Some(reply) })
    }
}

fn number(part: Option<&str>) -> Result<u64, InvalidCursor> {
    let part = part.filter(|part| part.bytes().all(|b| b.is_ascii_digit()));
    part.and_then(|part| part.parse().ok()).ok_or(InvalidCursor)
}

fn base62_u64(part: &str) -> Result<u64, InvalidCursor> {
    if part.is_empty() || part.len() > 11 {
        return Err(InvalidCursor);
    }
    let value = base62::decode(part).map_err(|_| InvalidCursor)?;
    u64::try_from(value).map_err(|_| InvalidCursor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back_as_written(
            seq in any::<u64>(),
            reply in proptest::option::of((any::<u64>(), any::<u64>(), any::<u64>())),
        ) {
            let reply = reply
                .map(|(tag, chars, hash)| InReply { tag, seen: Prefix { chars, hash } });
            let cursor = Cursor { seq: Seq::new(seq), reply };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn no_text_is_too_strange_to_be_refused(text in ".*") {
            let _ = text.parse::<Cursor>();
        }

        #[test]
        fn a_prefix_finds_the_rest_of_its_own_text(text in ".*", other in ".+", cut in 0usize..40) {
            let chars: Vec<char> = text.chars().collect();
            let cut = cut.min(chars.len());
            let head: String = chars[..cut].iter().collect();
            let tail: String = chars[cut..].iter().collect();
            let seen = Prefix::empty().extended(&head);
            prop_assert_eq!(seen.rest_of(&text), Some(tail.as_str()));
            let different = format!("{other}{text}");
            if !different.starts_with(&head) {
                prop_assert_eq!(seen.rest_of(&different), None);
            }
        }
    }
}
