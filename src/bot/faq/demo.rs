//! The definition a fresh installation comes with: the support desk of a small web shop.
//!
//! It is the same JSON document an account would deploy through the API, so it doubles as the
//! example to copy from.

use crate::domain::bot::faq::Definition;

/// Returns the demo's definition, "Acme Support", in six languages.
///
/// # Panics
/// Never: the document is part of the program, and a test reads it.
pub fn demo() -> Definition {
    serde_json::from_str(include_str!("demo.json")).expect("the demo definition is valid")
}
