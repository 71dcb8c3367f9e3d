//! JSON as strangers write it, and as strangers read it.
//!
//! In: half of a surrogate pair (`\ud83d`, where a text was cut inside an emoji) and a byte order mark
//! are no JSON to a strict parser. The half is kept as U+FFFD, the mark is passed over.
//!
//! Out: JSON may hold U+2028, U+2029 and U+0085 as they are, but clients that read line by line take
//! them for the ends of lines. They are escaped.

use std::borrow::Cow;
use std::sync::LazyLock;

use bytes::Bytes;
use regex::bytes::Regex as BytesRegex;

/// Anything that begins like an escaped surrogate.
static SUSPECT: LazyLock<BytesRegex> =
    LazyLock::new(|| BytesRegex::new(r"(?-u)\\u[dD][89a-fA-F]").expect("a pattern"));
/// One escape, whichever; a pair of surrogates is one.
static ESCAPE: LazyLock<BytesRegex> = LazyLock::new(|| {
    let pair = r"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}";
    let half = r"u[dD][89a-fA-F][0-9a-fA-F]{2}";
    BytesRegex::new(&format!(r"(?s-u)\\(?:{pair}|({half})|.)")).expect("a pattern")
});

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const REPLACEMENT: &[u8] = br"\ufffd";

/// A text of JSON that a strict parser takes, if it is one at all.
pub fn mended(text: &[u8]) -> Cow<'_, [u8]> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if !SUSPECT.is_match(text) {
        return Cow::Borrowed(text);
    }
    ESCAPE.replace_all(text, |found: &regex::bytes::Captures<'_>| {
        if found.get(1).is_some() { REPLACEMENT.to_vec() } else { found[0].to_vec() }
    })
}

/// The same, of a body.
pub fn mended_body(body: Bytes) -> Bytes {
    match mended(&body) {
        Cow::Borrowed(text) => body.slice_ref(text),
        Cow::Owned(text) => text.into(),
    }
}

/// JSON on one line, whatever its reader takes for the end of one.
pub fn on_one_line(json: &str) -> Cow<'_, str> {
    if !json.contains(['\u{2028}', '\u{2029}', '\u{85}']) {
        return Cow::Borrowed(json);
    }
    let mut line = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        match c {
            '\u{2028}' => line.push_str(r"\u2028"),
            '\u{2029}' => line.push_str(r"\u2029"),
            '\u{85}' => line.push_str(r"\u0085"),
            c => line.push(c),
        }
    }
    Cow::Owned(line)
}

/// The same, of a text that is given away.
pub fn made_one_line(json: String) -> String {
    let line = match on_one_line(&json) {
        Cow::Borrowed(_) => None,
        Cow::Owned(line) => Some(line),
    };
    line.unwrap_or(json)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(text: &str) -> Value {
        serde_json::from_slice(&mended(text.as_bytes())).expect("JSON")
    }

    #[test]
    fn half_a_pair_is_a_replacement_character_and_a_whole_one_stays() {
        for (text, expected) in [
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""\uD83D\uDE00 \ud83d""#, "😀 \u{fffd}"),
            (r#""\ude00\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\ud83dx\ude00""#, "\u{fffd}x\u{fffd}"),
            (r#""\\ud83d""#, r"\ud83d"),
            (r#""\\\ud83d""#, "\\\u{fffd}"),
            (r#""\ud83d\n""#, "\u{fffd}\n"),
            (r#""\ud7ff\ue000""#, "\u{d7ff}\u{e000}"),
            ("\u{feff}\"x\"", "x"),
        ] {
            assert_eq!(read(text), json!(expected), "{text}");
        }
        assert_eq!(read(r#"{"\ud83d":1}"#), json!({ "\u{fffd}": 1 }));
        assert!(serde_json::from_slice::<Value>(&mended(br#""\ud8""#)).is_err());
    }

    #[test]
    fn a_body_that_needs_nothing_is_not_copied() {
        let body = Bytes::from_static(br#"{"message":"\u0041 \ud83d\ude00"}"#);
        assert_eq!(mended_body(body.clone()), body);
        let marked = Bytes::from("\u{feff}{}");
        assert_eq!(mended_body(marked), Bytes::from_static(b"{}"));
    }

    proptest! {
        #[test]
        fn all_json_is_read_as_before(text in ".*", escaped in any::<bool>()) {
            let mut written = serde_json::to_string(&text).expect("JSON");
            if escaped {
                let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
                written = format!("\"{}\"", units.collect::<String>());
            }
            prop_assert_eq!(read(&written), json!(text.clone()));
            let line = on_one_line(&written);
            let ends = line.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
            prop_assert!(!ends, "one line");
            prop_assert_eq!(read(&line), json!(text));
        }

        #[test]
        fn any_units_are_read(units in prop::collection::vec(any::<u16>(), 0..20)) {
            let written: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(read(&format!("\"{written}\"")), json!(String::from_utf16_lossy(&units)));
        }
    }
}
