//! The source itself: arrows point one way, side doors stay shut, files stay short.
//!
//! Read as text, so that a `use` behind a macro or in a test counts like any other.

use std::path::{Path, PathBuf};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
/// A file longer than this has more than one subject.
const MAX_LINES: usize = 500;

struct File {
    /// Under `src/`, such as `surface/live.rs`.
    path: String,
    lines: usize,
    /// Without comments.
    code: String,
}

fn files() -> Vec<File> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("a directory") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(Path::new(SOURCE), &mut paths);
    paths.sort();
    let files: Vec<_> = paths
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("UTF-8");
            let path = path.strip_prefix(SOURCE).expect("under src").display().to_string();
            File { path, lines: text.lines().count(), code: without_comments(&text) }
        })
        .collect();
    assert!(files.len() > 50, "the source is where it is looked for");
    files
}

fn without_comments(text: &str) -> String {
    let code = text.lines().map(|line| match line.find("//") {
        // `http://` stands in texts, and is no comment.
        Some(at) if !line[..at].ends_with(':') => &line[..at],
        _ => line,
    });
    code.collect::<Vec<_>>().join("\n")
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

/// The paths after each `prefix` (such as `crate::`), `{a, b::c}` spread out, each as its first
/// two words.
fn paths_after(code: &str, prefix: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(prefix) {
        let before = rest[..at].chars().next_back();
        rest = &rest[at + prefix.len()..];
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        for path in spread(rest) {
            let first = word(&path).to_owned();
            let second = path.get(first.len() + 2..).map(word).unwrap_or_default().to_owned();
            found.push((first, second));
        }
    }
    found
}

/// `{a, b::{c, d}}…` as `a`, `b::c`, `b::d`; anything else as it is.
fn spread(text: &str) -> Vec<String> {
    let text = text.trim_start();
    if let Some(inside) = text.strip_prefix('{') {
        let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
        for (at, c) in inside.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth > 0 => depth -= 1,
                ',' | '}' if depth == 0 => {
                    paths.extend(spread(&inside[start..at]));
                    start = at + 1;
                    if c == '}' {
                        return paths;
                    }
                }
                _ => {}
            }
        }
        return paths;
    }
    let first = word(text);
    match text[first.len()..].strip_prefix("::") {
        Some(rest) if !first.is_empty() => {
            spread(rest).into_iter().map(|path| format!("{first}::{path}")).collect()
        }
        _ if first.is_empty() => Vec::new(),
        _ => vec![first.to_owned()],
    }
}

/// The folder or file directly under `src/`.
fn layer(path: &str) -> &str {
    path.split('/').next().expect("a first part").trim_end_matches(".rs")
}

fn assert_none(breaches: &[String], what_to_do: &str) {
    assert!(breaches.is_empty(), "{}\n{what_to_do}", breaches.join("\n"));
}

#[test]
fn arrows_point_one_way() {
    // What each layer may name besides itself.
    let allowed: [(&str, &[&str]); 16] = [
        ("domain", &[]),
        ("projection", &["domain"]),
        ("engine", &["domain", "fair", "projection", "tls"]),
        ("fair", &[]),
        ("files", &["domain"]),
        ("outside", &["domain", "fair", "tls"]),
        ("bot", &["domain", "outside"]),
        ("live", &["domain", "engine", "projection"]),
        ("app", &["domain", "projection", "engine", "fair", "files", "outside", "bot", "live"]),
        ("process", &["domain", "projection", "engine", "live", "app"]),
        ("server", &[]),
        ("surface", &["domain", "engine", "fair", "live", "app", "server"]),
        ("config", &[]),
        ("tls", &[]),
        (
            "role",
            &[
                "domain", "engine", "fair", "files", "outside", "bot", "live", "app", "process",
                "server", "surface", "config", "tls",
            ],
        ),
        ("main", &["role"]),
    ];
    let mut breaches = Vec::new();
    for file in files() {
        let layer = layer(&file.path);
        if layer == "lib" {
            continue;
        }
        let row = allowed.iter().find(|(name, _)| *name == layer);
        let (_, may) = row.unwrap_or_else(|| panic!("say in layers.rs what {layer} may import"));
        let named = paths_after(&file.code, "crate::")
            .into_iter()
            .chain(paths_after(&file.code, "parlor::"))
            .chain(beyond_the_layer(&file));
        for (first, _) in named {
            if first != layer && !may.contains(&first.as_str()) {
                breaches.push(format!("src/{} imports {first}", file.path));
            }
        }
    }
    assert_none(&breaches, "Move what is needed down, or hand it in from above.");
}

/// What `super::super::…` names when it climbs out of its layer.
fn beyond_the_layer(file: &File) -> Vec<(String, String)> {
    // How deep the file's module is: `surface/live.rs` is two deep.
    let depth = file.path.split('/').count();
    let (code, tests) =
        file.code.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&file.code, ""));
    let climb = |code, depth| paths_after(code, &"super::".repeat(depth));
    let mut named = climb(code, depth);
    named.extend(climb(tests, depth + 1));
    named.retain(|(first, _)| first != "super");
    named
}

#[test]
fn no_surface_imports_another() {
    let folders: Vec<String> = std::fs::read_dir(format!("{SOURCE}/surface"))
        .expect("the surfaces")
        .map(|entry| entry.expect("readable"))
        .filter(|entry| entry.path().join("wire.rs").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(folders.len() >= 2, "the surfaces are where they are looked for: {folders:?}");
    let mut breaches = Vec::new();
    for file in files() {
        let mut parts = file.path.split('/');
        let (Some("surface"), Some(own)) = (parts.next(), parts.next()) else { continue };
        let own = own.trim_end_matches(".rs");
        if !folders.iter().any(|folder| folder == own) {
            continue;
        }
        // From `surface/live.rs` a sibling is `super::x`, from its other files
        // `super::super::x`.
        let of_surface = paths_after(&file.code, "crate::surface::").into_iter();
        let of_crate = paths_after(&file.code, "crate::")
            .into_iter()
            .filter(|(first, _)| first == "surface")
            .map(|(_, second)| (second, String::new()));
        let climbed = paths_after(&file.code, "super::super::")
            .into_iter()
            .chain(paths_after(&file.code, "super::"));
        for (named, _) in of_surface.chain(of_crate).chain(climbed) {
            if named != own && folders.contains(&named) {
                breaches.push(format!("src/{} imports surface::{named}", file.path));
            }
        }
    }
    breaches.dedup();
    assert_none(&breaches, "What surfaces share stands beside them in src/surface/.");
}

/// Files that name any of `names` and are not `keeper`.
fn others_than(keeper: &str, names: &[&str]) -> Vec<String> {
    let files = files();
    let kept = files.iter().find(|file| file.path == keeper).expect("the keeper exists");
    assert!(
        names.iter().any(|name| kept.code.contains(name)),
        "{keeper} does what it alone may do"
    );
    let breaches = files.iter().filter(|file| file.path != keeper).flat_map(|file| {
        let found = names.iter().filter(|name| file.code.contains(**name));
        found.map(|name| format!("src/{} has {name}", file.path))
    });
    breaches.collect()
}

#[test]
fn only_the_config_reads_the_environment() {
    let names =
        ["env::var", "env::vars", "env::set_var", "Env::prefixed", "Env::raw", "option_env!"];
    assert_none(&others_than("config.rs", &names), "Make it a setting in src/config.rs.");
}

#[test]
fn only_the_clock_reads_the_time_of_day() {
    let names = ["SystemTime", "Utc::now", "Timestamp::now", "Zoned::now", "now_v7", "now_v1("];
    assert_none(
        &others_than("app/clock.rs", &names),
        "Take the time as an argument, or ask app::clock.",
    );
}

#[test]
fn no_file_is_long() {
    let long: Vec<_> = files()
        .iter()
        .filter(|file| file.lines > MAX_LINES)
        .map(|file| format!("src/{} has {} lines", file.path, file.lines))
        .collect();
    assert_none(&long, "Cut it where its subject changes.");
}

#[test]
fn a_module_is_a_file_beside_the_folder_of_its_name() {
    let others: Vec<_> = files()
        .iter()
        .filter(|file| file.path.ends_with("/mod.rs"))
        .map(|file| format!("src/{}", file.path))
        .collect();
    assert_none(&others, "Call it `name.rs`, beside `name/`.");
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let code =
        "use crate::a::b;\nuse crate::{c::{d, e::f}, g};\nlet x = crate::h::i(1); mycrate::j";
    let found: Vec<_> = paths_after(code, "crate::")
        .into_iter()
        .map(|(first, second)| format!("{first} {second}"))
        .collect();
    assert_eq!(found, ["a b", "c d", "c e", "g ", "h i"]);
    let file = File {
        path: "domain/ids.rs".to_owned(),
        lines: 1,
        code: "super::event; super::super::engine::X".to_owned(),
    };
    assert_eq!(beyond_the_layer(&file), [("engine".to_owned(), "X".to_owned())]);
}
