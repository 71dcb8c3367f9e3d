//! The secrets of a new account, as they are shown once and as they stand in `credentials.json`.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::Failure;
use crate::app::accounts::administration::Credentials;
use crate::surface::aloochat::agent_key;

/// As in `credentials.json`. ChatAIBot talks to the last bot, all others to the first.
pub fn as_json(credentials: &Credentials) -> Value {
    json!({
        "account_id": credentials.account,
        "aerochat_api_key": credentials.aerochat_api_key,
        "chataibot_token": credentials.chataibot_token,
        "chataibot_bot_key": credentials.bots.last(),
        "widget_site_key": credentials.widget_site_key,
        "aloochat_api_token": credentials.aloochat_api_token,
        "aloochat_agent_key": credentials.bots.first().map(|bot| agent_key(*bot)),
    })
}

/// Writes `credentials.json`, readable by its owner alone.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(dir: &Path, credentials: &Credentials) -> Result<(), Failure> {
    let path = dir.join("credentials.json");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    serde_json::to_writer_pretty(&mut file, &as_json(credentials))?;
    writeln!(file)?;
    file.sync_all()?;
    Ok(())
}
