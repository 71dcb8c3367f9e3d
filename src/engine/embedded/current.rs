//! Which folder the views are in.
//!
//! They are made anew in a folder of their own while the old ones are served, and a folder cannot be
//! renamed while it is open. So a small file says which one counts; where it is missing, `views` does.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::directory;
use super::store::storage;
use crate::engine::Result;

/// The folder of a new directory, and the beginning of all others' names.
pub(super) const FIRST: &str = "views";
/// The file that says which folder counts.
const FILE: &str = "views.current";

/// The number in a folder's name; none where it is not one of ours.
fn number(name: &str) -> Option<u32> {
    match name.strip_prefix(FIRST)? {
        "" => Some(1),
        rest => rest.strip_prefix('.')?.parse().ok().filter(|number| *number > 1),
    }
}

fn name(number: u32) -> String {
    if number <= 1 { FIRST.to_owned() } else { format!("{FIRST}.{number}") }
}

/// The number of the folder that counts. What the file says counts only if it makes sense: the views can be
/// made anew.
fn counts(dir: &Path) -> Result<u32> {
    match std::fs::read_to_string(dir.join(FILE)) {
        Ok(text) => Ok(number(text.trim()).unwrap_or(1)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(1),
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok(1),
        Err(error) => Err(storage(error)),
    }
}

/// The folder that the views of a data directory are in.
///
/// # Errors
/// [`crate::engine::Error::Storage`] when that cannot be read.
pub(super) fn folder(dir: &Path) -> Result<PathBuf> {
    Ok(dir.join(name(counts(dir)?)))
}

/// An empty place for the next views.
///
/// # Errors
/// As [`folder`], and when what a run before left there cannot be removed.
pub(super) fn next(dir: &Path) -> Result<PathBuf> {
    let folder = dir.join(name(counts(dir)?.wrapping_add(1).max(1)));
    directory::remove_folder(&folder).map_err(storage)?;
    Ok(folder)
}

/// From now on these views count, whatever happens.
///
/// # Errors
/// [`crate::engine::Error::Storage`] when it cannot be written; the others count still.
pub(super) fn set(dir: &Path, folder: &Path) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    directory::write_whole(dir, FILE, &format!("{name}\n")).map_err(storage)
}

/// Removes the views that do not count: a run that was cut short made them, or could not remove them.
///
/// # Errors
/// The system's.
pub(super) fn tidy(dir: &Path) -> Result<()> {
    let counts = counts(dir)?;
    let remove = || -> io::Result<()> {
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let number = entry.file_name().to_str().and_then(number);
            if number.is_some_and(|number| number != counts) && entry.file_type()?.is_dir() {
                directory::remove_folder(&entry.path())?;
            }
        }
        Ok(())
    };
    remove().map_err(storage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_what_the_file_says_and_the_rest_goes() {
        let home = tempfile::tempdir().expect("a directory");
        let dir = home.path();
        let is = |name: &str| assert_eq!(folder(dir).expect("read"), dir.join(name));
        let make = |name: &str| std::fs::create_dir_all(dir.join(name).join("deep")).expect("made");
        is("views");
        for name in ["views", "views.2", "views.1.damaged", "views.x", "log"] {
            make(name);
        }
        let second = next(dir).expect("a place");
        assert_eq!(second, dir.join("views.2"));
        assert!(!second.exists(), "what was there is gone");
        make("views.2");
        set(dir, &second).expect("written");
        is("views.2");
        assert_eq!(next(dir).expect("a place"), dir.join("views.3"));
        tidy(dir).expect("removed");
        let left = |name: &str| dir.join(name).exists();
        assert!(!left("views") && left("views.2") && left("views.1.damaged") && left("views.x"));
        for nonsense in ["", "..", "views.0", "views.1", "viewsx", "log"] {
            std::fs::write(dir.join(FILE), nonsense).expect("written");
            is("views");
        }
    }
}
