//! Secrets: keys that callers hold, and live tokens that we sign.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::domain::account::KeyKind;
use crate::domain::ids::{AccountId, ConversationId, Id, KeyId};
use crate::domain::time::Timestamp;

/// 256 random bits, base64url.
pub fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// A new key of a kind; it is shown once and kept as its SHA-256.
pub fn new_key(kind: KeyKind) -> String {
    format!("{}{}", kind.prefix(), random())
}

/// SHA-256 in lowercase hex.
pub fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    HEXLOWER.encode(&hasher.finalize())
}

/// SHA-256 of one text, raw.
pub fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// 128 bits that follow from a name, and from which the name cannot be guessed without the secret.
pub fn derived(secret: &str, kind: &str, name: &str) -> uuid::Uuid {
    let digest = mac(secret, kind.as_bytes()).chain_update([0]).chain_update(name).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.into_bytes()[..16]);
    uuid::Uuid::from_bytes(bytes)
}

const TOKEN_PREFIX: &str = "live_";
/// Account, conversation, end of validity in milliseconds.
const PAYLOAD: usize = 16 + 16 + 8;
/// The same and a key.
const WITH_KEY: usize = PAYLOAD + 16;
const MAC: usize = 32;

/// What a live token opens: one conversation of one account, until a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveToken {
    pub account: AccountId,
    pub conversation: ConversationId,
    pub expires_at: Timestamp,
    /// The key that it was made with and ends with; none in those of older releases and of the demo.
    pub key: Option<KeyId>,
}

impl LiveToken {
    /// The token as text, signed with the account's secret (HMAC-SHA256).
    pub fn sign(&self, secret: &str) -> String {
        let payload = self.payload();
        let mut bytes = payload.clone();
        bytes.extend_from_slice(&mac(secret, &payload).finalize().into_bytes());
        format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The account that a token says it is of; nothing is verified.
    pub fn account(text: &str) -> Option<AccountId> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(TOKEN_PREFIX)?).ok()?;
        Some(AccountId::from_uuid(uuid::Uuid::from_slice(bytes.get(..16)?).ok()?))
    }

    /// Reads a token that says it is valid at `now`, and verifies it with the secret of the
    /// account it names; `secret_of` finds that.
    pub fn verify(
        text: &str,
        now: Timestamp,
        secret_of: impl FnOnce(AccountId) -> Option<std::sync::Arc<str>>,
    ) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(TOKEN_PREFIX)?).ok()?;
        let (payload, signature) = bytes.split_at_checked(bytes.len().checked_sub(MAC)?)?;
        if !matches!(payload.len(), PAYLOAD | WITH_KEY) {
            return None;
        }
        let id = |from: usize| uuid::Uuid::from_slice(&payload[from..from + 16]).ok();
        let token = Self {
            account: AccountId::from_uuid(id(0)?),
            conversation: ConversationId::from_uuid(id(16)?),
            expires_at: Timestamp::from_millis(i64::from_be_bytes(
                payload[32..PAYLOAD].try_into().ok()?,
            )),
            key: match payload.len() {
                WITH_KEY => Some(KeyId::from_uuid(id(PAYLOAD)?)),
                _ => None,
            },
        };
        let secret = secret_of(token.account)?;
        mac(&secret, payload).verify_slice(signature).ok()?;
        (now < token.expires_at).then_some(token)
    }

    fn payload(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(WITH_KEY + MAC);
        payload.extend_from_slice(&self.account.bytes());
        payload.extend_from_slice(&self.conversation.bytes());
        payload.extend_from_slice(&self.expires_at.millis().to_be_bytes());
        if let Some(key) = self.key {
            payload.extend_from_slice(&key.bytes());
        }
        payload
    }
}

fn mac(secret: &str, payload: &[u8]) -> Hmac<Sha256> {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes());
    mac.expect("HMAC takes keys of any length").chain_update(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::clock;

    #[test]
    fn a_live_token_opens_until_it_expires_and_not_when_changed() {
        let (now, secret) = (clock::now(), random());
        let later = now.plus(std::time::Duration::from_secs(60));
        for key in [None, Some(clock::mint())] {
            let (account, conversation) = (clock::mint(), clock::mint());
            opens(LiveToken { account, conversation, expires_at: later, key }, now, &secret);
        }
    }

    fn opens(token: LiveToken, now: Timestamp, secret: &str) {
        let later = token.expires_at;
        let text = token.sign(secret);
        let secret_of = |_| Some(secret.into());
        assert_eq!(LiveToken::verify(&text, now, secret_of), Some(token));
        assert_eq!(LiveToken::verify(&text, later, secret_of), None);
        assert_eq!(LiveToken::verify(&text, now, |_| Some("another".into())), None);
        for place in TOKEN_PREFIX.len()..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_ne!(LiveToken::verify(&changed, now, secret_of), Some(token), "byte {place}");
        }
    }
}
