//! What a command prints.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _, stdout};

use super::Failure;

/// Prints a text and the end of its line on standard output. A reader that has had enough, as `head`
/// has, is no failure.
///
/// # Errors
/// When standard output takes no more, as a full disk does not.
pub(super) fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output cannot be written: {error}").into())
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
