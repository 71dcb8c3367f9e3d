//! The `Idempotency-Key` header, as every surface takes it.

use crate::domain::{Error, Result};

/// The longest key, in bytes.
const MAX: usize = 255;

/// The key and the surface it was given to.
///
/// # Errors
/// [`Error::Invalid`] for one that is empty or too long.
pub(super) fn idempotency_key(
    given: Option<String>,
    surface: &'static str,
) -> Result<Option<(&'static str, String)>> {
    match given {
        Some(key) if key.is_empty() || key.len() > MAX => {
            Err(Error::invalid("Idempotency-Key", format!("must have 1 to {MAX} characters")))
        }
        key => Ok(key.map(|key| (surface, key))),
    }
}
