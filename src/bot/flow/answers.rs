//! Whether an answer is one, and what is kept of it.

use regex::Regex;

use super::{dates, numbers};
use crate::domain::attachment::Attachment;
use crate::domain::characters::{same, seen};
use crate::domain::language::Language;
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
    /// What is kept of an answer by somebody who writes `language`; none when it is not valid.
    pub(super) fn accept(
        &self,
        text: &str,
        files: &[Attachment],
        language: Language,
    ) -> Option<String> {
        // What keyboards add around what is pasted is no part of an address.
        let seen = seen(text);
        let text = match self {
            Self::Text { .. } | Self::Choice { .. } => text.trim(),
            _ => seen.trim(),
        };
        match self {
            Self::Text { min, max, pattern } => {
                let length = text.chars().count();
                let fits = pattern.as_ref().is_none_or(|pattern| pattern.is_match(text));
                (fits && (*min..=*max).contains(&length)).then(|| text.to_owned())
            }
            Self::Number { min, max, integer } => {
                let number = numbers::written(text, language)?;
                let whole = !integer || number.value.fract() == 0.0;
                (whole && (*min..=*max).contains(&number.value)).then_some(number.text)
            }
            Self::Email => text.parse::<Email>().ok().map(|email| email.to_string()),
            Self::Phone => text.parse::<Phone>().ok().map(|phone| phone.to_string()),
            Self::Date => dates::date(text, language).map(|date| date.to_string()),
            Self::Choice { options } => options.iter().find(|option| same(option, text)).cloned(),
            // A caller whose files are elsewhere sends the address of one.
            Self::File => match files.first() {
                Some(file) => Some(file.filename.clone()),
                None => Self::Url.accept(text, files, language),
            },
            Self::Url => outside::is_url(text).then(|| text.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(check: &Check, text: &str) -> Option<String> {
        check.accept(text, &[], Language::ENGLISH)
    }

    #[test]
    fn answers_are_kept_in_one_spelling() {
        let number = Check::Number { min: -1.0, max: 100.0, integer: false };
        let choice = Check::Choice { options: vec!["Blue".into(), "Red".into()] };
        for (check, answer, value) in [
            (&number, " 1,5 ", Some("1.5")),
            (&number, "101", None),
            (&number, "٤٢", Some("42")),
            (&number, "1,000", None),
            (&Check::Number { min: 0.0, max: 9.0, integer: true }, "2.5", None),
            (&Check::Email, " ana@example.com ", Some("ana@example.com")),
            (&Check::Email, "\u{202a}ana@example.com\u{202c}", Some("ana@example.com")),
            (&Check::Email, "ana", None),
            (&Check::Phone, "+1 (555) 123-4567", Some("+15551234567")),
            (&Check::Date, "24.12.2026", Some("2026-12-24")),
            (&Check::Date, "2026-12-24", Some("2026-12-24")),
            (&Check::Date, "03/04/2026", None),
            (&choice, "bLUE ", Some("Blue")),
            (&choice, "Ｂｌｕｅ\u{200e}", Some("Blue")),
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
            charset: None,
            sha256: String::new(),
            key: String::new(),
        };
        let accepted = Check::File.accept("see the file", &[file], Language::ENGLISH);
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
