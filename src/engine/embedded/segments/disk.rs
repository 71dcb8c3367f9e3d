//! The port to the disk, and the real one. Tests have one that forgets what was not synced.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

/// One folder with files. A new, renamed or removed name lasts once the folder is synced.
pub trait Disk: Send + Sync {
    /// The names of what is in the folder, in no order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes a file; one of that name is an error.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that is there, for reading.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that is there, for writing too.
    fn reopen(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name, in place of the one that has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes names last.
    fn sync(&self) -> io::Result<()>;
}

/// A file. Bytes last once they are synced.
pub trait DiskFile: Send + Sync {
    fn length(&self) -> io::Result<u64>;
    /// Reads what there is from `at`, up to the length of `into`; says how much that was.
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all bytes or fails, having written some of them or none.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Makes the file at least `end` bytes long, with room on the disk for them; the new ones are zero.
    fn allocate(&self, end: u64) -> io::Result<()>;
    /// Gives back the room behind `end`, sooner or later.
    fn truncate(&self, end: u64) -> io::Result<()>;
    /// `fdatasync`: bytes, and what is needed to find them.
    fn sync_data(&self) -> io::Result<()>;
}

/// A folder of the file system.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes the folder where there is none.
    ///
    /// # Errors
    /// As the file system's.
    pub fn make(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            DirBuilder::new().mode(0o700).create(path)?;
            if let Some(parent) = path.parent() {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self(path.to_owned()))
    }

    /// A folder that is there, or not: then it is empty.
    pub fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
            Ok(entries) => {
                entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
            }
        }
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(Arc::new(options.open(self.0.join(name))?))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(File::open(self.0.join(name))?))
    }

    fn reopen(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(true).open(self.0.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.0.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < into.len() {
            match std::os::unix::fs::FileExt::read_at(self, &mut into[read..], at + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn allocate(&self, end: u64) -> io::Result<()> {
        match fallocate(self, FallocateFlags::empty(), 0, end) {
            // A file system that cannot reserve room finds out when it writes.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) if self.metadata()?.len() < end => {
                self.set_len(end)
            }
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(()),
        }
    }

    fn truncate(&self, end: u64) -> io::Result<()> {
        self.set_len(end)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}

/// The whole of a file up to `limit` bytes.
pub(super) fn read_whole(file: &dyn DiskFile, limit: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.length()?.min(limit)).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}
