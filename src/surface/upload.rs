//! A form with a file (`multipart/form-data`), read within limits.
//!
//! Texts are kept in memory, the file in a temporary one that has no name: nobody finds it, and it is
//! gone with the request. poem's own extractor has no limits, so the parser beneath it is used here.
//! That reads ahead as long as bytes come: they are handed to it one chunk at a time, and only so many
//! before it has made something of them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use multer::{Constraints, Field, Multipart, SizeLimit};
use poem::Body;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::domain::{Error, Result};

/// Forms read at once, and how long one waits to be among them.
static AT_ONCE: Semaphore = Semaphore::const_new(64);
const TURN: Duration = Duration::from_secs(5);
/// The longest silence.
const PAUSE: Duration = Duration::from_secs(20);
/// Fields of a form, wanted or not.
const FIELDS: usize = 32;
/// Bytes that the parser may hold before it has made something of them.
const AHEAD: usize = 256 << 10;
/// Bytes beside the file and the texts: boundaries and headers.
const FRAME: u64 = 64 << 10;
/// Bytes of the file handed on at once.
const CHUNK: usize = 64 << 10;

/// What a form may have.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The names of its texts; others are passed over.
    pub texts: &'static [&'static str],
    /// Bytes of one text.
    pub text_bytes: usize,
    /// The names under which the file may stand.
    pub files: &'static [&'static str],
    pub file_bytes: u64,
    /// How long the whole form may take.
    pub deadline: Duration,
}

/// What stood in a form.
#[derive(Debug, Default)]
pub struct Filled {
    texts: Vec<(&'static str, String)>,
    /// The first file; a second one is refused.
    pub file: Option<Spooled>,
}

/// A file that has arrived whole.
#[derive(Debug)]
pub struct Spooled {
    /// The field that it stood in.
    pub field: &'static str,
    pub filename: String,
    /// What its sender says that it is.
    pub declared: Option<String>,
    pub size: u64,
    file: File,
}

impl Filled {
    /// The text of a field; none when it was absent or empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.texts.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| text.as_str()).filter(|text| !text.is_empty())
    }
}

impl Spooled {
    /// All its bytes at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when they cannot be read.
    pub async fn whole(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
        self.file.rewind().await.map_err(broken)?;
        self.file.read_to_end(&mut bytes).await.map_err(broken)?;
        Ok(bytes)
    }

    /// Its bytes, from the beginning.
    pub fn bytes(mut self) -> impl Stream<Item = Result<Bytes>> + Send {
        async_stream::try_stream! {
            self.file.rewind().await.map_err(broken)?;
            loop {
                let mut chunk = vec![0; CHUNK];
                let count = self.file.read(&mut chunk).await.map_err(broken)?;
                if count == 0 {
                    break;
                }
                chunk.truncate(count);
                yield Bytes::from(chunk);
            }
        }
    }
}

impl Form {
    /// Reads the body of a request with this `Content-Type`.
    ///
    /// # Errors
    /// [`Error::Invalid`] and [`Error::TooLong`] naming the field, [`Error::BodyTooLarge`],
    /// [`Error::BodyTooSlow`], and [`Error::Unavailable`] when too many are read already or there is no room.
    pub async fn read(self, content_type: Option<&str>, body: Body) -> Result<Filled> {
        let boundary = multer::parse_boundary(content_type.unwrap_or_default())
            .map_err(|_| Error::invalid("Content-Type", "must be multipart/form-data"))?;
        let turn = timeout(TURN, AT_ONCE.acquire()).await;
        let _turn = turn.ok().and_then(std::result::Result::ok).ok_or(Error::Unavailable(
            "too many files are being uploaded at the moment; try again",
        ))?;
        let held = Arc::new(AtomicUsize::new(0));
        let body = body.into_bytes_stream();
        let body = Measured { body: Box::pin(body), held: held.clone(), pause: false };
        let limits = SizeLimit::new().whole_stream(self.whole());
        let form =
            Multipart::with_constraints(body, boundary, Constraints::new().size_limit(limits));
        let filled = timeout(self.deadline, self.fill(form, &held)).await;
        filled.unwrap_or(Err(Error::BodyTooSlow))
    }

    /// Bytes of the largest form.
    fn whole(&self) -> u64 {
        let texts = self.text_bytes.saturating_mul(self.texts.len());
        self.file_bytes
            .saturating_add(u64::try_from(texts).unwrap_or(u64::MAX))
            .saturating_add(FRAME)
    }

    async fn fill(&self, mut form: Multipart<'_>, held: &AtomicUsize) -> Result<Filled> {
        let mut filled = Filled::default();
        let mut fields = 0;
        while let Some(mut field) = self.lively(form.next_field(), held).await? {
            fields += 1;
            if fields > FIELDS {
                return Err(Error::invalid("body", format!("has more than {FIELDS} fields")));
            }
            let name = field.name().unwrap_or_default();
            let wanted =
                |among: &'static [&'static str]| among.iter().copied().find(|known| *known == name);
            if let Some(name) = wanted(self.files).filter(|_| field.file_name().is_some()) {
                if filled.file.is_some() {
                    return Err(Error::invalid(name, "must be one file"));
                }
                filled.file = Some(self.spool(name, field, held).await?);
            } else if let Some(name) = wanted(self.texts) {
                let text = self.text(name, field, held).await?;
                if filled.texts.iter().any(|(known, _)| *known == name) {
                    return Err(Error::invalid(name, "must stand there once"));
                }
                filled.texts.push((name, text));
            } else {
                while self.lively(field.chunk(), held).await?.is_some() {}
            }
        }
        Ok(filled)
    }

    async fn text(
        &self,
        name: &'static str,
        mut field: Field<'_>,
        held: &AtomicUsize,
    ) -> Result<String> {
        let (mut text, mut bytes, mut chars) = (Vec::new(), 0, 0);
        while let Some(chunk) = self.lively(field.chunk(), held).await? {
            bytes += chunk.len();
            chars += chunk.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
            // What is too much is read on, to say how long it is, and not kept.
            if bytes <= self.text_bytes {
                text.extend_from_slice(&chunk);
            }
        }
        if bytes > self.text_bytes {
            return Err(Error::TooLong { field: name, max: self.text_bytes, actual: chars });
        }
        String::from_utf8(text).map_err(|_| Error::invalid(name, "must be UTF-8"))
    }

    async fn spool(
        &self,
        name: &'static str,
        mut field: Field<'_>,
        held: &AtomicUsize,
    ) -> Result<Spooled> {
        let filename = field.file_name().unwrap_or_default().to_owned();
        let declared = field.content_type().map(|kind| kind.essence_str().to_owned());
        let made = tokio::task::spawn_blocking(tempfile::tempfile).await;
        let made = made.map_err(|_| Error::Internal)?.map_err(broken)?;
        let (mut file, mut size) = (File::from_std(made), 0);
        while let Some(chunk) = self.lively(field.chunk(), held).await? {
            size += chunk.len() as u64;
            if size > self.file_bytes {
                return Err(self.too_large());
            }
            file.write_all(&chunk).await.map_err(broken)?;
        }
        file.flush().await.map_err(broken)?;
        Ok(Spooled { field: name, filename, declared, size, file })
    }

    /// Waits for the next piece, and not for ever.
    async fn lively<T>(
        &self,
        next: impl Future<Output = multer::Result<T>>,
        held: &AtomicUsize,
    ) -> Result<T> {
        let next = timeout(PAUSE, next).await.map_err(|_| Error::BodyTooSlow)?;
        held.store(0, Ordering::Relaxed);
        next.map_err(|error| match error {
            multer::Error::StreamSizeExceeded { .. } => self.too_large(),
            multer::Error::StreamReadFailed(why) if why.is::<TooFarAhead>() => {
                Error::invalid("body", "has a part whose headers are too long")
            }
            other => Error::invalid("body", format!("is not a form: {other}")),
        })
    }

    fn too_large(&self) -> Error {
        Error::BodyTooLarge { max: usize::try_from(self.file_bytes).unwrap_or(usize::MAX) }
    }
}

/// The temporary file failed.
fn broken(error: io::Error) -> Error {
    tracing::error!(%error, "a temporary file for an upload failed");
    Error::Unavailable("files are not possible at the moment; try again later")
}

#[derive(Debug, thiserror::Error)]
#[error("too much that means nothing")]
struct TooFarAhead;

/// A body, a chunk for each time that it is asked, and no more than [`AHEAD`] before `held` is zero
/// again.
struct Measured<S> {
    body: Pin<Box<S>>,
    held: Arc<AtomicUsize>,
    pause: bool,
}

impl<S: Stream<Item = io::Result<Bytes>>> Stream for Measured<S> {
    type Item = std::result::Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = std::task::ready!(self.body.as_mut().poll_next(context));
        self.pause = next.is_some();
        Poll::Ready(next.map(|chunk| {
            let chunk = chunk?;
            let held = self.held.fetch_add(chunk.len(), Ordering::Relaxed);
            if held > AHEAD { Err(TooFarAhead.into()) } else { Ok(chunk) }
        }))
    }
}

#[cfg(test)]
mod tests;
