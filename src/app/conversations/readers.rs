//! Who reads: how many streams one credential, one address and one conversation may have.
//!
//! A stream costs the server memory and a part of every event that it is shown. A token opens one
//! conversation for one browser, and anybody may make up a visitor's: so it has few streams. An
//! account's own key is its server's, which reads for many: it is counted by its address alone. Addresses
//! are counted within an account, so that nobody takes what another account's customers behind the same
//! address need.

use std::net::IpAddr;
use std::sync::Arc;

use crate::app::shares::{Held, Shares};
use crate::domain::ids::{AccountId, ConversationId};
use crate::domain::{Error, Result};

/// Seconds after which somebody else may have left.
const RETRY_AFTER_S: u64 = 10;

/// How many streams there may be at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// Of one live token or visitor's token.
    pub token: usize,
    /// Of one address in one account.
    pub address: usize,
    /// Of one conversation.
    pub conversation: usize,
}

impl Default for Caps {
    fn default() -> Self {
        Self { token: 64, address: 1_000, conversation: 10_000 }
    }
}

/// Who wants to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadBy {
    pub account: AccountId,
    /// The digest of the token that was shown; none for an account's own key.
    pub token: Option<[u8; 32]>,
    pub address: Option<IpAddr>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Share {
    Token([u8; 32]),
    Address(AccountId, Option<IpAddr>),
    Conversation(ConversationId),
}

/// All readers of this node.
#[derive(Debug, Default)]
pub struct Readers {
    caps: Caps,
    shares: Arc<Shares<Share>>,
}

/// A stream's seat; it is free again when this is dropped.
pub type Seat = Held<Share, 3>;

impl Readers {
    pub fn new(caps: Caps) -> Self {
        Self { caps, shares: Arc::default() }
    }

    /// A seat for one stream of a conversation; of none where it is only about to begin.
    ///
    /// # Errors
    /// [`Error::TooManyReaders`] where one of the shares is used up.
    pub fn seat(&self, by: &ReadBy, conversation: Option<ConversationId>) -> Result<Seat> {
        let wanted = [
            by.token.map(|token| (Share::Token(token), self.caps.token)),
            Some((Share::Address(by.account, by.address), self.caps.address)),
            conversation.map(|id| (Share::Conversation(id), self.caps.conversation)),
        ];
        self.shares.take(wanted).map_err(|share| {
            let of = match share {
                Share::Token(_) => "credential",
                Share::Address(..) => "address",
                Share::Conversation(_) => "conversation",
            };
            metrics::counter!("parlor_live_readers_refused_total", "share" => of).increment(1);
            Error::TooManyReaders { of, retry_after_s: RETRY_AFTER_S }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::clock;

    #[test]
    fn a_seat_is_refused_by_each_share_and_free_again_with_its_stream() {
        let readers = Readers::new(Caps { token: 1, address: 2, conversation: 3 });
        let (account, other, talk) = (clock::mint(), clock::mint(), Some(clock::mint()));
        let by = |account, token: Option<u8>, last: u8| ReadBy {
            account,
            token: token.map(|token| [token; 32]),
            address: Some(IpAddr::from([203, 0, 113, last])),
        };
        let refused_by = |by: ReadBy| match readers.seat(&by, talk) {
            Err(Error::TooManyReaders { of, .. }) => of,
            other => panic!("{other:?}"),
        };
        let first = readers.seat(&by(account, Some(1), 1), talk).expect("a seat");
        assert_eq!(refused_by(by(account, Some(1), 2)), "credential");
        let second = readers.seat(&by(account, None, 1), talk).expect("a seat");
        assert_eq!(refused_by(by(account, None, 1)), "address");
        let third = readers.seat(&by(other, None, 1), talk).expect("another account's");
        assert_eq!(refused_by(by(account, None, 3)), "conversation");
        drop(first);
        let again = readers.seat(&by(account, Some(1), 1), talk).expect("it is free again");
        drop((second, third, again));
    }
}
