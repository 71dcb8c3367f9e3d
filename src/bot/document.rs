//! Definitions as people write them: JSON, judged by the schema that is published.
//!
//! Serde stops at the first fault and does not say where in a tagged document that is. So the form is
//! looked at first, whole: `json` finds names that stand twice, `form` whatever the schema does not
//! have. What the log holds is read without any of this: it was judged when it was written.

mod form;
mod json;

use serde_json::Value;

use super::faults::{Fault, Faults, Found};
use crate::domain::bot::Definition;

/// Reads a definition.
///
/// # Errors
/// All that is wrong with its form; what it says is judged by [`super::drafts::check`].
pub fn read(text: &str) -> Result<Definition, Faults> {
    let mut found = Found::default();
    let value = json::read(text, &mut found).map_err(|error| fault(&error))?;
    let schema = schemars::schema_for!(Definition);
    form::check(schema.as_value(), &value, &mut found);
    found.none()?;
    serde_json::from_value::<Definition>(value).map_err(|error| fault(&error))
}

fn fault(error: &serde_json::Error) -> Faults {
    let problem = error.to_string();
    let problem = problem.split(" at line ").next().unwrap_or_default().to_owned();
    let place = match error.line() {
        0 => "definition".to_owned(),
        line => format!("line {line}, column {}", error.column()),
    };
    Faults(vec![Fault { place, problem }])
}

/// A name's place in the document.
fn within(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

/// An item's place in the document.
fn at(place: &str, number: usize) -> String {
    format!("{place}[{number}]")
}

/// What a value is, as faults say it.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests;
