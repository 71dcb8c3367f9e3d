//! Writing `openapi/`, and checking that it is fresh.

use std::path::Path;

use super::Failure;
use crate::surface;

/// The files of `openapi/`, by name.
fn files() -> Vec<(String, String)> {
    let documents = surface::documents().into_iter();
    let mut files: Vec<_> =
        documents.map(|document| (format!("{}.json", document.name), document.json)).collect();
    files.push(("asyncapi.yaml".to_owned(), surface::asyncapi()));
    files.push(("bot.schema.json".to_owned(), surface::bot_schema()));
    files
}

/// Writes the documents into `dir`, or compares them with what is there.
///
/// # Errors
/// When they cannot be written, or differ; the error names the files and says what to do.
pub fn run(dir: &Path, check: bool) -> Result<(), Failure> {
    if check {
        let stale: Vec<_> = files()
            .into_iter()
            .filter(|(name, text)| {
                std::fs::read_to_string(dir.join(name)).ok().as_ref() != Some(text)
            })
            .map(|(name, _)| name)
            .collect();
        return match stale.as_slice() {
            [] => Ok(()),
            _ => {
                let names = stale.join(", ");
                Err(format!("{names} in {} is not what the code says: run `parlor openapi` and review the difference", dir.display()).into())
            }
        };
    }
    std::fs::create_dir_all(dir)?;
    for (name, text) in files() {
        std::fs::write(dir.join(name), text)?;
    }
    Ok(())
}
