//! The bytes of attachments: a file is put whole or not at all, is durable before anybody hears of it,
//! and is never changed.
//!
//! On a local file system a file grows in a folder of its own and is renamed when it is whole; what a
//! crash leaves there is swept at the next start. An object store shows a file once it is complete, and
//! forgets what was begun by its own rules. The log has all else that is known of a file, so that nothing
//! but its bytes is kept here.

mod charset;
mod kind;
mod writing;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};

use crate::domain::attachment::{Attachment, safe_name};
use crate::domain::ids::{AccountId, ConversationId};
use crate::domain::{Error, Result};
use writing::Writing;

/// How long the store may take for one step: a part, a chunk, a rename.
const STEP: Duration = Duration::from_secs(30);
/// Where files grow on a local file system. No account's id is called so.
const GROWING: &str = "growing";
/// What is older in that folder is not growing any more.
const STALE: Duration = Duration::from_secs(60 * 60);

/// What files may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of a local disk that stay free.
    pub reserve_bytes: u64,
}

/// Why there are no files.
#[derive(Debug, thiserror::Error)]
#[error("the files at {location} cannot be opened: {detail}")]
pub struct CannotOpen {
    location: String,
    detail: String,
}

/// Where files are. Cheap to share.
#[derive(Debug, Clone)]
pub struct Files {
    store: Arc<dyn ObjectStore>,
    limits: Limits,
    /// The directory, where it is a local file system's.
    dir: Option<PathBuf>,
}

/// A file that is being read.
pub struct Reading {
    /// Bytes of the whole file.
    pub size: u64,
    /// Which of them come.
    pub range: Range<u64>,
    pub bytes: BoxStream<'static, std::io::Result<Bytes>>,
}

impl Files {
    /// The files at a location: `file:///dir`, a directory's path, or `s3://bucket/prefix`.
    ///
    /// # Errors
    /// In words for the operator. Blocks.
    pub fn open(location: &str, limits: Limits) -> std::result::Result<Self, CannotOpen> {
        let cannot = |detail: String| CannotOpen { location: location.to_owned(), detail };
        if let Some(path) = location.strip_prefix("file://") {
            if !path.starts_with('/') {
                return Err(cannot("a file URL has three slashes: file:///dir".into()));
            }
            return Self::in_directory(path.into(), limits).map_err(|error| cannot(error.detail));
        }
        match location.split_once("://") {
            None => Self::in_directory(location.into(), limits),
            Some(("s3", _)) => Self::in_bucket(location, limits).map_err(cannot),
            Some((scheme, _)) => Err(cannot(format!("{scheme} is neither file nor s3"))),
        }
    }

    /// The files in a directory, which is made where there is none.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn in_directory(dir: PathBuf, limits: Limits) -> std::result::Result<Self, CannotOpen> {
        let cannot = |error: &dyn std::fmt::Display| CannotOpen {
            location: dir.display().to_string(),
            detail: error.to_string(),
        };
        let growing = dir.join(GROWING);
        std::fs::create_dir_all(&growing).map_err(|error| cannot(&error))?;
        sweep(&growing).map_err(|error| cannot(&error))?;
        let store = LocalFileSystem::new_with_prefix(&dir).map_err(|error| cannot(&error))?;
        let store = Arc::new(store.with_fsync(true));
        Ok(Self { store, limits, dir: Some(dir) })
    }

    #[cfg(feature = "s3")]
    fn in_bucket(location: &str, limits: Limits) -> std::result::Result<Self, String> {
        use object_store::aws::AmazonS3Builder;
        use object_store::prefix::PrefixStore;
        let bucket = AmazonS3Builder::from_env().with_url(location).build();
        let bucket = bucket.map_err(|error| error.to_string())?;
        let path = location.splitn(4, '/').nth(3).unwrap_or_default();
        let prefix = Path::parse(path).map_err(|error| error.to_string())?;
        Ok(Self { store: Arc::new(PrefixStore::new(bucket, prefix)), limits, dir: None })
    }

    #[cfg(not(feature = "s3"))]
    fn in_bucket(_: &str, _: Limits) -> std::result::Result<Self, String> {
        Err("this parlor was built without the feature s3".into())
    }

    /// The most bytes that a file may have.
    pub fn max_bytes(&self) -> u64 {
        self.limits.file_bytes
    }

    /// Keeps a file that comes with a message of a conversation. When it is not kept, for whatever
    /// reason, or the future is dropped, nothing of it stays.
    ///
    /// # Errors
    /// [`Error::BodyTooLarge`], [`Error::Unavailable`], and those of `bytes`.
    pub async fn put(
        &self,
        account: AccountId,
        conversation: ConversationId,
        filename: &str,
        declared: Option<&str>,
        bytes: impl Stream<Item = Result<Bytes>> + Send,
    ) -> Result<Attachment> {
        self.check_room()?;
        let id = uuid::Builder::from_random_bytes(rand::random()).into_uuid().simple();
        let key = format!("{account}/{conversation}/{id}");
        let place = Path::from(key.as_str());
        let growing = self.dir.is_some().then(|| Path::from_iter([GROWING, &id.to_string()]));
        let mut writing = Writing::begin(self.store.clone(), growing, place).await?;
        let written = writing.fill(bytes, self.limits.file_bytes).await;
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                writing.undo().await;
                return Err(error);
            }
        };
        writing.finish().await?;
        let mime_type = kind::of(&written.head, declared);
        Ok(Attachment {
            filename: safe_name(filename),
            size: written.size,
            mime_type: mime_type.to_owned(),
            sha256: written.sha256,
            charset: written.charset.filter(|_| mime_type.starts_with("text/")),
            key,
        })
    }

    /// Reads a file, or what a range has of it; a range that ends beyond the file ends with it.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such file, [`Error::Unavailable`] when it cannot be read
    /// now.
    pub async fn get(&self, key: &str, range: Option<Range<u64>>) -> Result<Reading> {
        let place = place(key)?;
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = within(self.store.get_opts(&place, options)).await?;
        let (size, range) = (found.meta.size, found.range.clone());
        let mut chunks = found.into_stream();
        let bytes = async_stream::stream! {
            loop {
                match tokio::time::timeout(STEP, chunks.next()).await {
                    Ok(Some(Ok(chunk))) => yield Ok(chunk),
                    Ok(None) => break,
                    Ok(Some(Err(error))) => {
                        tracing::error!(%error, "a file could not be read to its end");
                        yield Err(std::io::Error::other(error));
                        break;
                    }
                    Err(_) => {
                        yield Err(std::io::Error::from(std::io::ErrorKind::TimedOut));
                        break;
                    }
                }
            }
        };
        Ok(Reading { size, range, bytes: bytes.boxed() })
    }

    /// Forgets a file; one that is not there is forgotten.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when that is not possible now.
    pub async fn delete(&self, key: &str) -> Result<()> {
        let place = place(key)?;
        match within(self.store.delete(&place)).await {
            Err(Error::NotFound(_)) => Ok(()),
            outcome => outcome,
        }
    }

    /// Forgets every file of a conversation. When it fails, some of them may be left.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when that is not possible now.
    pub async fn forget(&self, account: AccountId, conversation: ConversationId) -> Result<()> {
        let folder = Path::from_iter([account.to_string(), conversation.to_string()]);
        let found = self.store.list(Some(&folder)).map_ok(|file| file.location).boxed();
        let mut deleted = self.store.delete_stream(found);
        while let Some(file) = next(&mut deleted).await? {
            tracing::debug!(%file, "a file is deleted");
        }
        Ok(())
    }

    /// The disk is the log's too, where the engine is embedded.
    fn check_room(&self) -> Result<()> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let free = rustix::fs::statvfs(dir).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        match free {
            Ok(free) if free < self.limits.reserve_bytes.saturating_add(self.limits.file_bytes) => {
                tracing::warn!(free, "the disk is full: files are refused");
                Err(UNAVAILABLE)
            }
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%error, "the directory of the files cannot be looked at");
                Err(UNAVAILABLE)
            }
        }
    }
}

const UNAVAILABLE: Error =
    Error::Unavailable("files are not possible at the moment; try again later");

/// Where a file is: account, conversation and its own name, and nothing that leads elsewhere.
fn place(key: &str) -> Result<Path> {
    let place = Path::parse(key).ok().filter(|place| place.parts().count() == 3);
    place.ok_or(Error::NotFound("file"))
}

/// Waits for what a stream of the store has next; what is not there any more is passed over.
async fn next<T>(items: &mut BoxStream<'_, object_store::Result<T>>) -> Result<Option<T>> {
    loop {
        match within(async { items.next().await.transpose() }).await {
            Err(Error::NotFound(_)) => {}
            outcome => return outcome,
        }
    }
}

/// Waits for a step of the store; what failed is logged here, once.
async fn within<T>(step: impl Future<Output = object_store::Result<T>>) -> Result<T> {
    match tokio::time::timeout(STEP, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(object_store::Error::NotFound { .. })) => Err(Error::NotFound("file")),
        Ok(Err(error)) => {
            tracing::error!(%error, "the store of the files failed");
            Err(UNAVAILABLE)
        }
        Err(_) => {
            tracing::error!("the store of the files does not answer");
            Err(UNAVAILABLE)
        }
    }
}

/// Removes what a crash has left behind.
fn sweep(growing: &std::path::Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(growing)? {
        let entry = entry?;
        let age = entry.metadata().and_then(|about| about.modified());
        if age.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE)) {
            // Another node may sweep as well.
            std::fs::remove_file(entry.path()).ok();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
