//! Files that come with messages: keeping one, finding it again, and reading its bytes.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;

use super::send::{SendMessage, Sent, send_message};
use crate::app::accounts::Tenant;
use crate::app::conversations::read;
use crate::app::{App, failed};
use crate::domain::attachment::Attachment;
use crate::domain::event::Body;
use crate::domain::ids::{AccountId, ConversationId};
use crate::domain::seq::Seq;
use crate::domain::{Error, Result};
use crate::files::{Files, Reading};

/// The `number`-th file, counted from 1, of the message that stands at `seq`.
///
/// # Errors
/// [`Error::NotFound`] when there is none, or the conversation is not this account's.
pub async fn find(
    app: &App,
    account: AccountId,
    conversation: ConversationId,
    seq: Seq,
    number: u64,
) -> Result<Attachment> {
    const MISSING: Error = Error::NotFound("file");
    read::conversation(app, account, conversation).await?;
    let before = Seq::new(seq.get().checked_sub(1).ok_or(MISSING)?);
    let place = number.checked_sub(1).and_then(|place| usize::try_from(place).ok());
    let found = app.engine.timeline(account, conversation, before, 1).await.map_err(failed)?;
    let found = found.first().filter(|entry| entry.seq == seq);
    let attachments = match found.map(|entry| &entry.event.body) {
        Some(Body::MessageInbound(data)) => &data.attachments,
        Some(Body::MessageOutbound(data)) => &data.attachments,
        _ => return Err(MISSING),
    };
    place.and_then(|place| attachments.get(place)).cloned().ok_or(MISSING)
}

/// Keeps a file for a message that is about to be appended with it.
///
/// # Errors
/// As [`Files::put`]; [`Error::Unavailable`] where no files are kept.
pub async fn keep(
    app: &App,
    account: AccountId,
    conversation: ConversationId,
    filename: &str,
    declared: Option<&str>,
    bytes: impl Stream<Item = Result<Bytes>> + Send,
) -> Result<Attachment> {
    files(app)?.put(account, conversation, filename, declared, bytes).await
}

/// Sends the message that a file was kept for. Where the message does not stand, or an earlier one
/// is answered, nobody has this file, and it is forgotten.
///
/// # Errors
/// As [`send_message`]'s.
pub async fn send_with(
    app: &Arc<App>,
    tenant: Arc<Tenant>,
    file: Attachment,
    command: SendMessage,
) -> Result<Sent> {
    let later = app.clone();
    // Carried to its end though the caller goes away: in between nobody would know whose the file is.
    let sending = app.turns.spawn(async move {
        let sent = send_message(&later, &tenant, command).await;
        let unused = match &sent {
            Ok(sent) => {
                let found = find(&later, tenant.account.id, sent.conversation, sent.seq, 1).await;
                found.is_ok_and(|found| found.key != file.key)
            }
            // It may stand all the same.
            Err(Error::Unavailable(_) | Error::Internal) => false,
            Err(_) => true,
        };
        if unused && let Err(error) = files(&later)?.delete(&file.key).await {
            tracing::warn!(%error, file = file.key, "a file that nobody has could not be deleted");
        }
        sent
    });
    sending.await.map_err(|_| Error::Internal)?
}

/// Where files are kept: surfaces ask it for the most that one may have.
///
/// # Errors
/// [`Error::Unavailable`] where none are.
pub fn files(app: &App) -> Result<&Files> {
    app.files.as_deref().ok_or(Error::Unavailable(
        "this server keeps no files: its operator has to say where (the setting `files`)",
    ))
}

/// Reads a file, or what a range has of it.
///
/// # Errors
/// [`Error::NotFound`] when its bytes are gone, [`Error::Unavailable`] when they cannot be read now.
pub async fn read(app: &App, file: &Attachment, range: Option<Range<u64>>) -> Result<Reading> {
    files(app)?.get(&file.key, range).await
}
