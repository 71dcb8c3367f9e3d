//! Speech in: turned into text before anything else happens.

use crate::app::App;
use crate::domain::text::MessageText;
use crate::domain::{Error, Result};
use crate::surface::upload::FormFile;

/// What was said in a recording.
///
/// # Errors
/// [`Error::Invalid`] for what is no recording that we know, and where no endpoint is configured;
/// [`Error::Unavailable`] when that fails.
pub(super) async fn transcribed(_app: &App, _audio: FormFile) -> Result<MessageText> {
    Err(Error::invalid("audio", "cannot be taken: no transcription endpoint is configured"))
}
