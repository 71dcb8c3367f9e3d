//! Every file and folder that a document or a module's docstring names in back-ticks is there.
//!
//! A name is good where a path of the project ends with it: `live/hub.rs`, `hub.rs` and `live/hub`
//! name one file.

use std::collections::BTreeSet;
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where the project's own files are.
const FOLDERS: [&str; 9] =
    ["benches", "deploy", "docs", "examples", "openapi", "projections", "src", "tests", "web"];
/// Made by tools, or of others.
const FOREIGN: [&str; 4] = ["node_modules", "target", "__pycache__", "vendor"];
/// What a path ends with; of other endings there are names of things that are made when Parlor runs.
const ENDINGS: [&str; 5] = [".rs", ".js", ".md", ".cql", "/"];

/// All paths from the root, those of folders with a `/` at the end.
fn paths() -> BTreeSet<String> {
    fn walk(dir: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("readable").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
            let at = path.strip_prefix(ROOT).expect("under the root").display().to_string();
            if !path.is_dir() {
                found.insert(at);
                continue;
            }
            found.insert(format!("{at}/"));
            if !FOREIGN.contains(&name) {
                walk(&path, found);
            }
        }
    }
    let mut found = BTreeSet::new();
    for folder in FOLDERS {
        found.insert(format!("{folder}/"));
        walk(&Path::new(ROOT).join(folder), &mut found);
    }
    for entry in std::fs::read_dir(ROOT).expect("the root") {
        let entry = entry.expect("readable");
        if entry.path().is_file() {
            found.insert(entry.file_name().to_str().expect("UTF-8").to_owned());
        }
    }
    found
}

/// The prose of a file: a document without its blocks of code, or a source's own docstring.
fn prose(path: &str, text: &str) -> String {
    if path.ends_with(".rs") {
        let lines = text.lines().filter(|line| line.trim_start().starts_with("//!"));
        return lines.collect::<Vec<_>>().join("\n");
    }
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What stands in back-ticks and names a path; `{a,b}` is each of them.
fn named(prose: &str, folders: &BTreeSet<&str>) -> Vec<String> {
    let quoted = prose.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_plain = |text: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-./{},".contains(c);
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain)
    };
    let is_path = |text: &&str| {
        let first = text.split('/').next().unwrap_or_default();
        ENDINGS.iter().any(|ending| text.ends_with(ending))
            || text.contains('/') && folders.contains(first)
    };
    quoted.filter(is_plain).filter(is_path).flat_map(spread).collect()
}

fn spread(text: &str) -> Vec<String> {
    let parts = text.split_once('{').and_then(|(before, rest)| {
        rest.split_once('}').map(|(inner, after)| (before, inner, after))
    });
    match parts {
        Some((before, inner, after)) => {
            inner.split(',').map(|one| format!("{before}{}{after}", one.trim())).collect()
        }
        None => vec![text.to_owned()],
    }
}

fn is_there(name: &str, paths: &BTreeSet<String>) -> bool {
    let forms = [name.to_owned(), format!("{name}.rs"), format!("{name}/")];
    paths.iter().any(|path| {
        forms.iter().any(|form| {
            path.strip_suffix(form.as_str())
                .is_some_and(|before| before.is_empty() || before.ends_with('/'))
        })
    })
}

#[test]
fn every_path_that_is_named_is_there() {
    let paths = paths();
    let folders: BTreeSet<_> =
        paths.iter().filter_map(|path| path.strip_suffix('/')?.rsplit('/').next()).collect();
    let (mut read, mut missing) = (0, Vec::new());
    for path in paths.iter().filter(|path| path.ends_with(".rs") || path.ends_with(".md")) {
        let text = std::fs::read_to_string(Path::new(ROOT).join(path)).expect("UTF-8");
        for name in named(&prose(path, &text), &folders) {
            read += 1;
            if !is_there(&name, &paths) {
                missing.push(format!("{path} names {name}"));
            }
        }
    }
    assert!(read > 100, "paths are found where they are named: {read}");
    assert_eq!(missing, Vec::<String>::new());
}
