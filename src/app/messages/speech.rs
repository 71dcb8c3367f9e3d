//! Recordings, written down.

use crate::app::App;
use crate::domain::ids::AccountId;
use crate::domain::sound::audio_kind;
use crate::domain::{Error, Result};

/// Whether somebody is there who writes down what is said.
pub fn is_understood(app: &App) -> bool {
    app.transcriber.is_some()
}

/// What is said in a recording; may be empty.
///
/// # Errors
/// [`Error::Invalid`] for bytes that are none of the recordings we know, whatever they are called;
/// [`Error::Unavailable`] when nobody is there, or they fail.
pub async fn transcribed(
    app: &App,
    account: AccountId,
    filename: &str,
    bytes: Vec<u8>,
) -> Result<String> {
    const AWAY: Error = Error::Unavailable("speech is not understood at the moment; write instead");
    let transcriber = app.transcriber.as_ref().ok_or(AWAY)?;
    let kind = audio_kind(&bytes)
        .ok_or_else(|| Error::invalid("audio", "must be wav, mp3, ogg, webm or m4a"))?;
    // Servers tell formats by the name's ending.
    let name = format!("{}.{}", filename.split('.').next().unwrap_or("audio"), kind.extension());
    let said = transcriber.transcribe(&app.outside.of(account), &name, kind.mime(), bytes).await;
    said.map_err(|error| {
        tracing::warn!(%error, "a recording was not written down");
        AWAY
    })
}
