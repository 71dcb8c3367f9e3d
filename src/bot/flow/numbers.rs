//! Numbers as people write them, and as they are kept: `-1234.5`.
//!
//! A comma or a point before exactly three digits parts thousands or begins a fraction, as the
//! language has it; where the language leaves it open, no number is read rather than a wrong one.

use std::sync::LazyLock;

use regex::Regex;

use super::locale;
use crate::domain::characters::unified;
use crate::domain::language::Language;

/// More than this is no number that anybody means.
const MAX_BYTES: usize = 40;
const ARABIC_FRACTION: char = '\u{66b}';
const ARABIC_THOUSANDS: char = '\u{66c}';

static SHAPE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^([+-]?)\s?(\d*(?:[.,' ٫٬]\d+)*)$").expect("a pattern"));
static KEPT: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^-?[0-9]+(?:\.[0-9]+)?$").expect("a pattern"));

/// A number, and how it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    pub(super) value: f64,
    pub(super) text: String,
}

/// What a variable says: a number that is kept, or one as somebody has written it.
pub(super) fn value(text: &str, language: Language) -> Option<f64> {
    let text = text.trim();
    if text.len() <= MAX_BYTES && KEPT.is_match(text) {
        return text.parse().ok();
    }
    written(text, language).map(|number| number.value)
}

/// Reads an answer: `12`, `-1.5`, `1,5`, `1,000`, `1 000 000`, `1.234,56`, `1,00,000`, in digits of
/// every script.
pub(super) fn written(text: &str, language: Language) -> Option<Number> {
    let text = unified(text).replace('،', ",");
    let found = SHAPE.captures(text.trim()).filter(|_| text.trim().len() <= MAX_BYTES)?;
    let (sign, body) = (found.get(1)?.as_str(), found.get(2)?.as_str());
    let marks: Vec<char> = body.chars().filter(|c| !c.is_ascii_digit()).collect();
    let groups: Vec<&str> = body.split(|c: char| !c.is_ascii_digit()).collect();
    let (whole, fraction) = match fraction_begins(&marks, &groups, language)? {
        true => {
            let (fraction, whole) = groups.split_last()?;
            (whole, *fraction)
        }
        false => (groups.as_slice(), ""),
    };
    if !are_thousands(whole) || (fraction.is_empty() && whole.concat().is_empty()) {
        return None;
    }
    let digits = whole.concat();
    let digits = if digits.is_empty() { "0" } else { digits.as_str() };
    let mut text = if fraction.is_empty() { digits.into() } else { format!("{digits}.{fraction}") };
    if sign == "-" && text.bytes().any(|b| (b'1'..=b'9').contains(&b)) {
        text.insert(0, '-');
    }
    let value: f64 = text.parse().ok()?;
    value.is_finite().then_some(Number { value, text })
}

/// Whether the last mark begins a fraction; none where that is not to be known.
fn fraction_begins(marks: &[char], groups: &[&str], language: Language) -> Option<bool> {
    let (last, before) = match marks {
        [] => return Some(false),
        [before @ .., last] => (*last, before),
    };
    if matches!(last, ' ' | '\'' | ARABIC_THOUSANDS) {
        return before.iter().all(|mark| *mark == last).then_some(false);
    }
    match before {
        [] if last == ARABIC_FRACTION => Some(true),
        [] => {
            let (first, rest) = (groups.first()?, groups.last()?);
            let open = rest.len() == 3 && (1..=3).contains(&first.len()) && !first.starts_with('0');
            if open { by_language(last, language) } else { Some(true) }
        }
        [first, rest @ ..] if rest.iter().all(|mark| mark == first) => Some(last != *first),
        _ => None,
    }
}

fn by_language(mark: char, language: Language) -> Option<bool> {
    let (thousands, fraction) = locale::separators(language);
    if thousands.starts_with(mark) {
        return Some(false);
    }
    // Who writes fractions with a comma still meets `1,000` for a thousand everywhere.
    (mark == '.' && fraction == ".").then_some(true)
}

/// Threes after the first, or the twos before a last three of India; or no groups at all.
fn are_thousands(groups: &[&str]) -> bool {
    let [first, middle @ .., last] = groups else { return true };
    let of = |size: usize| middle.iter().all(|group| group.len() == size);
    (1..=3).contains(&first.len()) && last.len() == 3 && (of(3) || (first.len() <= 2 && of(2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(text: &str, language: &str) -> Option<String> {
        written(text, Language::of(language)).map(|number| number.text)
    }

    #[test]
    fn numbers_are_read_as_they_are_meant_or_not_at_all() {
        for (text, language, expected) in [
            ("12", "en", Some("12")),
            (" 1,5 ", "en", Some("1.5")),
            ("1.5", "de", Some("1.5")),
            ("1,000", "en", Some("1000")),
            ("1,000", "hi", Some("1000")),
            ("1,000", "de", None),
            ("1.000", "de", Some("1000")),
            ("1.000", "fr", None),
            ("1.125", "en", Some("1.125")),
            ("1,000", "xx", Some("1000")),
            ("0,125", "en", Some("0.125")),
            ("1234,567", "de", Some("1234.567")),
            ("1,000,000", "de", Some("1000000")),
            ("1.000.000", "en", Some("1000000")),
            ("1,234.56", "de", Some("1234.56")),
            ("1.234,56", "en", Some("1234.56")),
            ("12,34,567", "hi", Some("1234567")),
            ("1,00,000.5", "hi", Some("100000.5")),
            ("1 000 000", "en", Some("1000000")),
            ("1\u{202f}000,5", "fr", Some("1000.5")),
            ("1’000", "de", Some("1000")),
            ("٤٢", "ar", Some("42")),
            ("١٬٠٠٠٫٥", "ar", Some("1000.5")),
            ("४२.५", "hi", Some("42.5")),
            ("１，０００", "ja", Some("1000")),
            ("−5", "en", Some("-5")),
            ("+7", "en", Some("7")),
            ("-0", "en", Some("0")),
            (",5", "de", Some("0.5")),
            ("007", "en", Some("007")),
            ("12345678901234567890", "en", Some("12345678901234567890")),
            ("1,00", "en", Some("1.00")),
            ("10,00,00", "en", None),
            ("1,000,00", "en", None),
            ("1.2.3", "en", None),
            ("1 2", "en", None),
            ("1,2,3.4", "en", None),
            ("1e2", "en", None),
            ("inf", "en", None),
            ("", "en", None),
            ("-", "en", None),
            (".", "en", None),
            ("5 apples", "en", None),
        ] {
            assert_eq!(kept(text, language).as_deref(), expected, "{text:?} in {language}");
        }
    }

    proptest! {
        #[test]
        fn a_bound_and_a_branch_see_the_same_number(text in "[-+]?[0-9]{1,5}([., ][0-9]{1,4}){0,3}", n in 0..4usize) {
            let language = Language::of(["en", "de", "fr", "hi"][n]);
            if let Some(number) = written(&text, language) {
                for other in ["en", "de", "fr", "hi"] {
                    prop_assert_eq!(value(&number.text, Language::of(other)), Some(number.value));
                }
            }
        }
    }
}
