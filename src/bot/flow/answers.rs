//! Whether an answer is one, and what is kept of it.

use jiff::civil::Date;
use regex::Regex;

use crate::domain::attachment::Attachment;
use crate::domain::text::{Email, Phone};
use crate::outside;

/// What an answer must be.
#[derive(Debug)]
pub(super) enum Check {
    Text { min: usize, max: usize, pattern: Option<Regex> },
    Number { min: f64, max: f64, integer: bool },
    Email,
    Phone,
    Date,
    Choice { options: Vec<String> },
    File,
    Url,
}

impl Check {
    /// What is kept of an answer; none when it is not valid.
    pub(super) fn accept(&self, text: &str, files: &[Attachment]) -> Option<String> {
        let text = text.trim();
        match self {
            Self::Text { min, max, pattern } => {
                let length = text.chars().count();
                let fits = pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
                (fits && (*min..=*max).contains(&length)).then(|| text.to_owned())
            }
            Self::Number { min, max, integer } => {
                let number = number(text)?;
                let whole = !integer || number.fract() == 0.0;
                (whole && (*min..=*max).contains(&number)).then(|| text.replace(',', "."))
            }
            Self::Email => text.parse::<Email>().ok().map(|email| email.to_string()),
            Self::Phone => text.parse::<Phone>().ok().map(|phone| phone.to_string()),
            Self::Date => date(text).map(|date| date.to_string()),
            Self::Choice { options } => options.iter().find(|option| same(option, text)).cloned(),
            // A caller whose files are elsewhere sends the address of one.
            Self::File => match files.first() {
                Some(file) => Some(file.filename.clone()),
                None => Self::Url.accept(text, files),
            },
            Self::Url => outside::is_url(text).then(|| text.to_owned()),
        }
    }
}

/// Whether two texts are the same but for case and surrounding space.
pub(in crate::bot) fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// `12`, `-1.5` and `1,5`.
pub(super) fn number(text: &str) -> Option<f64> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | '+');
    let text = text.trim();
    if text.len() > 40 || !text.chars().all(plain) {
        return None;
    }
    text.replace(',', ".").parse::<f64>().ok().filter(|number| number.is_finite())
}

/// `2026-12-24` and `24.12.2026`.
pub(super) fn date(text: &str) -> Option<Date> {
    let text = text.trim();
    let digits = |part: &str| {
        let plain = part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<i16>().ok()).flatten()
    };
    let parts: Vec<_> = text.split(['-', '.']).map(digits).collect();
    let [Some(first), Some(month), Some(last)] = parts.as_slice() else { return None };
    let dashes = text.matches('-').count();
    let (year, day) = match dashes {
        2 => (first, last),
        0 => (last, first),
        _ => return None,
    };
    if *year < 1000 {
        return None;
    }
    Date::new(*year, i8::try_from(*month).ok()?, i8::try_from(*day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(check: &Check, text: &str) -> Option<String> {
        check.accept(text, &[])
    }

    #[test]
    fn answers_are_kept_in_one_spelling() {
        let number = Check::Number { min: -1.0, max: 100.0, integer: false };
        let choice = Check::Choice { options: vec!["Blue".into(), "Red".into()] };
        for (check, answer, value) in [
            (&number, " 1,5 ", Some("1.5")),
            (&number, "101", None),
            (&number, "inf", None),
            (&number, "1e2", None),
            (&number, "", None),
            (&Check::Number { min: 0.0, max: 9.0, integer: true }, "2.5", None),
            (&Check::Email, " ana@example.com ", Some("ana@example.com")),
            (&Check::Email, "ana", None),
            (&Check::Phone, "+1 (555) 123-4567", Some("+15551234567")),
            (&Check::Date, "24.12.2026", Some("2026-12-24")),
            (&Check::Date, "2026-12-24", Some("2026-12-24")),
            (&Check::Date, "2026-02-30", None),
            (&Check::Date, "12-24", None),
            (&Check::Date, "1.2-3", None),
            (&choice, "bLUE ", Some("Blue")),
            (&choice, "green", None),
            (&Check::Url, "https://example.com/a?b", Some("https://example.com/a?b")),
            (&Check::Url, "javascript:alert(1)", None),
            (&Check::File, "here it is", None),
        ] {
            assert_eq!(kept(check, answer).as_deref(), value, "{check:?} {answer:?}");
        }
    }

    #[test]
    fn a_file_is_an_answer_by_its_name_or_its_address() {
        let file = Attachment {
            filename: "invoice.pdf".into(),
            size: 1,
            mime_type: "application/pdf".into(),
            sha256: String::new(),
            key: String::new(),
        };
        let accepted = Check::File.accept("see the file", &[file]);
        assert_eq!(accepted.as_deref(), Some("invoice.pdf"));
        let elsewhere = "https://files.example/a.pdf";
        assert_eq!(kept(&Check::File, elsewhere).as_deref(), Some(elsewhere));
    }

    proptest! {
        #[test]
        fn any_answer_is_judged(text in "\\PC{0,60}") {
            for check in [Check::Email, Check::Phone, Check::Date, Check::Url,
                Check::Number { min: f64::MIN, max: f64::MAX, integer: true }] {
                let _ = kept(&check, &text);
            }
        }
    }
}
