//! A file while it is written: whoever drops it before it is finished has written nothing.

use std::pin::pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use futures_util::{Stream, StreamExt as _};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256};

use super::charset::Charset;
use super::{UNAVAILABLE, kind, within};
use crate::domain::{Error, Result};

/// Bytes that are handed over at once: the least that S3 takes for a part.
const PART: usize = 5 << 20;

/// What is known of a file once it is written.
pub(super) struct Written {
    pub(super) size: u64,
    pub(super) sha256: String,
    /// How its characters are written, where that is not UTF-8.
    pub(super) charset: Option<String>,
    /// Its first bytes.
    pub(super) head: Vec<u8>,
}

/// An upload, and where it is to be seen.
pub(super) struct Writing {
    store: Arc<dyn ObjectStore>,
    upload: Option<Box<dyn MultipartUpload>>,
    /// Where it grows, if not at its place.
    growing: Option<Path>,
    place: Path,
    /// It is whole, and stays.
    kept: bool,
}

impl Writing {
    pub(super) async fn begin(
        store: Arc<dyn ObjectStore>,
        growing: Option<Path>,
        place: Path,
    ) -> Result<Self> {
        let upload = within(store.put_multipart(growing.as_ref().unwrap_or(&place))).await?;
        Ok(Self { store, upload: Some(upload), growing, place, kept: false })
    }

    /// Writes all bytes, at most `most` of them.
    pub(super) async fn fill(
        &mut self,
        bytes: impl Stream<Item = Result<Bytes>>,
        most: u64,
    ) -> Result<Written> {
        let mut bytes = pin!(bytes);
        let (mut digest, mut size) = (Sha256::new(), 0_u64);
        let (mut head, mut part) = (Vec::new(), BytesMut::new());
        let mut charset = Charset::new();
        while let Some(chunk) = bytes.next().await {
            let mut chunk = chunk?;
            size += chunk.len() as u64;
            if size > most {
                return Err(Error::BodyTooLarge {
                    max: usize::try_from(most).unwrap_or(usize::MAX),
                });
            }
            let missing = kind::HEAD.saturating_sub(head.len()).min(chunk.len());
            head.extend_from_slice(&chunk[..missing]);
            digest.update(&chunk);
            charset.feed(&chunk);
            while !chunk.is_empty() {
                part.extend_from_slice(&chunk.split_to(chunk.len().min(PART - part.len())));
                if part.len() == PART {
                    self.put_part(part.split().freeze()).await?;
                }
            }
        }
        if !part.is_empty() || size == 0 {
            self.put_part(part.freeze()).await?;
        }
        let sha256 = HEXLOWER.encode(&digest.finalize());
        let charset = charset.found(&head);
        Ok(Written { size, sha256, charset, head })
    }

    async fn put_part(&mut self, part: Bytes) -> Result<()> {
        let upload = self.upload.as_mut().ok_or(UNAVAILABLE)?;
        within(upload.put_part(PutPayload::from_bytes(part))).await
    }

    /// Puts it in its place. Goes on when nobody waits any more, and undoes it then.
    pub(super) async fn finish(mut self) -> Result<()> {
        let finishing = tokio::spawn(async move {
            let outcome = self.complete().await;
            if outcome.is_err() {
                self.undo().await;
            }
            outcome.map(|()| self)
        });
        let mut whole = finishing.await.map_err(|_| Error::Internal)??;
        whole.kept = true;
        Ok(())
    }

    async fn complete(&mut self) -> Result<()> {
        let upload = self.upload.as_mut().ok_or(UNAVAILABLE)?;
        within(upload.complete()).await?;
        self.upload = None;
        if let Some(growing) = &self.growing {
            within(self.store.rename(growing, &self.place)).await?;
        }
        Ok(())
    }

    /// Takes away whatever is there of it.
    pub(super) async fn undo(&mut self) {
        self.kept = true;
        remove(self.store.clone(), self.upload.take(), self.growing.take(), self.place.clone())
            .await;
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Without a runtime the process ends, and the next one sweeps.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (store, place) = (self.store.clone(), self.place.clone());
            runtime.spawn(remove(store, self.upload.take(), self.growing.take(), place));
        }
    }
}

async fn remove(
    store: Arc<dyn ObjectStore>,
    upload: Option<Box<dyn MultipartUpload>>,
    growing: Option<Path>,
    place: Path,
) {
    if let Some(mut upload) = upload {
        within(upload.abort()).await.ok();
        return;
    }
    for path in growing.into_iter().chain([place]) {
        // Most of it is not there.
        within(store.delete(&path)).await.ok();
    }
}
