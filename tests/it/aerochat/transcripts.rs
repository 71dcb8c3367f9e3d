//! Replays `tests/transcripts/aerochat/*.http`: the page's own examples (seed 000) in its own
//! words, with origin and key put in.
//!
//! A file is a conversation: requests and the answers they get, as on the wire, one site per
//! file. `<your_key>` is the key; `{field}` in a request is that field of an earlier answer. In an
//! answer `[id]`, `[time]` and `[text]` stand for what differs each time; all else, the order of
//! the fields included, is compared as text.

use serde_json::Value;

use super::shapes::{is_id, is_message_id, is_time};
use crate::harness::Client;
use crate::harness::http::Answer;
use crate::harness::site::{Engine, Site, apply, both_engines};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/aerochat");

/// One request and the answer it gets.
#[derive(Debug, Default)]
struct Exchange {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    status: u16,
    answer_headers: Vec<(String, String)>,
    answer: Value,
}

/// The exchanges of a file; lines that begin with `#` are prose.
fn parse(file: &str, transcript: &str) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    let prose = |line: &&str| !line.starts_with('#');
    let lines: Vec<_> = transcript.lines().filter(prose).collect();
    let starts: Vec<_> = (0..lines.len())
        .filter(|&at| lines[at].starts_with("HTTP/1.1 ") || lines[at].ends_with(" HTTP/1.1"))
        .chain([lines.len()])
        .collect();
    for bounds in starts.windows(2) {
        let (first, rest) = (lines[bounds[0]], &lines[bounds[0] + 1..bounds[1]]);
        let blank = rest.iter().position(|line| line.is_empty()).unwrap_or(rest.len());
        let headers = rest[..blank].iter().map(|line| {
            let header = line.split_once(": ");
            let (name, value) = header.unwrap_or_else(|| panic!("{file}: no header: {line}"));
            (name.to_owned(), value.to_owned())
        });
        let headers = headers.collect();
        let body = rest[blank..].join("\n").trim().to_owned();
        if let Some(status) = first.strip_prefix("HTTP/1.1 ") {
            let exchange = exchanges.last_mut().expect("a request comes before its answer");
            exchange.status = status[..3].parse().expect("a status");
            exchange.answer_headers = headers;
            exchange.answer = serde_json::from_str(&body)
                .unwrap_or_else(|error| panic!("{file}: the answer is no JSON: {error}\n{body}"));
        } else {
            let mut words = first.split(' ');
            let mut word = || words.next().expect("method, path, HTTP/1.1").to_owned();
            let (method, path) = (word(), word());
            exchanges.push(Exchange { method, path, headers, body, ..Exchange::default() });
        }
    }
    assert!(exchanges.iter().all(|one| one.status > 0), "{file}: a request lacks its answer");
    exchanges
}

/// Puts fields of earlier answers where a request names them.
fn filled(text: &str, known: &[(String, String)]) -> String {
    known
        .iter()
        .rev()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// The actual value with placeholders put where `expected` has fitting ones.
fn redacted(actual: &Value, expected: &Value) -> Value {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => actual
            .iter()
            .map(|(name, value)| {
                let expected = expected.get(name).unwrap_or(&Value::Null);
                (name.clone(), redacted(value, expected))
            })
            .collect(),
        (Value::Array(actual), Value::Array(expected)) => {
            let expected = expected.iter().chain(std::iter::repeat(&Value::Null));
            actual.iter().zip(expected).map(|(a, e)| redacted(a, e)).collect()
        }
        (Value::String(actual), Value::String(expected)) if fits(actual, expected) => {
            Value::String(expected.clone())
        }
        _ => actual.clone(),
    }
}

/// Whether a text is what a placeholder stands for; words may stand before it.
fn fits(actual: &str, expected: &str) -> bool {
    let Some((before, placeholder)) = expected.split_once('[') else { return false };
    let Some(rest) = actual.strip_prefix(before) else { return false };
    match placeholder {
        "id]" => is_message_id(rest) || is_id("cv_", rest) || is_id("ct_", rest),
        "time]" => is_time(rest),
        "text]" => !rest.is_empty(),
        "6 digits]" => rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

fn remember(known: &mut Vec<(String, String)>, answer: &Value) {
    for (name, value) in answer.as_object().into_iter().flatten() {
        if let Value::String(value) = value {
            known.retain(|(known, _)| known != name);
            known.push((name.clone(), value.clone()));
        }
    }
}

async fn ask(
    client: &Client,
    key: &str,
    exchange: &Exchange,
    known: &[(String, String)],
) -> Answer {
    let mut client = client.clone();
    for (name, value) in &exchange.headers {
        client = client.with(name, &value.replace("<your_key>", key));
    }
    let path = filled(&exchange.path, known);
    client.raw(&exchange.method, &path, "", &filled(&exchange.body, known)).await
}

async fn replay(engine: Engine, name: &str) {
    let text = std::fs::read_to_string(format!("{DIRECTORY}/{name}.http")).expect("the transcript");
    let exchanges = parse(name, &text);
    assert!(!exchanges.is_empty(), "{name}: a transcript has exchanges");
    let site = Site::start(engine).await;
    let (client, key) = (site.stranger(), site.key().to_owned());
    let mut known = Vec::new();
    for exchange in exchanges {
        let answer = ask(&client, &key, &exchange, &known).await;
        let place = format!("{name}: {} {}", exchange.method, exchange.path);
        assert_eq!(answer.status, exchange.status, "{place}: {}", answer.text);
        for (header, value) in &exchange.answer_headers {
            assert_eq!(answer.header(header), value, "{place}: {header}");
        }
        let body = answer.json();
        let pretty = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
        let (actual, expected) =
            (pretty(&redacted(&body, &exchange.answer)), pretty(&exchange.answer));
        assert!(
            actual == expected,
            "{place}: the answer is not the page's.\nexpected {expected}\nactual {actual}\n\
             If the page says so, mend the code; if we chose otherwise, say so in the transcript."
        );
        remember(&mut known, &body);
    }
}

macro_rules! transcripts {
    ($($name:ident)*) => {
        $(
            #[apply(both_engines)]
            async fn $name(engine: Engine) {
                replay(engine, stringify!($name)).await;
            }
        )*

        #[test]
        fn every_transcript_is_replayed() {
            let replayed = [$(concat!(stringify!($name), ".http")),*];
            for entry in std::fs::read_dir(DIRECTORY).expect("the transcripts") {
                let file = entry.expect("readable").file_name();
                let file = file.to_string_lossy();
                assert!(replayed.contains(&&*file), "name {file} in transcripts.rs or remove it");
            }
        }
    };
}

transcripts! {
    send_a_message
    continue_a_conversation
    attach_an_identity
    queued_for_agent
    get_a_contact
    get_a_conversations_messages
    errors
}
