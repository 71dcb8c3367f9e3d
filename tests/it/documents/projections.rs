//! `projections/*.cql` describe the views: one file per view, whose header tells what reads it and what
//! feeds it. Header and statement are those of the table in `src/projection/`, where there is one, and the
//! header is held against the code: every type of event is projected onto every state that a
//! conversation can be in, and what changes is what the header says; the files that read a view are
//! those that call its queries. Some tables more are the engine's own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use parlor::domain::event::Event;
use parlor::domain::seq::Seq;
use parlor::projection::{Folded, Key, SCHEMA};

use super::events::examples;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Modules of `src/projection/` that are no views.
const NO_VIEWS: [&str; 5] = ["tests", "table", "cells", "rows", "aggregate"];
/// Tables that are no views, and what their headers say feeds them.
const OF_THE_ENGINE: [(&str, &str); 3] =
    [("checkpoints", "every event"), ("landmarks", "every event"), ("quotas", "no event")];
/// Read by who owns a partition, or a bucket: the only keys that do not begin with the account.
const FOR_ALL_ACCOUNTS: [&str; 6] =
    ["turns_due", "checkpoints", "landmarks", "quotas", "discarded", "followers"];

type Memory = HashMap<Key, Option<Folded>>;

/// A state without the position it stands at, which moves with events that change nothing else.
fn placeless(state: Option<&Option<Folded>>) -> serde_json::Value {
    let state = state.and_then(Option::as_ref).map(|state| state.json().expect("JSON"));
    let json = state.as_deref().unwrap_or("null");
    let mut value: serde_json::Value = serde_json::from_str(json).expect("JSON");
    if let Some(fields) = value.as_object_mut() {
        fields.remove("last_seq");
    }
    value
}

/// Projects one event and names the views that it changed.
fn changed(memory: &mut Memory, seq: Seq, event: &Event) -> Vec<&'static str> {
    let before = memory.clone();
    let Ok((_, changes)) = SCHEMA.project(0, seq, event, memory);
    let mut views = Vec::new();
    let mut note = |view, changed: bool| views.extend(changed.then_some(view));
    for key in SCHEMA.keys(event) {
        let stands = placeless(before.get(&key)) != placeless(memory.get(&key));
        let table = SCHEMA.aggregate(&key).and_then(|aggregate| aggregate.table);
        note(table.map_or("timeline", |table| table.name), stands);
    }
    note("timeline", changes.timeline);
    note("claims", changes.claim.is_some());
    note("totals", changes.total.is_some());
    for table in SCHEMA.tables() {
        note(table.name, changes.rows.iter().any(|change| change.table == table));
    }
    views
}

/// Which types of events change each view, in some state or other.
fn fed_by() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let examples = examples();
    let lives = [
        vec![],
        vec!["contact.created", "conversation.started"],
        vec!["contact.created", "conversation.started", "message.inbound"],
        vec!["contact.created", "conversation.started", "conversation.assigned"],
        vec!["contact.created", "conversation.started", "message.inbound", "conversation.resolved"],
    ];
    let mut fed: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for life in lives {
        let mut memory = Memory::default();
        let lived = life.iter().flat_map(|name| {
            let examples = examples.iter();
            examples.filter(|event| event.body.name() == *name).collect::<Vec<_>>()
        });
        for (place, event) in (1..).zip(lived) {
            changed(&mut memory, Seq::new(place), event);
        }
        for event in &examples {
            for view in changed(&mut memory.clone(), Seq::new(100), event) {
                fed.entry(view).or_default().insert(event.body.name());
            }
        }
    }
    fed
}

/// The files of `projections/`, by view.
fn files() -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(Path::new(ROOT).join("projections")).expect("projections/");
    let file = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("readable").path();
        assert!(path.extension().is_some_and(|extension| extension == "cql"), "{path:?}");
        let view = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (view, std::fs::read_to_string(path).expect("UTF-8"))
    };
    entries.map(file).collect()
}

fn header<'a>(view: &str, text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.strip_prefix(name));
    found.unwrap_or_else(|| panic!("projections/{view}.cql has no line {name:?}")).trim()
}

#[test]
fn each_header_names_what_feeds_its_view() {
    let fed = fed_by();
    for (view, text) in files() {
        let said = header(&view, &text, "-- fed by:");
        if let Some((_, expected)) = OF_THE_ENGINE.iter().find(|(name, _)| *name == view) {
            assert_eq!(said, *expected, "projections/{view}.cql");
            continue;
        }
        if SCHEMA.outside.iter().any(|table| table.name == view) {
            assert_eq!(said, "no event", "projections/{view}.cql");
            continue;
        }
        let said: Vec<_> = said.split_whitespace().collect();
        let known: BTreeSet<_> = said.iter().copied().collect();
        assert_eq!(known.len(), said.len(), "projections/{view}.cql names a type twice");
        let feeds = fed.get(view.as_str()).cloned().unwrap_or_default();
        assert_eq!(
            known, feeds,
            "projections/{view}.cql: `fed by` (left) is not what the code does"
        );
    }
}

#[test]
fn each_view_has_one_file_and_one_module() {
    let files = files();
    let mut modules = BTreeSet::new();
    for entry in std::fs::read_dir(Path::new(ROOT).join("src/projection")).expect("the modules") {
        let name = entry.expect("readable").file_name().to_string_lossy().into_owned();
        modules.insert(name.trim_end_matches(".rs").to_owned());
    }
    modules.retain(|name| !NO_VIEWS.contains(&name.as_str()));
    let mut described: BTreeSet<_> = files.keys().cloned().collect();
    for (table, _) in OF_THE_ENGINE {
        assert!(described.remove(table), "projections/{table}.cql");
    }
    assert_eq!(described, modules, "projections/*.cql (left) and src/projection/*.rs must match");
    described.retain(|name| SCHEMA.outside.iter().all(|table| table.name != name));
    let changed: BTreeSet<_> = fed_by().into_keys().map(str::to_owned).collect();
    assert_eq!(described, changed, "every view is fed by something");
}

#[test]
fn each_file_is_what_its_table_says() {
    let files = files();
    for table in SCHEMA.all_tables() {
        let text = &files[table.name];
        let (header, create) = (table.header(), table.create());
        assert!(text.starts_with(&header), "projections/{}.cql begins so:\n{header}", table.name);
        assert!(text.ends_with(&create), "projections/{}.cql ends so:\n{create}", table.name);
        let between = &text[header.len()..text.len() - create.len()];
        assert!(between.lines().all(|line| line.starts_with("--")), "{}: {between}", table.name);
    }
}

#[cfg(feature = "cluster")]
#[test]
fn each_other_file_is_what_migrating_makes() {
    let made = parlor::engine::cluster::cql::SPECIAL.iter();
    let made: BTreeMap<_, _> =
        made.map(|(name, text)| (name.to_string(), text.to_string())).collect();
    let mut others = files();
    others.retain(|name, _| !SCHEMA.all_tables().any(|table| table.name == name));
    assert_eq!(made, others);
}

/// What reads a table or what is special: whoever calls one of these.
const QUERIES: [(&str, &[&str]); 10] = [
    ("pages", &["pages::begin("]),
    ("turns_due", &["turns_due::owed("]),
    ("conversations", &["conversations::list("]),
    ("conversation_days", &["conversation_days::upto("]),
    ("discarded", &["discarded::was("]),
    ("followers", &["followers::place("]),
    (
        "timeline",
        &[
            "engine.conversation(",
            "engine.timeline(",
            "engine.messages(",
            "engine.timeline_before(",
        ],
    ),
    ("contacts", &["engine.contact("]),
    ("claims", &["engine.claim("]),
    ("totals", &["engine.totals("]),
];

/// The files under `src/` that call one of these, without `.rs`.
fn callers(calls: &[&str]) -> BTreeSet<String> {
    fn walk(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("readable").path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let source = Path::new(ROOT).join("src");
    let mut paths = Vec::new();
    walk(&source, &mut paths);
    paths.retain(|path| !path.ends_with("tests.rs"));
    let reads = paths.into_iter().filter(|path| {
        let text = std::fs::read_to_string(path).expect("UTF-8");
        // A call may be cut where it is long.
        let text: String = text.split_whitespace().collect();
        // `list_conversations::list` is another.
        let is_whole = |at: usize| !text[..at].ends_with('_');
        calls.iter().any(|call| text.match_indices(call).any(|(at, _)| is_whole(at)))
    });
    let name = |path: std::path::PathBuf| {
        let path = path.with_extension("");
        path.strip_prefix(&source).expect("under src").display().to_string()
    };
    reads.map(name).collect()
}

#[test]
fn each_header_names_what_reads_its_view() {
    let files = files();
    for (view, calls) in QUERIES {
        let said = header(view, &files[view], "-- read by:");
        let said: BTreeSet<_> = said.split(" · ").map(str::to_owned).collect();
        let why = "`read by` (left) is not who calls its queries";
        assert_eq!(said, callers(calls), "projections/{view}.cql: {why}");
    }
    let held = QUERIES.map(|(view, _)| view);
    let tables = SCHEMA.all_tables().map(|table| table.name);
    assert!(tables.into_iter().all(|table| held.contains(&table)), "say how each is read");
}

#[test]
fn each_file_is_a_question_and_a_table() {
    for (view, text) in files() {
        let question = header(&view, &text, &format!("-- {view}: "));
        assert!(question.ends_with('?'), "projections/{view}.cql begins with its question");
        assert!(!header(&view, &text, "-- read by:").is_empty(), "{view}: who reads it?");
        let code: Vec<_> = text.lines().filter(|line| !line.starts_with("--")).collect();
        let code = code.join(" ");
        assert!(code.starts_with(&format!("CREATE TABLE {view} (")), "{view}: {code}");
        assert_eq!(code.matches(';').count(), 1, "{view}: one statement");
        let (_, key) = code.split_once("PRIMARY KEY ((").expect("a primary key");
        let all = FOR_ALL_ACCOUNTS.contains(&view.as_str());
        assert_eq!(!key.starts_with("account"), all, "{view}: the account comes first in its key");
        // What one of the two databases does not know, or what replays would break.
        for refused in ["counter", "tablets", "cdc", "caching", "COMPACT", "VIEW", "INDEX", "<"] {
            assert!(!code.contains(refused), "{view}: {refused} is not for both databases");
        }
    }
}
