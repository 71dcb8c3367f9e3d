//! How a language writes numbers and dates, from the tables of the GNU C library.

use pure_rust_locales::{Locale, locale_match};

use crate::domain::characters::plain;
use crate::domain::language::Language;

/// A language whose country is not called as it is, and the country whose tables are taken.
const COUNTRIES: [(&str, &str); 43] = [
    ("af", "ZA"),
    ("ar", "EG"),
    ("be", "BY"),
    ("bn", "IN"),
    ("ca", "ES"),
    ("cs", "CZ"),
    ("da", "DK"),
    ("el", "GR"),
    ("en", "US"),
    ("et", "EE"),
    ("eu", "ES"),
    ("fa", "IR"),
    ("fil", "PH"),
    ("ga", "IE"),
    ("gl", "ES"),
    ("gu", "IN"),
    ("he", "IL"),
    ("hi", "IN"),
    ("hy", "AM"),
    ("ja", "JP"),
    ("ka", "GE"),
    ("kk", "KZ"),
    ("kn", "IN"),
    ("ko", "KR"),
    ("ml", "IN"),
    ("mr", "IN"),
    ("ms", "MY"),
    ("nb", "NO"),
    ("ne", "NP"),
    ("nn", "NO"),
    ("pa", "IN"),
    ("sl", "SI"),
    ("sq", "AL"),
    ("sr", "RS"),
    ("sv", "SE"),
    ("sw", "KE"),
    ("ta", "IN"),
    ("te", "IN"),
    ("uk", "UA"),
    ("ur", "PK"),
    ("vi", "VN"),
    ("zh", "CN"),
    ("no", "NO"),
];

/// What stands first in a date of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    Day,
    Month,
    Year,
}

fn of(language: Language) -> Option<Locale> {
    let name = language.as_str();
    let known = COUNTRIES.iter().find(|(known, _)| *known == name);
    let country = known.map_or_else(|| name.to_ascii_uppercase(), |(_, country)| (*country).into());
    // The tables know Norwegian by its two written forms.
    let name = if name == "no" { "nb" } else { name };
    Locale::try_from(format!("{name}_{country}").as_str()).ok()
}

/// What parts thousands, and what parts the whole from its fraction.
pub(super) fn separators(language: Language) -> (&'static str, &'static str) {
    of(language).map_or((",", "."), |locale| {
        (
            locale_match!(locale => LC_NUMERIC::THOUSANDS_SEP),
            locale_match!(locale => LC_NUMERIC::DECIMAL_POINT),
        )
    })
}

/// What a date of numbers begins with; none where that is not known, or differs among those who speak
/// the language.
pub(super) fn first(language: Language) -> Option<First> {
    let locale = of(language).filter(|_| language != Language::ENGLISH)?;
    let form: &str = locale_match!(locale => LC_TIME::D_FMT);
    form.chars().find_map(|c| match c {
        'd' | 'e' => Some(First::Day),
        'm' | 'b' | 'B' => Some(First::Month),
        'y' | 'Y' | 'x' => Some(First::Year),
        _ => None,
    })
}

/// The month that a word names in a language, or shortens.
pub(super) fn month(word: &str, language: Language) -> Option<i8> {
    let locale = of(language)?;
    let whole: &[&str] = locale_match!(locale => LC_TIME::MON);
    let short: &[&str] = locale_match!(locale => LC_TIME::ABMON);
    let word = plain(word);
    let is_it = |name: &&str| plain(name).trim_end_matches('.') == word;
    let place = [whole, short].into_iter().find_map(|names| names.iter().position(is_it));
    i8::try_from(place? + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_its_tables() {
        for (language, _) in COUNTRIES {
            assert!(of(Language::of(language)).is_some(), "{language}");
        }
        for language in ["de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr", "th", "id", "hu"] {
            assert!(of(Language::of(language)).is_some(), "{language}");
        }
        assert!(of(Language::of("xx")).is_none());
    }

    #[test]
    fn who_puts_the_day_first_is_known() {
        let of = |language| first(Language::of(language));
        assert_eq!(
            (of("de"), of("fr"), of("hi")),
            (Some(First::Day), Some(First::Day), Some(First::Day))
        );
        assert_eq!(
            (of("zh"), of("hu"), of("en"), of("xx")),
            (Some(First::Year), Some(First::Year), None, None)
        );
    }
}
