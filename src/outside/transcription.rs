//! Speech to text, by any server that has OpenAI's `/audio/transcriptions`.

use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde::Deserialize;

use super::{Error, Outside, read, send};

/// The largest recording, in bytes.
pub const RECORDING_MAX: usize = 25 << 20;
/// The largest answer; what a message holds is far less.
const ANSWER_MAX: usize = 1 << 20;
const TIMEOUT: Duration = Duration::from_secs(120);

/// Who writes down what is said.
#[derive(Clone)]
pub struct Transcriber {
    url: String,
    key: Option<String>,
    model: String,
}

impl std::fmt::Debug for Transcriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transcriber").field("url", &self.url).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer {
    text: String,
}

impl Transcriber {
    /// `url` is the whole address of the endpoint, or what `/audio/transcriptions` is under.
    pub fn new(url: &str, key: Option<String>, model: &str) -> Self {
        let url = url.trim_end_matches('/');
        let path = "/audio/transcriptions";
        let url = if url.ends_with(path) { url.to_owned() } else { format!("{url}{path}") };
        Self { url, key, model: model.to_owned() }
    }

    /// What is said in a recording; may be empty, where nothing is.
    ///
    /// # Errors
    /// As [`Error`]; [`Error::TooLarge`] for a recording beyond [`RECORDING_MAX`] too.
    pub async fn transcribe(
        &self,
        outside: &Outside,
        file_name: &str,
        mime: &str,
        bytes: Vec<u8>,
    ) -> Result<String, Error> {
        if bytes.len() > RECORDING_MAX {
            return Err(Error::TooLarge { max: RECORDING_MAX });
        }
        let recording = Part::bytes(bytes).file_name(file_name.to_owned());
        let recording = recording
            .mime_str(mime)
            .map_err(|_| Error::Malformed(format!("{mime:?} is no media type")))?;
        let form = Form::new()
            .text("model", self.model.clone())
            .text("response_format", "json")
            .part("file", recording);
        let way = outside.enter().await?;
        let mut request = way.request(Method::POST, &self.url)?.multipart(form);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        let work = async { read(send(request).await?, ANSWER_MAX).await };
        let body = tokio::time::timeout(TIMEOUT, work).await;
        let body = body.map_err(|_| Error::TimedOut("the transcription"))??;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|error| Error::Malformed(format!("a transcription has a text: {error}")))?;
        Ok(answer.text.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_endpoint_may_be_given_whole() {
        for url in ["http://x/v1", "http://x/v1/", "http://x/v1/audio/transcriptions"] {
            let transcriber = Transcriber::new(url, Some("secret".into()), "whisper-1");
            assert_eq!(transcriber.url, "http://x/v1/audio/transcriptions");
            assert!(!format!("{transcriber:?}").contains("secret"));
        }
    }
}
