//! A form with a file (`multipart/form-data`), read within limits.
//!
//! Texts are kept in memory, the file in a temporary one that has no name: nobody finds it, and it is
//! gone with the request. poem's own extractor has no limits, so the parser beneath it is used here.
//! That reads ahead as long as bytes come: they are handed to it one chunk at a time, and only so many
//! before it has made something of them.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use multer::{Constraints, Field, Multipart, SizeLimit};
use poem::Body;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use crate::app::messages::uploads::{Slot, Uploads};
use crate::domain::ids::AccountId;
use crate::domain::{Error, Result};

/// The longest silence.
const PAUSE: Duration = Duration::from_secs(20);
/// In each of these times so many bytes must come: a kibibyte a second.
const WINDOW: Duration = Duration::from_secs(20);
const LEAST: u64 = 20 << 10;
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

/// Who sends a form.
#[derive(Debug, Clone)]
pub struct Sender {
    pub uploads: Arc<Uploads>,
    pub account: AccountId,
    pub address: Option<IpAddr>,
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
    /// Held as long as the file is there.
    _slot: Slot,
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
    /// [`Error::BodyTooSlow`] for one that stops or drips, those of [`Uploads::slot`], and
    /// [`Error::Unavailable`] where there is no room.
    pub async fn read(
        self,
        sender: &Sender,
        content_type: Option<&str>,
        body: Body,
    ) -> Result<Filled> {
        let boundary = multer::parse_boundary(content_type.unwrap_or_default())
            .map_err(|_| Error::invalid("Content-Type", "must be multipart/form-data"))?;
        let progress = Arc::new(Progress::default());
        let body = body.into_bytes_stream();
        let body = Measured { body: Box::pin(body), progress: progress.clone(), pause: false };
        let limits = SizeLimit::new().whole_stream(self.whole());
        let form =
            Multipart::with_constraints(body, boundary, Constraints::new().size_limit(limits));
        tokio::select! {
            filled = timeout(self.deadline, self.fill(form, sender, &progress)) => {
                filled.unwrap_or(Err(Error::BodyTooSlow))
            }
            () = progress.drips() => Err(Error::BodyTooSlow),
        }
    }

    /// Bytes of the largest form.
    fn whole(&self) -> u64 {
        let texts = self.text_bytes.saturating_mul(self.texts.len());
        self.file_bytes
            .saturating_add(u64::try_from(texts).unwrap_or(u64::MAX))
            .saturating_add(FRAME)
    }

    async fn fill(
        &self,
        mut form: Multipart<'_>,
        sender: &Sender,
        progress: &Progress,
    ) -> Result<Filled> {
        let mut filled = Filled::default();
        let mut fields = 0;
        while let Some(mut field) = self.lively(form.next_field(), progress).await? {
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
                progress.waits.store(true, Ordering::Relaxed);
                let slot = sender.uploads.slot(sender.account, sender.address).await?;
                progress.waits.store(false, Ordering::Relaxed);
                filled.file = Some(self.spool(name, field, slot, progress).await?);
            } else if let Some(name) = wanted(self.texts) {
                let text = self.text(name, field, progress).await?;
                if filled.texts.iter().any(|(known, _)| *known == name) {
                    return Err(Error::invalid(name, "must stand there once"));
                }
                filled.texts.push((name, text));
            } else {
                while self.lively(field.chunk(), progress).await?.is_some() {}
            }
        }
        Ok(filled)
    }

    async fn text(
        &self,
        name: &'static str,
        mut field: Field<'_>,
        progress: &Progress,
    ) -> Result<String> {
        let (mut text, mut bytes, mut chars) = (Vec::new(), 0, 0);
        while let Some(chunk) = self.lively(field.chunk(), progress).await? {
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
        slot: Slot,
        progress: &Progress,
    ) -> Result<Spooled> {
        let filename = field.file_name().unwrap_or_default().to_owned();
        let declared = field.content_type().map(|kind| kind.essence_str().to_owned());
        let made = tokio::task::spawn_blocking(tempfile::tempfile).await;
        let made = made.map_err(|_| Error::Internal)?.map_err(broken)?;
        let (mut file, mut size) = (File::from_std(made), 0);
        while let Some(chunk) = self.lively(field.chunk(), progress).await? {
            size += chunk.len() as u64;
            if size > self.file_bytes {
                return Err(self.too_large());
            }
            file.write_all(&chunk).await.map_err(broken)?;
        }
        file.flush().await.map_err(broken)?;
        Ok(Spooled { field: name, filename, declared, size, file, _slot: slot })
    }

    /// Waits for the next piece, and not for ever.
    async fn lively<T>(
        &self,
        next: impl Future<Output = multer::Result<T>>,
        progress: &Progress,
    ) -> Result<T> {
        let next = timeout(PAUSE, next).await.map_err(|_| Error::BodyTooSlow)?;
        progress.ahead.store(0, Ordering::Relaxed);
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

/// How far a form has come.
#[derive(Debug, Default)]
struct Progress {
    /// Bytes that the parser holds and has made nothing of.
    ahead: AtomicUsize,
    /// All bytes so far.
    all: AtomicU64,
    /// It is we who let the client wait.
    waits: AtomicBool,
}

impl Progress {
    /// Waits until less has come in a time than must.
    async fn drips(&self) {
        loop {
            let before = self.all.load(Ordering::Relaxed);
            let waits = self.waits.load(Ordering::Relaxed);
            sleep(WINDOW).await;
            let came = self.all.load(Ordering::Relaxed) - before;
            if came < LEAST && !waits && !self.waits.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

/// A body, a chunk for each time that it is asked, and no more than [`AHEAD`] before the parser has made
/// something of it.
struct Measured<S> {
    body: Pin<Box<S>>,
    progress: Arc<Progress>,
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
            self.progress.all.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            let ahead = self.progress.ahead.fetch_add(chunk.len(), Ordering::Relaxed);
            if ahead > AHEAD { Err(TooFarAhead.into()) } else { Ok(chunk) }
        }))
    }
}

#[cfg(test)]
mod tests;
