//! Identifiers: 128 random-and-time bits (UUIDv7 when minted) behind one newtype per noun.
//!
//! A written id is canonical: exactly one spelling parses to it, so ids compare as text too.
//! Prefixed ids are `<prefix><base62>`; message ids are 32 lowercase hex digits, as in AeroChat's
//! examples. Minting lives in `app::clock::mint`: the core has neither a clock nor randomness.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A text that is not an id of the expected kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct InvalidId(pub &'static str);

/// What all ids share: they are made from and kept as a UUID.
pub trait Id: Copy {
    fn from_uuid(uuid: Uuid) -> Self;
    fn uuid(self) -> Uuid;
    /// The 16 bytes that stand in storage keys.
    fn bytes(self) -> [u8; 16] {
        *self.uuid().as_bytes()
    }
}

fn parse_base62(prefixes: &[&str], text: &str) -> Option<Uuid> {
    let digits = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix))?;
    if digits.is_empty() || digits.len() > 22 {
        return None;
    }
    let value = base62::decode(digits).ok()?;
    let mut buffer = [0u8; 22];
    let written = base62::encode_bytes(value, &mut buffer).ok()?;
    (&buffer[..written] == digits.as_bytes()).then(|| Uuid::from_u128(value))
}

fn write_base62(prefix: &str, uuid: Uuid, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut buffer = [0u8; 22];
    let written = base62::encode_bytes(uuid.as_u128(), &mut buffer).map_err(|_| fmt::Error)?;
    f.write_str(prefix)?;
    f.write_str(std::str::from_utf8(&buffer[..written]).map_err(|_| fmt::Error)?)
}

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $prefix:literal $(, $alias:literal)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_base62($prefix, self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_base62(&[$prefix $(, $alias)*], text).map(Self).ok_or(InvalidId($noun))
            }
        }

        text_id!($name, concat!("^", $prefix, "[0-9A-Za-z]{1,22}$"));
    };
}

macro_rules! text_id {
    ($name:ident, $pattern:expr) => {
        impl Id for $name {
            fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }
            fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

prefixed_id!(
    /// A tenant.
    AccountId, "account id", "ac_"
);
prefixed_id!(
    /// A person who chats.
    ContactId, "contact id", "ct_"
);
prefixed_id!(
    /// A thread of messages; also read when spelled `conv_…`.
    ConversationId, "conversation id", "cv_", "conv_"
);
prefixed_id!(
    /// An event in the log; a webhook's idempotency key.
    EventId, "event id", "evt_"
);
prefixed_id!(
    /// An API key's public name; the key itself is a secret.
    KeyId, "key id", "key_"
);
prefixed_id!(
    /// A bot, over all its versions.
    BotId, "bot id", "bot_"
);
prefixed_id!(
    /// A person who answers on behalf of an account.
    AgentId, "agent id", "ag_"
);

/// One message, spelled as 32 lowercase hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Uuid);

text_id!(MessageId, "^[0-9a-f]{32}$");

impl MessageId {
    /// The id of the reply to this inbound message: the same wherever and however often the turn
    /// is answered, so that effects done twice have the same name.
    pub fn reply(self) -> Self {
        let digest = Sha256::new().chain_update(b"reply:").chain_update(self.bytes()).finalize();
        let mut bytes = [0u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.0.as_simple(), f)
    }
}

impl FromStr for MessageId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let canonical = text.len() == 32
            && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !canonical {
            return Err(InvalidId("message id"));
        }
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId("message id"))
    }
}

/// What the log is partitioned by: the contact, the conversation where there is no contact, or
/// the account for administration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamKey {
    Contact(ContactId),
    Conversation(ConversationId),
    Account(AccountId),
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contact(id) => id.fmt(f),
            Self::Conversation(id) => id.fmt(f),
            Self::Account(id) => id.fmt(f),
        }
    }
}

impl FromStr for StreamKey {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        (text.parse().map(Self::Contact))
            .or_else(|_| text.parse().map(Self::Conversation))
            .or_else(|_| text.parse().map(Self::Account))
            .map_err(|_: InvalidId| InvalidId("stream key"))
    }
}

impl Serialize for StreamKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StreamKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_is_read_back_as_written(bits in any::<u128>()) {
            let uuid = Uuid::from_u128(bits);
            prop_assert_eq!(ConversationId(uuid).to_string().parse(), Ok(ConversationId(uuid)));
            prop_assert_eq!(MessageId(uuid).to_string().parse(), Ok(MessageId(uuid)));
            let key = StreamKey::Contact(ContactId(uuid));
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }

        #[test]
        fn whatever_parses_is_canonical(text in "cv_[0-9A-Za-z]{0,24}") {
            if let Ok(id) = text.parse::<ConversationId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn a_conversation_has_two_spellings_and_one_id() {
        let id = ConversationId(Uuid::from_u128(77));
        let other = id.to_string().replace("cv_", "conv_");
        assert_eq!(other.parse(), Ok(id));
        assert!("ct_1".parse::<ConversationId>().is_err());
    }

    #[test]
    fn a_reply_has_the_same_id_every_time_and_its_own() {
        let id = MessageId(Uuid::from_u128(1));
        assert_eq!(id.reply(), id.reply());
        assert_ne!(id.reply(), id);
    }
}
