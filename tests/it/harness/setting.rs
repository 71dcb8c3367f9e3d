//! What makes a test longer, or repeats a run of it.

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "a test has no config")]
pub fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}
