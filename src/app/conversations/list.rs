//! The conversations of an account, newest first, a page at a time.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::app::{App, failed};
use crate::domain::Result;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ConversationId, Id as _};
use crate::domain::time::Timestamp;
use crate::projection::conversations::{self, Row};

/// States read at once.
const READS: usize = 16;
/// The end of the year 9999: nothing began later.
const LAST_MS: i64 = 253_402_300_799_999;

/// A place in the list: after one of its conversations. Written as an opaque text that is safe in a
/// URL; it stays good when the conversation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    began: Timestamp,
    conversation: ConversationId,
}

/// A text that is not a cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of this list")]
pub struct InvalidCursor;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.began.millis().to_be_bytes());
        bytes[8..].copy_from_slice(&self.conversation.bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidCursor> {
        let mut bytes = [0; 24];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).map_err(|_| InvalidCursor)?;
        let (began, id) = bytes.split_first_chunk().ok_or(InvalidCursor)?;
        let began = i64::from_be_bytes(*began);
        if length != bytes.len() || !(0..=LAST_MS).contains(&began) {
            return Err(InvalidCursor);
        }
        let id = uuid::Uuid::from_slice(id).map_err(|_| InvalidCursor)?;
        let conversation = ConversationId::from_uuid(id);
        Ok(Self { began: Timestamp::from_millis(began), conversation })
    }
}

/// A page of the list.
#[derive(Debug)]
pub struct Page {
    /// Newest first, each as it is now.
    pub conversations: Vec<Conversation>,
    /// Where the next page begins; none on the last.
    pub next: Option<Cursor>,
}

/// Up to `limit` conversations of an account that began before a place in the list. A page may have
/// fewer although another follows, where some are deleted while they are read.
///
/// # Errors
/// [`crate::domain::Error::Unavailable`] when they cannot be read now.
pub async fn list(
    app: &App,
    account: AccountId,
    before: Option<Cursor>,
    limit: usize,
) -> Result<Page> {
    let before = before.map(|cursor| (cursor.began, cursor.conversation));
    let rows = conversations::list(&*app.engine, account, before, limit.saturating_add(1));
    let mut rows = rows.await.map_err(failed)?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more).copied();
    let next = last.map(|Row { at, conversation, .. }| Cursor { began: at, conversation });
    let states = rows.into_iter().map(|row| app.engine.conversation(account, row.conversation));
    let states = stream::iter(states.collect::<Vec<_>>()).buffered(READS);
    let states: Vec<_> = states.try_collect().await.map_err(failed)?;
    let there = |state: &Conversation| !state.deleted;
    let conversations = states.into_iter().flatten().filter(there).collect();
    Ok(Page { conversations, next })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_back_as_written(began in 0..=LAST_MS, id in any::<u128>()) {
            let conversation = ConversationId::from_uuid(uuid::Uuid::from_u128(id));
            let cursor = Cursor { began: Timestamp::from_millis(began), conversation };
            let text = cursor.to_string();
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
            prop_assert_eq!(text.parse(), Ok(cursor));
        }

        #[test]
        fn what_parses_is_written_as_it_was(text in "[A-Za-z0-9_-]{30,34}|AA[A-Za-z0-9_-]{30}|.*") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text);
            }
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let good = Cursor {
            began: Timestamp::from_millis(1_750_000_000_000),
            conversation: ConversationId::from_uuid(uuid::Uuid::from_u128(7)),
        }
        .to_string();
        let far = URL_SAFE_NO_PAD.encode([255; 24]);
        for text in ["", "cv_7", "🙂", &good[1..], &format!("{good}A"), &format!("{good}="), &far]
        {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
