//! Which characters are seen, and which texts count as the same: the one rule for all that compares
//! what people write with what somebody has written down before.
//!
//! Phones write `’` for `'`, `–` for `-`, full-width letters, and marks that nobody sees: joiners,
//! selectors of variants, directions of reading. None of that makes another text, nor does case or
//! how an accent is composed. An accent itself does.

use std::borrow::Cow;
use std::sync::LazyLock;

use caseless::Caseless as _;
use regex::Regex;
use regex_syntax::hir::{Class, HirKind};
use unicode_normalization::UnicodeNormalization as _;

/// Marks of format and direction, joiners, selectors of variants, and letters without a shape. Not
/// the tags that tell one flag from another.
const UNSEEN: &str = r"[\p{Cf}--[\x{E0020}-\x{E007F}]]|[\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{3164}\x{FFA0}\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}]";

/// And the line that Arabic letters are drawn out with.
static IGNORED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!(r"{UNSEEN}|\x{{640}}")).expect("a pattern"));

/// A text of nothing but space, control characters and what nobody sees.
static BLANK: LazyLock<Regex> = LazyLock::new(|| {
    let unseen = r"[\s\p{Cc}\p{Cf}\x{2800}\x{E0020}-\x{E007F}]";
    Regex::new(&format!("^(?:{unseen}|{UNSEEN})*$")).expect("a pattern")
});

/// The digits of every script: their ranges, each of which begins with a zero.
static DIGITS: LazyLock<Vec<(u32, u32)>> = LazyLock::new(|| {
    let digits = regex_syntax::parse(r"\p{Nd}").expect("a pattern");
    match digits.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            let ranges = class.ranges().iter();
            ranges.map(|range| (range.start().into(), range.end().into())).collect()
        }
        _ => Vec::new(),
    }
});

/// Whether somebody who looks at a text sees nothing.
pub fn is_blank(text: &str) -> bool {
    // Nearly every text begins with something.
    !text.starts_with(|c: char| c.is_ascii_graphic()) && BLANK.is_match(text)
}

/// A text in the characters that it is compared in. Space stays as it is.
pub fn unified(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase().replace('`', "'");
    }
    let marks: String = text.chars().map(mark).collect();
    // Composing makes some of what nobody sees: a shape of an Arabic vowel holds the drawn line.
    let composed: String = marks.nfkc().collect();
    let seen = IGNORED.replace_all(&composed, "");
    let folded: String = seen.nfkc().default_case_fold().map(dotted).collect();
    // The capital of a Turkish i, folded.
    let folded = folded.replace("i\u{307}", "i");
    folded.nfkc().map(mark).map(digit).collect()
}

/// A text as it is compared: two are the same where this is.
pub fn plain(text: &str) -> String {
    unified(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether two texts count as the same.
pub fn same(one: &str, other: &str) -> bool {
    one == other || plain(one) == plain(other)
}

/// A text without what nobody sees in it, else as it was written.
pub fn seen(text: &str) -> Cow<'_, str> {
    IGNORED.replace_all(text, "")
}

/// One apostrophe, one quotation mark and one dash for those of all keyboards. Before composing, which
/// takes some of them apart, and after it, which makes some.
fn mark(c: char) -> char {
    match c {
        '‘' | '’' | '‚' | '‛' | '′' | '‵' | '`' | '´' | 'ʹ' | 'ʻ' | 'ʼ' | 'ʽ' | 'ˈ' | 'ˊ' | 'ˋ'
        | '՚' | '׳' | '‹' | '›' | '＇' | '｀' => '\'',
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' | '״' | '〝' | '〞' | '＂' => '"',
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '⁃' | '﹘' | '﹣' | '－' | '־' => {
            '-'
        }
        other => other,
    }
}

fn dotted(c: char) -> char {
    if c == 'ı' { 'i' } else { c }
}

fn digit(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    let place = DIGITS.partition_point(|(_, last)| *last < u32::from(c));
    let range = DIGITS.get(place).filter(|(first, _)| *first <= u32::from(c));
    let value = range.map(|(first, _)| (u32::from(c) - first) % 10);
    value.and_then(|value| char::from_digit(value, 10)).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_looks_the_same_is_the_same() {
        for (one, other) in [
            ("I’m looking for my order", "I'm looking for my order"),
            ("I`m looking for my order", "I´m  looking for my order "),
            ("e–mail", "E-MAIL"),
            ("5 − 3", "5 - 3"),
            ("Ｏｒｄｅｒ　１２", "order 12"),
            ("caf\u{e9}", "CAFE\u{301}"),
            ("order\u{200d}\u{fe0f}", "\u{200f}or\u{ad}der\u{feff}"),
            ("❤️ it", "❤ it"),
            ("می‌خواهم", "میخواهم"),
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδοσ"),
            ("İstanbul", "istanbul"),
            ("ISPARTA", "ısparta"),
            ("ﾊﾞﾅﾅ", "バナナ"),
            ("طلب ٤٢", "طلب 42"),
            ("سلام", "ســلام"),
            ("\u{fe71}", "\u{64b}"),
            ("“yes”", "\"yes\""),
        ] {
            assert!(same(one, other), "{one:?} {other:?}: {:?} {:?}", plain(one), plain(other));
        }
    }

    #[test]
    fn what_is_another_text_stays_one() {
        for (one, other) in [
            ("resume", "résumé"),
            ("order", "orders"),
            ("a b", "ab"),
            ("👍", "👎"),
            ("🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", "🏴"),
            ("", "x"),
        ] {
            assert!(!same(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_text_of_what_nobody_sees_is_blank() {
        for text in [
            "",
            " \n\t",
            "\u{200b}",
            "\u{feff} \u{2060}",
            "\u{202e}\u{202c}",
            "\u{3164}",
            "\u{fe0f}\u{200d}",
            "\u{ad}",
            "\u{2800}",
            "\0",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", ".", "\u{200b}x", "👍", "٤", "\u{301}", "❤\u{fe0f}", "\u{fffd}"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn digits_of_every_script_are_digits() {
        for text in [
            "०१२३४५६७८९",
            "٠١٢٣٤٥٦٧٨٩",
            "۰۱۲۳۴۵۶۷۸۹",
            "๐๑๒๓๔๕๖๗๘๙",
            "０１２３４５６７８９",
            "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡",
            "𞥐𞥑𞥒𞥓𞥔𞥕𞥖𞥗𞥘𞥙",
        ] {
            assert_eq!(plain(text), "0123456789", "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_plain_stays_as_it_is(text in "\\PC{0,20}") {
            let once = plain(&text);
            prop_assert_eq!(plain(&once), once);
        }
    }
}
