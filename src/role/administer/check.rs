//! `parlor bot check`, and reading definitions: no account and no server is needed for that.

use std::path::Path;

use serde_json::json;

use crate::bot::faults::Faults;
use crate::bot::{document, drafts};
use crate::domain::bot::Definition;
use crate::role::Failure;
use crate::role::output::print;

/// Says whether a file holds a bot's definition.
///
/// # Errors
/// With all that is wrong with it, line by line.
pub(super) fn run(file: &Path, json: bool) -> Result<(), Failure> {
    let checked = text(file)?;
    let checked = document::read(&checked).and_then(|read| drafts::check(&read));
    match (checked, json) {
        (Ok(_), true) => print(json!({ "valid": true, "faults": [] })),
        (Ok(_), false) => print(format_args!("{} is a bot", file.display())),
        (Err(faults), json) => {
            if json {
                let listed = faults
                    .0
                    .iter()
                    .map(|fault| json!({ "place": fault.place, "problem": fault.problem }));
                let listed: Vec<_> = listed.collect();
                print(json!({ "valid": false, "faults": listed }))?;
            }
            Err(not_a_bot(file, &faults))
        }
    }
}

/// Reads a definition.
///
/// # Errors
/// As [`run`].
pub(super) fn read(file: &Path) -> Result<Definition, Failure> {
    document::read(&text(file)?).map_err(|faults| not_a_bot(file, &faults))
}

fn text(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()).into())
}

/// All that is wrong with a definition, line by line.
fn not_a_bot(file: &Path, faults: &Faults) -> Failure {
    let lines: Vec<_> =
        faults.0.iter().map(|fault| format!("\n  {}: {}", fault.place, fault.problem)).collect();
    format!("{} is not a bot's definition:{}", file.display(), lines.concat()).into()
}
