//! Dates as people write them.
//!
//! `03/04/2026` is the third of April to some and the fourth of March to others: the conversation's
//! language decides, and where it does not, no date is read rather than a wrong one.

use std::sync::LazyLock;

use jiff::civil::Date;
use regex::Regex;

use super::locale::{self, First};
use crate::domain::characters::plain;
use crate::domain::language::Language;

/// More than this is no date.
const MAX_BYTES: usize = 80;
/// The first year that is taken for one: what is shorter may be a day.
const FIRST_YEAR: i16 = 1000;

static NUMBERS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\d{1,4})\s?([./-])\s?(\d{1,2})\s?([./-])\s?(\d{1,4})\.?$").expect("a pattern")
});
static EASTERN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日号號일]?$")
        .expect("a pattern")
});
static PARTS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+|[^\d\s.,]+").expect("a pattern"));
/// Words that stand between a day, a month and a year.
const BETWEEN: [&str; 26] = [
    "of", "the", "st", "nd", "rd", "th", "de", "del", "do", "da", "le", "er", "el", "il", "o",
    "den", "der", "am", "d", "di", "г", "года", "р", "року", "r", "roku",
];

/// Reads `2026-12-24`, `2026/12/24`, `24.12.2026`, `24. 12. 2026`, `24/12/2026`, `24-12-2026`, and a
/// month by its name in the language, or in English: `24 December 2026`, `December 24th, 2026`.
pub(super) fn date(text: &str, language: Language) -> Option<Date> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let text = plain(text);
    if let Some(found) = NUMBERS.captures(&text) {
        let part = |place| found.get(place).map_or("", |part| part.as_str());
        return (part(2) == part(4))
            .then(|| numbers(part(1), part(3), part(5), part(2), language))?;
    }
    if let Some(found) = EASTERN.captures(&text) {
        let part = |place| found.get(place).map_or("", |part| part.as_str());
        return civil(part(1), part(2), part(3));
    }
    named(&text, language)
}

fn numbers(one: &str, two: &str, three: &str, mark: &str, language: Language) -> Option<Date> {
    if one.len() == 4 {
        return civil(one, two, three);
    }
    if three.len() != 4 {
        return None;
    }
    let day_first = civil(three, two, one);
    if mark == "." {
        return day_first;
    }
    match (day_first, civil(three, one, two)) {
        (Some(day_first), Some(month_first)) if day_first != month_first => {
            match locale::first(language) {
                Some(First::Day) => Some(day_first),
                Some(First::Month) => Some(month_first),
                Some(First::Year) | None => None,
            }
        }
        (day_first, month_first) => day_first.or(month_first),
    }
}

fn named(text: &str, language: Language) -> Option<Date> {
    let (mut day, mut month, mut year) = (None, None, None);
    for part in PARTS.find_iter(text).map(|part| part.as_str()) {
        let place = if part.starts_with(|c: char| c.is_ascii_digit()) {
            if part.len() == 4 { &mut year } else { &mut day }
        } else if BETWEEN.contains(&part) {
            continue;
        } else {
            &mut month
        };
        if place.replace(part).is_some() {
            return None;
        }
    }
    let month = month?;
    let known = locale::month(month, language);
    let month = known.or_else(|| locale::month(month, Language::ENGLISH))?;
    civil(year?, &month.to_string(), day?)
}

fn civil(year: &str, month: &str, day: &str) -> Option<Date> {
    let year: i16 = year.parse().ok().filter(|year| *year >= FIRST_YEAR)?;
    Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_meant_or_not_at_all() {
        let christmas = Some("2026-12-24");
        for (text, language, expected) in [
            ("2026-12-24", "en", christmas),
            ("2026/12/24", "en", christmas),
            ("2026.12.24", "hu", christmas),
            ("24.12.2026", "en", christmas),
            ("24. 12. 2026", "cs", christmas),
            ("24/12/2026", "en", christmas),
            ("24-12-2026", "en", christmas),
            ("24–12–2026", "nl", christmas),
            ("12/24/2026", "en", christmas),
            ("٢٤/١٢/٢٠٢٦", "ar", christmas),
            ("２０２６年１２月２４日", "ja", christmas),
            ("2026년 12월 24일", "ko", christmas),
            ("24 December 2026", "en", christmas),
            ("December 24th, 2026", "en", christmas),
            ("the 24th of Dec 2026", "en", christmas),
            ("24. Dezember 2026", "de", christmas),
            ("24. Dez. 2026", "de", christmas),
            ("24 December 2026", "de", christmas),
            ("24 de diciembre de 2026", "es", christmas),
            ("24 décembre 2026", "fr", christmas),
            ("24 декабря 2026 г.", "ru", christmas),
            ("24 दिसंबर 2026", "hi", christmas),
            ("24 ديسمبر 2026", "ar", christmas),
            ("24 Aralık 2026", "tr", christmas),
            ("03/04/2026", "de", Some("2026-04-03")),
            ("03/04/2026", "hi", Some("2026-04-03")),
            ("03.04.2026", "en", Some("2026-04-03")),
            ("03/03/2026", "en", Some("2026-03-03")),
            ("03/04/2026", "en", None),
            ("03-04-2026", "zh", None),
            ("03/04/2026", "xx", None),
            ("2026-02-30", "en", None),
            ("24.12.26", "de", None),
            ("12-24", "en", None),
            ("1.2-3", "en", None),
            ("24.12-2026", "en", None),
            ("before 24 December 2026", "en", None),
            ("24 25 December 2026", "en", None),
            ("24 Nonsense 2026", "en", None),
            ("0999-01-01", "en", None),
            ("", "en", None),
        ] {
            let read = date(text, Language::of(language)).map(|date| date.to_string());
            assert_eq!(read.as_deref(), expected, "{text:?} in {language}");
        }
    }
}
