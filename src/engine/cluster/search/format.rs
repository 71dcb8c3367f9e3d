//! The format of the index, and the query that is asked of it.
//!
//! What may not change on an index that is there (analysis, the type of a field) raises [`FORMAT`]:
//! nodes of that release then fill a new index from the log while older ones go on with theirs.
//! Adding a field does not; it is added to the index that is there.
//!
//! One analysis for all languages, without stemming: neither a chat line nor a query of two words
//! tells its language well enough to choose a stemmer by. Case, width, accents, points and digits
//! are folded. Chinese, Japanese and Korean are cut into pairs of characters, and so, in a field of
//! their own, are Thai, Lao, Burmese and Khmer, which the standard tokenizer leaves in one piece.

use serde_json::{Value, json};

use super::client::Settings;
use crate::domain::ids::AccountId;

/// The format that this release writes.
pub(super) const FORMAT: u32 = 1;

/// Words of a query that are looked for; what is beyond them is left out.
const QUERY_MAX_WORDS: u32 = 64;
/// How long OpenSearch may look.
const QUERY_TIMEOUT: &str = "4s";

/// The index's own name. Documents go through [`alias`].
pub(super) fn index(settings: &Settings) -> String {
    format!("{}-{FORMAT}", settings.index)
}

/// The name that is written to and searched. A write that requires an alias cannot make OpenSearch
/// create an index by itself, without our mapping, should ours be lost.
pub(super) fn alias(settings: &Settings) -> String {
    format!("{}-{FORMAT}-live", settings.index)
}

/// The body that creates the index.
pub(super) fn creation(settings: &Settings) -> Value {
    let mut index = changeable(settings);
    index["number_of_shards"] = settings.shards.into();
    index["translog"] = json!({ "durability": "request" });
    json!({
        "settings": { "index": index, "analysis": analysis() },
        "mappings": mapping(),
        "aliases": { alias(settings): {} },
    })
}

/// The settings that may change on an index that is there.
pub(super) fn changeable(settings: &Settings) -> Value {
    json!({ "number_of_replicas": settings.replicas, "refresh_interval": "500ms" })
}

/// The fields; none can come in by accident.
pub(super) fn mapping() -> Value {
    let keyword = json!({ "type": "keyword" });
    json!({
        "dynamic": "strict",
        "_routing": { "required": true },
        "properties": {
            "account": keyword,
            "conversation": keyword,
            "contact": keyword,
            "message": { "type": "keyword", "index": false },
            "author": keyword,
            "channel": keyword,
            "language": keyword,
            "at": { "type": "date" },
            "seq": { "type": "long" },
            "text": {
                "type": "text",
                "analyzer": "words",
                "search_analyzer": "words_asked",
                "fields": {
                    "runs": {
                        "type": "text",
                        "analyzer": "runs",
                        "search_analyzer": "runs_asked",
                    },
                },
            },
        },
    })
}

fn analysis() -> Value {
    let folding = [
        "cjk_width",
        // Folds Greek accents and the final sigma, and other letters as usual.
        "greek_lowercase",
        "decimal_digit",
        "arabic_normalization",
        "persian_normalization",
        "indic_normalization",
        "hindi_normalization",
        "asciifolding",
    ];
    let chain = |last: &[&'static str]| [&folding[..], last].concat();
    let pairs = json!({
        "type": "shingle", "min_shingle_size": 2, "max_shingle_size": 2, "token_separator": "",
    });
    let with = |mut filter: Value, fields: &[(&str, bool)]| {
        for (field, value) in fields {
            filter[*field] = (*value).into();
        }
        filter
    };
    let cjk = json!({ "type": "cjk_bigram" });
    // A single character is found in the index beside the pairs; it is asked for only when alone.
    json!({
        "char_filter": {
            "points": {
                "type": "pattern_replace",
                "pattern": "[\\u0300-\\u036F\\u0591-\\u05BD\\u05BF\\u05C1\\u05C2\\u05C4\\u05C5\\u05C7]",
                "replacement": "",
            },
            "letters": { "type": "mapping", "mappings": [
                "ё=>е", "Ё=>Е", "й=>и", "Й=>И",
                // The standard tokenizer joins words over these: l'ordre, facture.pdf, name:jane.
                "'=>\\u0020", "’=>\\u0020", ".=>\\u0020", ":=>\\u0020", "_=>\\u0020",
            ] },
        },
        "tokenizer": {
            "runs": {
                "type": "simple_pattern",
                "pattern": "[\u{0e00}-\u{0eff}\u{1000}-\u{109f}\u{1780}-\u{17ff}]",
            },
        },
        "filter": {
            "greek_lowercase": { "type": "lowercase", "language": "greek" },
            "cjk_pairs": with(cjk.clone(), &[("output_unigrams", true)]),
            "cjk_pairs_asked": cjk,
            "pairs": with(pairs.clone(), &[("output_unigrams", true)]),
            "pairs_asked": with(
                pairs,
                &[("output_unigrams", false), ("output_unigrams_if_no_shingles", true)],
            ),
            "few": { "type": "limit", "max_token_count": QUERY_MAX_WORDS },
        },
        "analyzer": {
            "words": {
                "char_filter": ["points", "letters"],
                "tokenizer": "standard",
                "filter": chain(&["cjk_pairs"]),
            },
            "words_asked": {
                "char_filter": ["points", "letters"],
                "tokenizer": "standard",
                "filter": chain(&["cjk_pairs_asked", "few"]),
            },
            "runs": { "tokenizer": "runs", "filter": ["decimal_digit", "pairs"] },
            "runs_asked": { "tokenizer": "runs", "filter": ["decimal_digit", "pairs_asked", "few"] },
        },
    })
}

/// The search for an account's conversations: one hit for each, best first, the newer one first
/// among equals. `words` stands in `match` queries alone, which know no syntax.
pub(super) fn query(account: AccountId, words: &str, limit: usize) -> Value {
    let matching = |field: &str, least: &str| json!({ "match": { field: { "query": words, "minimum_should_match": least } } });
    json!({
        "size": limit,
        "timeout": QUERY_TIMEOUT,
        "_source": false,
        "track_total_hits": false,
        "query": { "bool": {
            "filter": [{ "term": { "account": account.to_string() } }],
            // Half of the words make a match, the ranking does the rest. Pairs of characters say
            // less than words, so of them nearly all must be there.
            "should": [matching("text", "-50%"), matching("text.runs", "-25%")],
            "minimum_should_match": 1,
        } },
        "collapse": { "field": "conversation" },
        "sort": ["_score", { "seq": "desc" }],
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::ids::Id;
    use crate::engine::cluster::search::document::{Document, tests::inbound};

    proptest! {
        #[test]
        fn what_is_asked_for_stands_nowhere_but_in_the_two_matches(words in any::<String>()) {
            let account = AccountId::from_uuid(Uuid::from_u128(7));
            let mut asked = query(account, &words, 10);
            for (at, field) in ["text", "text.runs"].into_iter().enumerate() {
                let place = &mut asked["query"]["bool"]["should"][at]["match"][field]["query"];
                prop_assert_eq!(place.take(), Value::String(words.clone()));
            }
            let mut plain = query(account, "", 10);
            for (at, field) in ["text", "text.runs"].into_iter().enumerate() {
                plain["query"]["bool"]["should"][at]["match"][field]["query"].take();
            }
            prop_assert_eq!(asked, plain);
        }
    }

    #[test]
    fn every_field_of_a_document_is_in_the_mapping_and_no_other_is() {
        let document = Document::of(&inbound(1, 1, "x")).expect("a message");
        let written = serde_json::to_value(document).expect("JSON");
        let mapped = mapping();
        let names = |value: &Value| {
            let fields = value.as_object().expect("an object");
            fields.keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(names(&written), names(&mapped["properties"]));
    }
}
