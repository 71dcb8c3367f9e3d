//! Speech in: turned into text before anything else happens.

use super::form::text;
use crate::app::{App, speech};
use crate::domain::text::MessageText;
use crate::domain::{Error, Result};
use crate::surface::upload::Spooled;

/// What was said in a recording.
///
/// # Errors
/// [`Error::Invalid`] for what is no recording that we know, for one in which nothing is said, and
/// where no endpoint is configured; [`Error::Unavailable`] when that fails.
pub(super) async fn transcribed(app: &App, file: Spooled) -> Result<MessageText> {
    if !speech::is_understood(app) {
        let problem = "cannot be taken: no transcription endpoint is configured";
        return Err(Error::invalid("audio", problem));
    }
    let name = file.filename.clone();
    let said = speech::transcribed(app, &name, file.whole().await?).await?;
    if said.is_empty() {
        return Err(Error::invalid("audio", "says nothing"));
    }
    text("audio", &said)
}
