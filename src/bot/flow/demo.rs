//! The flow that a fresh installation comes with, beside its FAQ bot: the front desk of a web shop.

use crate::domain::bot::flow::Definition;

/// Returns the demo's definition.
///
/// # Panics
/// Never: the document is part of the program, and a test reads it.
pub fn demo() -> Definition {
    serde_json::from_str(include_str!("demo.json")).expect("the demo definition is valid")
}
