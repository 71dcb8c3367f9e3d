//! The layout's version, and what a directory of an older one lacks.
//!
//! | format | since then |
//! |---|---|
//! | 1 | |
//! | 2 | `conversations_by_time` |
//!
//! An older directory is brought up when it is opened, and then says so: cut short, it is brought up
//! again. One of a newer format is refused.

use std::path::Path;

use fjall::PersistMode;

use super::keys;
use super::store::{FORMAT_KEY, Store, parse, storage};
use crate::domain::conversation::Conversation;
use crate::engine::{Error, Result};
use crate::projection::conversations::Row;

const FORMAT: u64 = 2;
/// Rows written in one batch.
const BATCH: usize = 4_096;

/// Makes a directory one of this format.
///
/// # Errors
/// [`Error::Storage`] when it is of a newer format or cannot be read.
pub(super) fn bring_up(store: &Store, dir: &Path) -> Result<()> {
    match store.number(&store.meta, FORMAT_KEY)? {
        Some(FORMAT) => return Ok(()),
        None => {}
        Some(1) => list_conversations(store, dir)?,
        Some(other) => {
            return Err(Error::Unusable(format!(
                "{} is of format {other}; this parlor reads formats up to {FORMAT}: start the release \
                 that wrote it, or name another directory with --data-dir",
                dir.display()
            )));
        }
    }
    store.meta.insert(FORMAT_KEY, FORMAT.to_be_bytes()).map_err(storage)?;
    store.db.persist(PersistMode::SyncAll).map_err(storage)
}

/// Fills the list of conversations from their states, which say all that a row does: much less to
/// read than the log.
fn list_conversations(store: &Store, dir: &Path) -> Result<()> {
    tracing::info!(dir = %dir.display(), "the list of conversations is made from their states");
    let mut batch = store.db.batch();
    let (mut listed, mut waiting) = (0_u64, 0);
    for guard in store.conversations.iter() {
        let state: Conversation = parse(&guard.value().map_err(storage)?)?;
        if state.deleted {
            continue;
        }
        let row = Row::of(&state);
        let key = keys::began(row.account, row.at, row.conversation);
        batch.insert(&store.conversations_by_time, key, []);
        listed += 1;
        waiting += 1;
        if waiting == BATCH {
            std::mem::replace(&mut batch, store.db.batch()).commit().map_err(storage)?;
            waiting = 0;
        }
    }
    batch.commit().map_err(storage)?;
    tracing::info!(listed, "the list of conversations is made");
    Ok(())
}
