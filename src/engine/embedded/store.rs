//! The database on disk: its keyspaces, opened and checked.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use serde::de::DeserializeOwned;

use super::directory::Hold;
use super::{format, keys};
use crate::domain::contact::Contact;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{AccountId, ContactId, ConversationId};
use crate::domain::seq::Seq;
use crate::engine::{Error, Result, Topic};
use crate::projection::totals::Totals;

/// Where `format` and the checkpoint stand in `meta`.
pub(super) const FORMAT_KEY: &str = "format";
pub(super) const CHECKPOINT_KEY: &str = "checkpoint/events";

/// Recovery replays the journals, so this bounds the time to open (a second or so). Smaller ones
/// make for more flushes and compactions: at 64 MiB they cost as much as the messages themselves.
const MAX_JOURNAL_BYTES: u64 = 256 << 20;
const MEMTABLE_BYTES: u64 = 64 << 20;

/// All keyspaces of a data directory.
pub(super) struct Store {
    pub(super) db: Database,
    pub(super) events: Keyspace,
    pub(super) accounts: Keyspace,
    pub(super) conversations: Keyspace,
    pub(super) contacts: Keyspace,
    pub(super) timeline: Keyspace,
    pub(super) pages: Keyspace,
    pub(super) turns_due: Keyspace,
    pub(super) claims: Keyspace,
    pub(super) claims_by_time: Keyspace,
    pub(super) totals: Keyspace,
    pub(super) conversations_by_time: Keyspace,
    pub(super) meta: Keyspace,
    // After the database, so that it is let go after it.
    _hold: Hold,
}

impl Store {
    /// Opens or makes the database in `dir`, which is there.
    ///
    /// # Errors
    /// [`Error::Locked`] while another process has it, [`Error::Unusable`] when it holds something
    /// else or is of a newer format, [`Error::Storage`] when it cannot be read.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self> {
        let hold = Hold::take(dir)?;
        let db = Database::builder(dir)
            .cache_size(cache_bytes)
            .max_journaling_size(MAX_JOURNAL_BYTES)
            .open()
            .map_err(|error| unopened(dir, error))?;
        let keyspace = |name: &str| {
            let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
            db.keyspace(name, options).map_err(storage)
        };
        let store = Self {
            events: keyspace("events")?,
            accounts: keyspace("accounts")?,
            conversations: keyspace("conversations")?,
            contacts: keyspace("contacts")?,
            timeline: keyspace("timeline")?,
            pages: keyspace("pages")?,
            turns_due: keyspace("turns_due")?,
            claims: keyspace("claims")?,
            claims_by_time: keyspace("claims_by_time")?,
            totals: keyspace("totals")?,
            conversations_by_time: keyspace("conversations_by_time")?,
            meta: keyspace("meta")?,
            db,
            _hold: hold,
        };
        format::bring_up(&store, dir)?;
        Ok(store)
    }

    /// The log of a topic.
    pub(super) fn log(&self, topic: Topic) -> &Keyspace {
        match topic {
            Topic::Events => &self.events,
            Topic::Accounts => &self.accounts,
        }
    }

    /// The position of the last event of a topic.
    pub(super) fn end(&self, topic: Topic) -> Result<Seq> {
        let Some(last) = self.log(topic).last_key_value() else { return Ok(Seq::START) };
        let key = last.key().map_err(storage)?;
        keys::read_position(&key).ok_or_else(|| Error::Storage("a log key is malformed".into()))
    }

    /// The position up to which the views stand.
    pub(super) fn checkpoint(&self) -> Result<Seq> {
        Ok(self.number(&self.meta, CHECKPOINT_KEY)?.map_or(Seq::START, Seq::new))
    }

    pub(super) fn conversation(
        &self,
        account: AccountId,
        id: ConversationId,
    ) -> Result<Option<Conversation>> {
        row(&self.conversations, &keys::conversation(account, id))
    }

    pub(super) fn contact(&self, account: AccountId, id: ContactId) -> Result<Option<Contact>> {
        row(&self.contacts, &keys::contact(account, id))
    }

    pub(super) fn total(&self, account: AccountId) -> Result<Totals> {
        use crate::domain::ids::Id;
        Ok(row(&self.totals, &account.bytes())?.unwrap_or_default())
    }

    pub(super) fn number(&self, keyspace: &Keyspace, key: &str) -> Result<Option<u64>> {
        let Some(value) = keyspace.get(key).map_err(storage)? else { return Ok(None) };
        let bytes = (*value).try_into().map_err(|_| Error::Storage(format!("{key} is damaged")))?;
        Ok(Some(u64::from_be_bytes(bytes)))
    }
}

/// One JSON row.
pub(super) fn row<T: DeserializeOwned>(keyspace: &Keyspace, key: &[u8]) -> Result<Option<T>> {
    let Some(value) = keyspace.get(key).map_err(storage)? else { return Ok(None) };
    parse(&value).map(Some)
}

/// Reads JSON that we wrote.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Storage(format!("a row is damaged: {error}")))
}

/// Writes JSON that we can always write.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, value).map_err(|error| Error::Storage(error.to_string()))?;
    Ok(bytes)
}

/// Why a directory's store does not open: where, and what to do.
fn unopened(dir: &Path, error: fjall::Error) -> Error {
    let shown = dir.display();
    match error {
        fjall::Error::Locked => Error::Locked(shown.to_string()),
        fjall::Error::InvalidVersion(_) => Error::Unusable(format!(
            "{shown}/version is not of a store that this parlor reads: start the release that wrote \
             the directory, or name another with --data-dir (data_dir, PARLOR_DATA_DIR)"
        )),
        fjall::Error::Io(error) => {
            Error::Unusable(format!("the store in {shown} does not open: {error}"))
        }
        other => Error::Unusable(format!("the store in {shown} does not open: {other:?}")),
    }
}

pub(super) fn storage(error: impl std::fmt::Display) -> Error {
    Error::Storage(error.to_string())
}
