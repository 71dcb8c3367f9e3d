//! `agent:<uuid>:<voice|chat>:<region>`: how Aloo names an agent.

use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::domain::account::Account;
use crate::domain::event::BotVersion;
use crate::domain::ids::{BotId, Id};
use crate::domain::{Error, Result};

/// The bot that a key names. Both kinds take text and audio; there is one region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AgentKey(pub(super) BotId);

/// A text that is no agent's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl FromStr for AgentKey {
    type Err = Malformed;

    fn from_str(text: &str) -> std::result::Result<Self, Malformed> {
        let parts: Vec<_> = text.split(':').collect();
        let ["agent", uuid, "voice" | "chat", region] = parts.as_slice() else {
            return Err(Malformed);
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if region.is_empty() || region.len() > 64 || !region.bytes().all(plain) {
            return Err(Malformed);
        }
        bot(uuid).map(Self).ok_or(Malformed)
    }
}

/// The key of a bot.
pub fn agent_key(bot: BotId) -> String {
    format!("agent:{}:chat:local", bot.uuid().as_hyphenated())
}

/// The id of a version: a UUID that follows from bot and number.
pub(super) fn deployment_id_of(version: BotVersion) -> Uuid {
    let bot = version.bot_id.bytes();
    let hasher = Sha256::new().chain_update(b"deployment:").chain_update(bot);
    let digest = hasher.chain_update(version.version.to_be_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The bot whose UUID, with hyphens, this is.
fn bot(text: &str) -> Option<BotId> {
    let uuid = (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()?;
    Some(BotId::from_uuid(uuid))
}

/// What shall answer: a deployment of an agent, or what is deployed of it; none where neither is
/// named.
///
/// # Errors
/// [`Error::NotFound`] for an agent that is not deployed, and for a deployment that is not its own.
pub(super) fn chosen(
    account: &Account,
    agent: Option<BotId>,
    deployment_id: Option<&str>,
) -> Result<Option<BotVersion>> {
    if let Some(id) = deployment_id {
        let wanted = Uuid::try_parse(id).ok();
        let versions = account.bots.iter().flat_map(|(bot, known)| {
            known.versions.keys().map(|version| BotVersion { bot_id: *bot, version: *version })
        });
        let found = versions
            .filter(|version| agent.is_none_or(|agent| agent == version.bot_id))
            .find(|version| Some(deployment_id_of(*version)) == wanted);
        return found.map(Some).ok_or(Error::NotFound("deployment"));
    }
    let Some(agent) = agent else { return Ok(None) };
    account.deployed(agent).map(Some).ok_or(Error::NotFound("agent"))
}

/// The bot that an `agent_id` names.
///
/// # Errors
/// [`Error::NotFound`] for a text that names none.
pub(super) fn agent_id(text: &str) -> Result<BotId> {
    bot(text).ok_or(Error::NotFound("agent"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_four_parts() {
        let uuid = "123e4567-e89b-12d3-a456-426614174000";
        for good in [format!("agent:{uuid}:voice:us-east-1"), format!("agent:{uuid}:chat:local")] {
            let AgentKey(bot) = good.parse().expect("a key");
            assert_eq!(bot.uuid().to_string(), uuid);
            assert_eq!(agent_key(bot).parse(), Ok(AgentKey(bot)));
        }
        for bad in [
            String::new(),
            uuid.to_owned(),
            format!("agent:{uuid}:chat"),
            format!("agent:{uuid}:video:us-east-1"),
            format!("agent:{uuid}:chat:"),
            format!("agent:{uuid}:chat:us east"),
            format!("agent:{uuid}:chat:us:1"),
            format!("bot:{uuid}:chat:us"),
            "agent:123e4567e89b12d3a456426614174000:chat:us".to_owned(),
        ] {
            assert_eq!(bad.parse::<AgentKey>(), Err(Malformed), "{bad}");
        }
    }
}
