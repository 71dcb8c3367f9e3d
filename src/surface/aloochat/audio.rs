//! Speech in: turned into text before anything else happens.

use super::form::text;
use crate::app::App;
use crate::app::accounts::secret;
use crate::app::messages::speech;
use crate::domain::ids::AccountId;
use crate::domain::text::MessageText;
use crate::domain::{Error, Result};
use crate::surface::upload::Spooled;

/// A recording, as it was sent.
#[derive(Debug)]
pub(super) struct Recording {
    filename: String,
    bytes: Vec<u8>,
}

impl Recording {
    /// Reads a file of a form.
    ///
    /// # Errors
    /// As [`Spooled::whole`].
    pub(super) async fn read(file: Spooled) -> Result<Self> {
        let filename = file.filename.clone();
        Ok(Self { filename, bytes: file.whole().await? })
    }

    /// By which the same recording is known again.
    pub(super) fn sha256(&self) -> String {
        secret::sha256_hex(&[&self.bytes])
    }

    /// What was said in it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no recording that we know, for one in which nothing is said,
    /// and where no endpoint is configured; [`Error::Unavailable`] when that fails.
    pub(super) async fn transcribed(self, app: &App, account: AccountId) -> Result<MessageText> {
        if !speech::is_understood(app) {
            let problem = "cannot be taken: no transcription endpoint is configured";
            return Err(Error::invalid("audio", problem));
        }
        let said = speech::transcribed(app, account, &self.filename, self.bytes).await?;
        if said.is_empty() {
            return Err(Error::invalid("audio", "says nothing"));
        }
        text("audio", &said)
    }
}
