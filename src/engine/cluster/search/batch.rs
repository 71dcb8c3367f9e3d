//! Bodies of `_bulk` and what the answer says of each document. Pure.

use serde::Deserialize;
use serde_json::json;

use super::document::Document;
use super::http::Failure;

/// What one request carries at most; a document that is larger goes alone.
const MAX_DOCUMENTS: usize = 500;
const MAX_BYTES: usize = 2 << 20;

/// How many of the first documents one body carries, and that body: two lines of JSON for each.
///
/// # Errors
/// [`Failure::Refused`] when a document is no JSON, which none can be.
pub(super) fn body(documents: &[Document]) -> Result<(usize, Vec<u8>), Failure> {
    let mut body = Vec::new();
    let mut carried = 0;
    for document in documents.iter().take(MAX_DOCUMENTS) {
        let before = body.len();
        write(&mut body, document).map_err(|error| Failure::Refused(error.to_string()))?;
        if carried > 0 && body.len() > MAX_BYTES {
            body.truncate(before);
            break;
        }
        carried += 1;
    }
    Ok((carried, body))
}

fn write(body: &mut Vec<u8>, document: &Document) -> serde_json::Result<()> {
    let action = json!({ "index": {
        "_id": document.id(),
        "routing": document.account,
        "version": document.seq,
        "version_type": "external",
    } });
    serde_json::to_writer(&mut *body, &action)?;
    body.push(b'\n');
    serde_json::to_writer(&mut *body, document)?;
    body.push(b'\n');
    Ok(())
}

/// The answer to a body.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    index: ItemResult,
}

#[derive(Debug, Deserialize)]
struct ItemResult {
    status: u16,
    #[serde(default)]
    error: Option<Cause>,
}

/// Why OpenSearch did not do something.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cause {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) reason: String,
}

/// What became of one document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// This version is in the index.
    Written,
    /// This version or a newer one was in the index before.
    Known,
    /// Not now; later perhaps.
    Later(String),
    /// The index we write to is not there.
    NoIndex,
    /// Never: the index takes no such document.
    Refused(String),
}

impl Answer {
    /// The fate of each document of the body, in its order; none when the answer is not about it.
    pub(super) fn fates(self, documents: usize) -> Option<Vec<Fate>> {
        let fates: Vec<_> = self.items.into_iter().map(|item| fate(item.index)).collect();
        (fates.len() == documents).then_some(fates)
    }
}

fn fate(result: ItemResult) -> Fate {
    let cause = result.error.unwrap_or_default();
    match result.status {
        200..=299 => Fate::Written,
        409 => Fate::Known,
        404 => Fate::NoIndex,
        400 => Fate::Refused(cause.to_string()),
        // Too busy, the disk is full, a shard has no primary, whatever else passes.
        _ => Fate::Later(cause.to_string()),
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A reason may quote a document at length.
        write!(f, "{}: {:.300}", self.kind, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::engine::cluster::search::document::tests::inbound;

    fn documents(texts: &[String]) -> Vec<Document> {
        let recorded = (1..).zip(texts).map(|(seq, text)| inbound(seq, 1, text));
        recorded.map(|recorded| Document::of(&recorded).expect("a message")).collect()
    }

    fn lines(body: &[u8]) -> Vec<Value> {
        let text = std::str::from_utf8(body).expect("UTF-8");
        assert!(text.ends_with('\n'), "a body ends its last line");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    proptest! {
        #[test]
        fn bodies_carry_every_document_once_and_in_order(
            texts in prop::collection::vec(any::<String>(), 1..20),
            large in prop::collection::vec(0..3 * MAX_BYTES, 0..3),
        ) {
            let large = large.iter().map(|size| "\u{7}\n\"".repeat(size / 9));
            let all = documents(&texts.into_iter().chain(large).collect::<Vec<_>>());
            let (mut left, mut read) = (&all[..], Vec::new());
            while !left.is_empty() {
                let (carried, body) = body(left).expect("a body");
                prop_assert!(carried > 0);
                prop_assert!(carried == 1 || body.len() <= MAX_BYTES);
                let lines = lines(&body);
                prop_assert_eq!(lines.len(), 2 * carried);
                read.extend(lines);
                left = &left[carried..];
            }
            for (document, lines) in all.iter().zip(read.chunks(2)) {
                let action = &lines[0]["index"];
                prop_assert_eq!(&action["_id"], &json!(document.id()));
                prop_assert_eq!(action["version"].as_u64(), Some(document.seq.get()));
                prop_assert_eq!(&action["routing"], &lines[1]["account"]);
                prop_assert_eq!(&lines[1], &serde_json::to_value(document).expect("JSON"));
            }
        }
    }

    #[test]
    fn a_body_carries_no_more_than_it_may() {
        let texts = vec!["x".to_owned(); MAX_DOCUMENTS + 1];
        let (carried, _) = body(&documents(&texts)).expect("a body");
        assert_eq!(carried, MAX_DOCUMENTS);
    }

    #[test]
    fn the_fate_of_each_document_is_its_own() {
        let answer = r#"{"errors":true,"items":[
            {"index":{"status":201}}, {"index":{"status":200}},
            {"index":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"r"}}},
            {"index":{"status":429,"error":{"type":"busy","reason":"r"}}},
            {"index":{"status":503,"error":{"type":"away","reason":"r"}}},
            {"index":{"status":403,"error":{"type":"cluster_block_exception","reason":"r"}}},
            {"index":{"status":404,"error":{"type":"index_not_found_exception","reason":"r"}}},
            {"index":{"status":400,"error":{"type":"strict","reason":"r"}}}]}"#;
        let answer: Answer = serde_json::from_str(answer).expect("an answer");
        let expected = [
            Fate::Written,
            Fate::Written,
            Fate::Known,
            Fate::Later("busy: r".into()),
            Fate::Later("away: r".into()),
            Fate::Later("cluster_block_exception: r".into()),
            Fate::NoIndex,
            Fate::Refused("strict: r".into()),
        ];
        assert_eq!(answer.fates(8).as_deref(), Some(&expected[..]));
    }

    #[test]
    fn an_answer_about_something_else_is_none() {
        let answer: Answer = serde_json::from_str(r#"{"items":[]}"#).expect("an answer");
        assert_eq!(answer.fates(1), None);
    }
}
