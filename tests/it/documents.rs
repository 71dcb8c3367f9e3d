//! What is written beside the code, held against the code: the generated API documents here, the
//! pages that show them, the events' format, the views' tables and what operators deploy in the files
//! below.

mod events;
mod operations;
mod pages;
mod projections;
mod published;
mod service;
mod settings;

use std::collections::BTreeSet;
use std::path::Path;

use parlor::surface::{asyncapi, bot_schema, documents};
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// How many operations each surface has. poem-openapi lets a second operation on the same method
/// and path silently replace the first: then the number here is right and the document is wrong.
const OPERATIONS: [(&str, usize); 5] =
    [("aerochat", 4), ("widget", 6), ("chataibot", 2), ("aloochat", 9), ("live", 11)];

/// Operations that take no credential, and so never answer 401.
const OPEN: [&str; 1] = ["start_demo"];

/// Operations that are tried by their paths only and that no test names yet. May only shrink.
const UNNAMED: [&str; 0] = [];

/// One operation of a generated document.
#[derive(Debug, Clone)]
pub struct Operation {
    pub surface: &'static str,
    /// In capitals.
    pub method: String,
    /// With `{parameters}`.
    pub path: String,
    pub id: String,
    pub about: Value,
    /// The properties of its JSON body, by name.
    pub body: Option<Vec<String>>,
}

impl Operation {
    /// The names of its parameters at a place: `path`, `query` or `header`.
    pub fn parameters(&self, place: &str) -> Vec<String> {
        let all = self.about["parameters"].as_array().into_iter().flatten();
        let here = all.filter(|parameter| parameter["in"] == place);
        here.map(|parameter| parameter["name"].as_str().expect("a name").to_owned()).collect()
    }

    fn documents(&self, status: &str) -> bool {
        self.about["responses"].get(status).is_some()
    }
}

/// Every operation of every document.
pub fn operations() -> Vec<Operation> {
    let mut operations = Vec::new();
    for document in documents() {
        let whole: Value = serde_json::from_str(&document.json).expect("documents are JSON");
        for (path, methods) in whole["paths"].as_object().expect("paths") {
            for (method, about) in methods.as_object().expect("methods") {
                operations.push(Operation {
                    surface: document.name,
                    method: method.to_uppercase(),
                    path: path.clone(),
                    id: about["operationId"].as_str().unwrap_or_default().to_owned(),
                    body: body_of(&whole, about),
                    about: about.clone(),
                });
            }
        }
    }
    operations
}

fn body_of(document: &Value, about: &Value) -> Option<Vec<String>> {
    let content = about["requestBody"]["content"].as_object()?.values().next()?;
    let name = content["schema"]["$ref"].as_str()?.rsplit('/').next()?;
    let schema = &document["components"]["schemas"][name]["properties"];
    Some(schema.as_object().expect("a body has properties").keys().cloned().collect())
}

#[test]
fn the_checked_in_documents_are_what_the_code_says() {
    let mut files: Vec<_> =
        documents().into_iter().map(|one| (format!("{}.json", one.name), one.json)).collect();
    files.push(("asyncapi.yaml".to_owned(), asyncapi()));
    files.push(("bot.schema.json".to_owned(), bot_schema()));
    let names: BTreeSet<_> = files.iter().map(|(name, _)| name.clone()).collect();
    for (name, text) in files {
        let written = std::fs::read_to_string(Path::new(ROOT).join("openapi").join(&name));
        assert!(
            written.is_ok_and(|written| written == text),
            "openapi/{name} is not what the code says: run `parlor openapi` and review the difference"
        );
    }
    for entry in std::fs::read_dir(Path::new(ROOT).join("openapi")).expect("openapi/") {
        let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
        assert!(names.contains(&name), "openapi/{name} belongs to no surface: remove it");
    }
}

#[test]
fn no_operation_has_silently_replaced_another() {
    let operations = operations();
    let surfaces: Vec<_> = documents().iter().map(|document| document.name).collect();
    assert_eq!(surfaces, OPERATIONS.map(|(name, _)| name), "count the new surface's operations");
    for (name, expected) in OPERATIONS {
        let found: Vec<_> =
            operations.iter().filter(|one| one.surface == name).map(|one| &one.id).collect();
        assert_eq!(
            found.len(),
            expected,
            "{name} has {found:?}: if you added one, count it here; if not, two share a path"
        );
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_a_summary() {
    let mut seen = BTreeSet::new();
    for operation in operations() {
        let Operation { method, path, id, about, .. } = &operation;
        assert!(!id.is_empty(), "{method} {path} has no operationId");
        assert!(seen.insert(id.clone()), "{id} names two operations: metrics would join them");
        assert!(about["summary"].as_str().is_some_and(|s| !s.is_empty()), "{id} has no summary");
        assert!(
            id.split_once('_').is_some() && id.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
            "{id} is not <verb>_<resource>"
        );
    }
}

#[test]
fn every_operation_documents_how_it_fails() {
    for operation in operations() {
        let id = operation.id.as_str();
        if OPEN.contains(&id) {
            assert_eq!(operation.about["security"], json!([]), "{id} takes a credential after all");
        } else {
            assert!(operation.documents("401"), "{id} does not say 401");
            let security = operation.about["security"].as_array();
            assert!(
                security.is_some_and(|all| !all.is_empty()),
                "{id} does not name its credential"
            );
        }
        let takes_input = operation.body.is_some() || !operation.parameters("query").is_empty();
        assert!(!takes_input || operation.documents("400"), "{id} does not say 400");
        assert!(operation.body.is_none() || operation.documents("413"), "{id} does not say 413");
        let names_something = !operation.parameters("path").is_empty();
        assert!(!names_something || operation.documents("404"), "{id} does not say 404");
        for status in ["405", "429", "500"] {
            assert!(operation.documents(status), "{id} does not say {status}");
        }
        let responses = operation.about["responses"].as_object().expect("responses");
        // A part of a file is the file, too.
        let is_good = |status: &&String| status.starts_with('2') && *status != "206";
        let good = responses.keys().filter(is_good).count();
        assert_eq!(good, 1, "{id} succeeds in one way");
        for (status, response) in responses {
            let about = response["description"].as_str().unwrap_or_default();
            assert!(!about.is_empty(), "{id}: {status} has no description");
            assert!(response["headers"]["X-Request-Id"].is_object(), "{id}: {status}");
        }
    }
}

/// Fields whose answers hold null: a client made from the document must not trip over it.
#[test]
fn a_field_that_may_be_null_is_documented_so() {
    let document = documents().into_iter().find(|one| one.name == "aerochat").expect("aerochat");
    let whole: Value = serde_json::from_str(&document.json).expect("JSON");
    for (schema, fields) in [
        ("SentMessage", ["reply", "intent"].as_slice()),
        ("Contact", ["email", "phone"].as_slice()),
    ] {
        let schema_of = &whole["components"]["schemas"][schema];
        let required = schema_of["required"].as_array().expect("required fields");
        for field in fields {
            let about = &schema_of["properties"][field];
            let nullable = about["nullable"] == true || !required.iter().any(|name| name == field);
            assert!(nullable, "{schema}.{field} is documented as never null: {about}");
        }
    }
}

#[test]
fn every_operation_is_named_by_a_test() {
    fn read(dir: &Path, all: &mut String) {
        for entry in std::fs::read_dir(dir).expect("the tests") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                read(&path, all);
            } else if path.file_name().is_some_and(|name| name != "documents.rs") {
                all.push_str(&std::fs::read_to_string(&path).expect("UTF-8"));
            }
        }
    }
    let mut sources = String::new();
    read(&Path::new(ROOT).join("tests/it"), &mut sources);
    let words: BTreeSet<_> = sources.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
    for operation in operations() {
        let id = operation.id.as_str();
        let named = words.contains(id);
        if UNNAMED.contains(&id) {
            assert!(!named, "{id} is named now: take it off UNNAMED");
        } else {
            assert!(named, "no test under tests/it names {id}: test it and say its name there");
        }
    }
    let known: BTreeSet<_> = operations().into_iter().map(|operation| operation.id).collect();
    for name in UNNAMED.iter().chain(&OPEN) {
        assert!(known.contains(*name), "{name} is no operation any more: take it off its list");
    }
}
