//! The data directory as a whole: what is in it, and who may read it.
//!
//! It holds what people wrote and the secrets that sign tokens, so that its folders are 0700 and its
//! files 0600, whatever the umask was when they were made. What holds something else is left alone: a
//! store among somebody's documents would neither be found again nor be safe to remove.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Access, FlockOperation};
use rustix::io::Errno;

use super::segments;
use super::segments::disk::Folder;
use super::{current, format, logs};
use crate::engine::{Error, Result};

/// What makes a directory one of an older format: fjall wrote it last when it made a store.
pub(super) const OLDER: &str = "version";
/// What is made before the directory says of which format it is.
const BEFORE: [&str; 3] = ["log", current::FIRST, format::BEGUN];
/// Names that are told of a directory that holds something else.
const TOLD: usize = 5;
/// What anybody but the owner may do.
const OTHERS: u32 = 0o077;

/// What there is at the place of a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No directory, or one with nothing in it.
    Nothing,
    /// A store that is being made, or whose making was cut short: nothing was ever kept in it.
    Begun,
    /// A store.
    Store,
}

/// Looks at the place of a data directory and changes nothing.
///
/// # Errors
/// [`Error::Unusable`] when it cannot be read, is no directory or holds something else; the error says
/// where and what to do.
pub fn look(dir: &Path) -> Result<Found> {
    let shown = dir.display();
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(unusable(dir, "cannot be read", &error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unusable(dir, "cannot be read", &error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    if names.iter().any(|name| name == format::FILE || name == OLDER) {
        return Ok(Found::Store);
    }
    // What file systems and tools put into an empty directory is no content of somebody's.
    names.retain(|name| !name.starts_with('.') && name != "lost+found");
    if names.is_empty() {
        return Ok(Found::Nothing);
    }
    if names.iter().all(|name| BEFORE.contains(&name.as_str())) {
        return Ok(if holds_events(dir) { Found::Store } else { Found::Begun });
    }
    names.sort();
    let more = if names.len() > TOLD { ", …" } else { "" };
    names.truncate(TOLD);
    Err(Error::Unusable(format!(
        "{shown} holds something else ({}{more}) and no store of ours: name an empty or a new \
         directory with --data-dir (data_dir, PARLOR_DATA_DIR)",
        names.join(", ")
    )))
}

/// Whether there are events in what was begun; if it cannot be told, there are.
fn holds_events(dir: &Path) -> bool {
    !logs::TOPICS.iter().all(|topic| {
        segments::look(Arc::new(Folder::at(&logs::folder(dir, *topic))))
            .is_ok_and(|looked| looked.reader.end() == 0)
    })
}

/// Whether a directory is of an older format.
pub(super) fn is_older(dir: &Path) -> bool {
    dir.join(OLDER).exists()
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove_folder(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What the files in a folder take, as far as they can be seen.
pub(super) fn bytes_in(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => bytes += found.len(),
                // Files come and go in a store that is open.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(bytes)
}

/// Writes a small file so that it is there whole or as it was before, whatever happens.
pub(super) fn write_whole(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let begun = dir.join(format!("{name}.new"));
    let mut file = File::create(&begun)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&begun, dir.join(name))?;
    File::open(dir)?.sync_all()
}

/// A directory that nobody else opens as long as this lives.
///
/// The lock is there before any file is, so that two that begin at once in an empty directory do not
/// make one store between them.
pub(super) struct Hold {
    /// Unlocked when it is closed.
    _file: File,
}

impl Hold {
    /// Takes a directory that is there.
    ///
    /// # Errors
    /// [`Error::Locked`] while another has it; [`Error::Unusable`] when it holds something else or
    /// cannot be read or written.
    pub(super) fn take(dir: &Path) -> Result<Self> {
        let file = File::open(dir).map_err(|error| unusable(dir, "cannot be read", &error))?;
        // On a file system without locks on directories fjall's has to do.
        let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        if locked == Err(Errno::WOULDBLOCK) {
            return Err(Error::Locked(dir.display().to_string()));
        }
        if look(dir)? == Found::Begun {
            clear(dir).map_err(|error| unusable(dir, "cannot be begun anew", &error))?;
        }
        rustix::fs::access(dir, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|error| unusable(dir, "cannot be written to", &error.into()))?;
        Ok(Self { _file: file })
    }
}

/// Removes what there is of a store whose making was cut short.
fn clear(dir: &Path) -> io::Result<()> {
    tracing::info!(dir = %dir.display(), "a store whose making was cut short is made anew");
    let [log, views, begun] = BEFORE.map(|name| dir.join(name));
    remove_folder(&log)?;
    remove_folder(&views)?;
    match std::fs::remove_file(begun) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the directory where there is none, and makes it its owner's alone.
///
/// # Errors
/// As [`look`], and when it cannot be made.
pub(super) fn prepare(dir: &Path) -> Result<()> {
    look(dir)?;
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| unusable(dir, "cannot be made", &error))?;
    match narrow(dir) {
        Ok(0) => {}
        Ok(narrowed) => {
            tracing::info!(
                dir = %dir.display(), narrowed,
                "others could read the data directory; its owner alone can now"
            );
        }
        Err(error) => {
            tracing::warn!(
                dir = %dir.display(), %error,
                "others may be able to read the data directory: it cannot be made its owner's alone"
            );
        }
    }
    Ok(())
}

/// Takes from others what they may do with the directory and all that is in it; says how many
/// entries that were. The directory itself comes last, so that a run that was cut short is gone on
/// with, and one that is narrow costs one look.
fn narrow(dir: &Path) -> io::Result<u64> {
    if std::fs::metadata(dir)?.permissions().mode() & OTHERS == 0 {
        return Ok(0);
    }
    let mut narrowed = 0;
    let mut folders: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            // A link's own rights mean nothing, and what it leads to is not ours.
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            }
            if kind.is_dir() || kind.is_file() {
                narrowed += narrow_one(&entry.path())?;
            }
        }
    }
    Ok(narrowed + narrow_one(dir)?)
}

fn narrow_one(path: &Path) -> io::Result<u64> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(0);
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS))?;
    Ok(1)
}

/// What keeps a directory from being used, and what can be done.
fn unusable(dir: &Path, what: &str, error: &io::Error) -> Error {
    Error::Unusable(format!(
        "the data directory {} {what}: {error}; it must belong to the user that parlor runs as, or \
         name another with --data-dir (data_dir, PARLOR_DATA_DIR)",
        dir.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    }

    #[test]
    fn what_is_there_is_told_apart() {
        let home = tempfile::tempdir().expect("a directory");
        let dir = home.path().join("data");
        assert_eq!(look(&dir).ok(), Some(Found::Nothing));
        assert!(!dir.exists(), "looking makes nothing");
        std::fs::create_dir_all(dir.join("lost+found")).expect("made");
        std::fs::write(dir.join(".keep"), "").expect("written");
        assert_eq!(look(&dir).ok(), Some(Found::Nothing));
        std::fs::create_dir_all(dir.join("log/events")).expect("made");
        std::fs::create_dir(dir.join("views")).expect("made");
        assert_eq!(look(&dir).ok(), Some(Found::Begun));
        std::fs::write(dir.join("log/events/00000001.seg"), [7; 600]).expect("written");
        assert_eq!(look(&dir).ok(), Some(Found::Store), "what cannot be read is not made anew");
        std::fs::write(dir.join("letter.odt"), "").expect("written");
        let error = look(&dir).expect_err("refused").to_string();
        assert!(error.contains("letter.odt") && error.contains("--data-dir"), "{error}");
        std::fs::write(dir.join(format::FILE), "").expect("written");
        assert_eq!(look(&dir).ok(), Some(Found::Store));
        let error = look(&dir.join(format::FILE)).expect_err("refused").to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }

    #[test]
    fn one_alone_has_a_directory_and_begins_anew_what_was_cut_short() {
        let home = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(home.path().join("log/events")).expect("made");
        std::fs::write(home.path().join(format::BEGUN), "").expect("written");
        let hold = Hold::take(home.path()).expect("free");
        assert_eq!(look(home.path()).ok(), Some(Found::Nothing));
        assert!(matches!(Hold::take(home.path()), Err(Error::Locked(_))));
        drop(hold);
        Hold::take(home.path()).expect("free again");
    }

    #[test]
    fn a_directory_that_others_could_read_is_narrowed_with_all_that_is_in_it() {
        let home = tempfile::tempdir().expect("a directory");
        let (dir, deep) = (home.path().join("data"), home.path().join("data/files/ac_1"));
        std::fs::create_dir_all(&deep).expect("made");
        std::fs::write(dir.join(format::FILE), "").expect("written");
        std::fs::write(deep.join("file"), "").expect("written");
        let outside = home.path().join("outside");
        std::fs::write(&outside, "").expect("written");
        std::os::unix::fs::symlink(&outside, dir.join("link")).expect("made");
        for path in [&dir, &deep] {
            std::fs::set_permissions(path, Permissions::from_mode(0o755)).expect("set");
        }
        for path in [&outside, &deep.join("file")] {
            std::fs::set_permissions(path, Permissions::from_mode(0o644)).expect("set");
        }
        prepare(&dir).expect("ours");
        assert_eq!((mode(&dir), mode(&deep), mode(&deep.join("file"))), (0o700, 0o700, 0o600));
        assert_eq!(mode(&outside), 0o644, "what a link leads to is not ours");
        assert_eq!(narrow(&dir).expect("narrow"), 0);
    }
}
