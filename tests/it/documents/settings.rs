//! The tables of settings, held against the code: an account's in `docs/settings.md`, a server's in
//! `docs/operations.md` and in the README.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use parlor::config::Config;
use parlor::domain::account::Settings;
use serde_json::Value;

const ACCOUNTS: &str = "docs/settings.md";
const SERVERS: &str = "docs/operations.md";
const README: &str = "README.md";

fn read(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of a text's tables that begin with a name in code: the names, the default, the rest.
fn rows(text: &str) -> Vec<(Vec<String>, String, String)> {
    let lines = text.lines().filter(|line| line.starts_with("| `"));
    let cells = lines.map(|line| line.trim_matches('|').splitn(3, '|').map(str::trim));
    cells
        .map(|mut cells| {
            let mut next = || cells.next().unwrap_or_default().to_owned();
            let names = next().split(", ").map(|name| name.trim_matches('`').to_owned()).collect();
            (names, next(), next())
        })
        .collect()
}

/// The settings of a schema by their paths, those in settings of settings too.
fn paths(schema: &Value, before: &str, found: &mut BTreeSet<String>) {
    for (name, about) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{before}{name}");
        if about["properties"].is_object() {
            paths(about, &format!("{path}."), found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn every_setting_of_an_account_has_its_row() {
    let mut settings = BTreeSet::new();
    paths(schemars::schema_for!(Settings).as_value(), "", &mut settings);
    assert!(settings.remove("limits"), "limits have names of their own");
    settings.extend(parlor::surface::limits().map(|name| format!("limits.{name}")));
    assert!(settings.contains("limits.widget_send") && settings.contains("look.color"));
    let rows = rows(&read(ACCOUNTS));
    let mut listed = BTreeSet::new();
    for (names, default, meaning) in rows {
        assert!(
            !default.is_empty() && !meaning.is_empty(),
            "{ACCOUNTS}: {names:?} says too little"
        );
        for name in names {
            assert!(settings.contains(&name), "{ACCOUNTS}: {name} is no setting: remove its row");
            assert!(listed.insert(name.clone()), "{ACCOUNTS}: {name} has two rows");
        }
    }
    let missing: Vec<_> = settings.difference(&listed).collect();
    assert!(missing.is_empty(), "{ACCOUNTS} has no row for {missing:?}: add one for each");
}

/// The defaults of a server's settings, as a table writes them.
fn defaults() -> BTreeMap<String, String> {
    let Value::Object(config) = serde_json::to_value(Config::default()).expect("JSON") else {
        panic!("settings are an object");
    };
    let written = |value: Value| match value {
        Value::String(text) => format!("`{text}`"),
        Value::Number(number) => number.to_string(),
        Value::Bool(switch) => format!("`{switch}`"),
        _ => String::new(),
    };
    config.into_iter().map(|(name, value)| (name, written(value))).collect()
}

#[test]
fn the_tables_of_a_servers_settings_have_its_defaults() {
    let defaults = defaults();
    let section = |path: &str, heading: &str| {
        let text = read(path);
        let (_, after) = text.split_once(heading).unwrap_or_else(|| panic!("{path}: {heading}"));
        after.split("\n## ").next().expect("a first part").to_owned()
    };
    for (path, heading) in [(SERVERS, "\n## Settings\n"), (README, "\n## Running it\n")] {
        let rows = rows(&section(path, heading));
        assert!(rows.len() > 8, "{path}: the table of settings is where it is looked for");
        for (names, default, _) in rows {
            for name in &names {
                assert!(defaults.contains_key(name), "{path}: {name} is no setting");
            }
            // What is logged of libraries is too long for a table.
            let whole = names.last().and_then(|name| defaults.get(name)).expect("a setting");
            if names.len() == 1 {
                assert_eq!(
                    &default, whole,
                    "{path}: the default of {names:?} (left) and the code's"
                );
            }
        }
    }
}
