//! What operators read and deploy, held against the binary: settings, metrics and alerts are named
//! in `docs/`, `deploy/` and the compose files as they are in the code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use parlor::config::Config;
use parlor::role::{Arguments, measures};
use serde_json::Value;

use crate::harness::wait::eventually;
use crate::harness::{Client, Server};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const BOARD: &str = "deploy/grafana/boards/parlor.json";
const ALERTS: &str = "deploy/prometheus/alerts.yml";
const RUNBOOK: &str = "docs/operations.md";
const CHART: &str = "deploy/helm/parlor";
/// Which account a command of administration is about.
const NO_SETTING: &str = "PARLOR_ACCOUNT";
/// What the variable of another standard sets.
const NOT_OURS: [&str; 1] = ["otlp_endpoint"];

fn read(path: &str) -> String {
    let whole = Path::new(ROOT).join(path);
    std::fs::read_to_string(whole).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files_under(dir: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files_under(&path, all);
        } else {
            all.push(path);
        }
    }
}

/// Everything that is deployed, by file.
fn deployed() -> Vec<(PathBuf, String)> {
    let root = Path::new(ROOT);
    let mut files = ["Dockerfile", "docker-compose.yml", "docker-compose.cluster.yml", RUNBOOK]
        .map(|name| root.join(name))
        .to_vec();
    files_under(&root.join("deploy"), &mut files);
    let text = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("UTF-8, and no dangling link");
        (path, text)
    };
    files.into_iter().map(text).collect()
}

/// The words of a text that begin so and go on in letters of `more` kind.
fn words<'a>(text: &'a str, begin: &'a str, more: fn(char) -> bool) -> BTreeSet<&'a str> {
    let whole = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !whole(c))
        .filter(|word| {
            word.strip_prefix(begin).is_some_and(|rest| !rest.is_empty() && rest.chars().all(more))
        })
        .collect()
}

fn settings() -> BTreeSet<String> {
    let config = serde_json::to_value(Config::default()).expect("JSON");
    let names = config.as_object().expect("settings").keys();
    names.filter(|name| !NOT_OURS.contains(&name.as_str())).cloned().collect()
}

#[test]
fn the_runbook_lists_every_setting_and_no_other() {
    let runbook = read(RUNBOOK);
    let (_, after) = runbook.split_once("\n## Settings\n").expect("the settings");
    let table = after.split("\n## ").next().expect("the chapter");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let listed = rows.flat_map(|cell| cell.split(", "));
    let listed: BTreeSet<_> = listed.map(|name| name.trim_matches('`').to_owned()).collect();
    let command = Arguments::command();
    let serve = command.find_subcommand("serve").expect("serve");
    let flags: BTreeSet<_> = serve.get_arguments().filter_map(clap::Arg::get_long).collect();
    for name in &listed {
        let one_by_one = matches!(name.as_str(), "kafka_options" | "allow_networks");
        let flag = name.strip_suffix('s').filter(|_| one_by_one).unwrap_or(name);
        let flag = flag.replace('_', "-");
        assert!(flags.contains(flag.as_str()), "`parlor serve` knows no --{flag}");
    }
    assert_eq!(listed, settings(), "{RUNBOOK}, \"Settings\" (left), and src/config.rs");
}

#[test]
fn every_variable_that_is_deployed_is_a_setting() {
    let settings = settings();
    for (path, text) in deployed() {
        let upper = |c: char| c.is_ascii_uppercase() || c == '_';
        for variable in words(&text, "PARLOR_", upper) {
            if variable == NO_SETTING {
                continue;
            }
            let name = variable["PARLOR_".len()..].to_lowercase();
            assert!(settings.contains(&name), "{}: {variable} is no setting", path.display());
        }
    }
}

#[test]
fn every_value_that_the_chart_hands_on_is_a_setting() {
    let settings = settings();
    let values = read(&format!("{CHART}/values.yaml"));
    let (_, after) = values.split_once("\nconfig:\n").expect("the settings");
    let block = after.lines().take_while(|line| line.is_empty() || line.starts_with("  "));
    let names = block.filter_map(|line| line.trim().split_once(':')).map(|(name, _)| name);
    let names: Vec<_> = names.filter(|name| !name.starts_with('#')).collect();
    assert!(names.len() > 10, "the chart hands settings on: {names:?}");
    for name in names {
        assert!(settings.contains(name), "values.yaml: config.{name} is no setting");
    }
}

/// Metrics as they are written down, without what Prometheus adds to a histogram's name.
fn metrics_in(text: &str) -> BTreeSet<&str> {
    let lower = |c: char| c.is_ascii_lowercase() || c == '_';
    words(text, "parlor_", lower)
        .into_iter()
        .map(|word| {
            let suffixes = ["_bucket", "_sum", "_count"];
            suffixes.iter().find_map(|suffix| word.strip_suffix(suffix)).unwrap_or(word)
        })
        .collect()
}

/// Metrics that the code counts.
fn counted() -> BTreeSet<String> {
    let mut files = Vec::new();
    files_under(&Path::new(ROOT).join("src"), &mut files);
    let mut counted = BTreeSet::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        for at in ["counter!(", "gauge!(", "histogram!("] {
            let calls =
                text.split(at).skip(1).map(|call| call.trim_start().trim_start_matches('"'));
            let names = calls.filter_map(|call| call.split('"').next());
            counted.extend(names.filter(|name| name.starts_with("parlor_")).map(str::to_owned));
        }
    }
    counted
}

#[test]
fn every_metric_says_what_it_is_and_is_there_from_the_start() {
    let described: BTreeSet<_> = measures::names().map(str::to_owned).collect();
    assert_eq!(described, counted(), "src/role/measures.rs (left) and what src counts");
}

#[tokio::test]
async fn a_fresh_server_shows_its_counters_its_process_and_its_build() {
    let server = Server::start().await;
    let text = server.stranger().get("/metrics").await.text;
    for name in ["parlor_live_slow_readers_total 0", "parlor_log_commit_failures_total 0"] {
        assert!(text.contains(name), "{name} is missing:\n{text}");
    }
    let reason = "parlor_server_connections_given_up_total{reason=\"idle\"} 0";
    assert!(text.contains(reason), "{text}");
    assert!(text.contains("parlor_build_info{version=\""), "{text}");
    for process in
        ["process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_open_fds "]
    {
        eventually("the process is measured", async || {
            let text = server.stranger().get("/metrics").await.text;
            text.lines().any(|line| line.starts_with(process)).then_some(())
        })
        .await;
    }
    let text = server.stranger().get("/metrics").await.text;
    let helped: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().expect("a name");
        assert!(helped.contains(name), "{name} does not say what it is");
    }
}

#[test]
fn the_board_shows_every_metric_and_nothing_that_is_not_counted() {
    let counted = counted();
    assert!(counted.len() > 20, "metrics are found in src: {counted:?}");
    let board = read(BOARD);
    let shown: BTreeSet<_> = metrics_in(&board).into_iter().map(str::to_owned).collect();
    assert_eq!(shown, counted, "{BOARD} (left) and what src counts");
}

#[test]
fn alerts_and_runbook_name_metrics_that_are_counted() {
    let counted = counted();
    for path in [ALERTS, "deploy/prometheus/alerts_test.yml", RUNBOOK] {
        for metric in metrics_in(&read(path)) {
            assert!(counted.contains(metric), "{path}: nothing in src counts {metric}");
        }
    }
}

#[test]
fn every_alert_has_its_place_in_the_runbook() {
    let (alerts, runbook) = (read(ALERTS), read(RUNBOOK));
    let fields = |field: &'static str| {
        let lines = alerts.lines().map(str::trim);
        lines.filter_map(move |line| line.strip_prefix(field)).map(str::trim)
    };
    let names: Vec<_> = fields("- alert:").collect();
    let links: Vec<_> = fields("runbook:").collect();
    let expected: Vec<_> =
        names.iter().map(|name| format!("{RUNBOOK}#{}", name.to_lowercase())).collect();
    assert_eq!(links, expected, "each alert leads to its own place");
    let headings = runbook.lines().filter_map(|line| line.strip_prefix("### Parlor"));
    let headings: BTreeSet<_> = headings.map(|rest| format!("Parlor{rest}")).collect();
    let names: BTreeSet<_> = names.into_iter().map(str::to_owned).collect();
    assert_eq!(headings, names, "{RUNBOOK} (left) and {ALERTS}");
}

#[test]
fn the_board_is_whole() {
    let board: Value = serde_json::from_str(&read(BOARD)).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len(), "every panel has an id of its own");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let title = panel["title"].as_str().unwrap_or_default();
        assert!(!title.is_empty(), "a panel without a title: {panel}");
        let targets = panel["targets"].as_array().map_or(0, Vec::len);
        assert!(targets > 0, "{title} asks for nothing");
    }
}

#[test]
fn the_chart_hashes_and_alerts_as_compose_does() {
    let nginx = read("deploy/nginx/nginx.conf");
    assert_eq!(read(&format!("{CHART}/files/nginx.conf")), nginx);
    assert_eq!(read(&format!("{CHART}/files/alerts.yml")), read(ALERTS));
    // What is printed for controllers that hash themselves.
    let helpers = read(&format!("{CHART}/templates/_helpers.tpl"));
    let maps = |text: &str| {
        let of_key =
            |block: &&str| block.starts_with("$uri $parlor_key") || block.starts_with("$http_idem");
        let end = |block: &str| {
            let ends = ["\n}", "\n    }"].into_iter().filter_map(|end| block.find(end));
            ends.min().unwrap_or(block.len())
        };
        text.split("map ")
            .filter(of_key)
            .map(|block| block[..end(block)].split_whitespace().collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(maps(&helpers).len(), 2, "both maps are printed");
    assert_eq!(maps(&helpers), maps(&nginx));
}

#[test]
fn a_container_may_take_longer_to_stop_than_a_drain() {
    let seconds = |path: &str, name: &str| -> u64 {
        let text = read(path);
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("{path} has no {name}")).trim();
        value.trim_end_matches('s').parse().expect("whole seconds")
    };
    let cluster = "docker-compose.cluster.yml";
    let text = read(cluster);
    let (_, ours) = text.split_once("x-parlor: &parlor\n").expect("the nodes");
    let grace = ours.lines().find_map(|line| line.trim().strip_prefix("stop_grace_period: "));
    let grace: u64 = grace.expect("a grace").trim_end_matches('s').parse().expect("seconds");
    assert!(grace > seconds(cluster, "PARLOR_DRAIN_S:") + 10, "{cluster}");
    let embedded = "docker-compose.yml";
    assert!(seconds(embedded, "stop_grace_period:") > Config::default().drain_s + 5, "{embedded}");
}

#[tokio::test]
async fn metrics_may_have_an_address_of_their_own_and_are_nowhere_else() {
    let server = Server::start_with(&["--metrics-listen", "127.0.0.1:0"]).await;
    let said = server.says(&["metrics are served at "]).await;
    let (_, address) = said.split_once("metrics are served at ").expect("where they are");
    let base = address.split("/metrics").next().expect("an address");
    let theirs = Client::new(base);
    let answer = theirs.get("/metrics").await;
    assert!(answer.status == 200 && answer.text.contains("parlor_build_info"), "{}", answer.text);
    for (client, path, status) in [
        (&server.stranger(), "/metrics", 404),
        (&server.stranger(), "/readyz", 200),
        (&theirs, "/healthz", 200),
        (&theirs, "/bot/v1/contacts/none", 404),
        (&theirs, "/docs/", 404),
    ] {
        assert_eq!(client.get(path).await.status, status, "{path}");
    }
}
