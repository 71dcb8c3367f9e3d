//! Languages: the small value that names one, and telling one from a short chat text.
//!
//! `Language` is a primary subtag of BCP 47 ("en", "hi"), three bytes and `Copy`, so that it can
//! be a map key and travel in every event. Regions are refused on purpose: nothing in this system
//! answers differently in "pt-BR" and "pt-PT", and `from_tag` drops them at the edge.

mod cues;
mod detection;

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::{borrow::Cow, fmt, str};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use self::detection::{detect, evident};

/// Names a language by its BCP 47 primary subtag: two or three lower-case letters.
///
/// A language that has two is the same by either: `iw` is `he`. It stays as it was written, since what
/// stands in the log does.
#[derive(Clone, Copy)]
pub struct Language([u8; 3]);

/// Subtags that old systems and browsers still write, and what they mean today.
const RENAMED: [(&[u8; 3], &[u8; 3]); 6] = [
    (b"in\0", b"id\0"),
    (b"iw\0", b"he\0"),
    (b"ji\0", b"yi\0"),
    (b"jw\0", b"jv\0"),
    (b"mo\0", b"ro\0"),
    (b"nb\0", b"no\0"),
];

/// Says that a text is not a language's primary subtag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a language is two or three lower-case letters, such as \"en\"")]
pub struct NotALanguage;

impl Language {
    /// English, the default where nothing else is set.
    pub const ENGLISH: Language = Language::of("en");

    /// Makes a language of a subtag known when the program is written.
    ///
    /// Meant for constants, where a wrong subtag stops the build.
    pub(crate) const fn of(subtag: &str) -> Language {
        match Language::from_bytes(subtag.as_bytes()) {
            Some(language) => language,
            None => panic!("not a language subtag"),
        }
    }

    const fn from_bytes(bytes: &[u8]) -> Option<Language> {
        let language = match *bytes {
            [a, b] => [a, b, 0],
            [a, b, c] if c.is_ascii_lowercase() => [a, b, c],
            _ => return None,
        };
        if language[0].is_ascii_lowercase() && language[1].is_ascii_lowercase() {
            Some(Language(language))
        } else {
            None
        }
    }

    /// Parses a primary subtag exactly as it is stored: "en", not "EN" and not "en-GB".
    ///
    /// # Errors
    /// [`NotALanguage`] for anything but two or three lower-case ASCII letters.
    pub fn parse(subtag: &str) -> Result<Language, NotALanguage> {
        Language::from_bytes(subtag.as_bytes()).ok_or(NotALanguage)
    }

    /// Takes the language out of a full tag in any case: "pt-BR", "PT_br" and "pt" give "pt".
    ///
    /// # Errors
    /// [`NotALanguage`] if the part before the first `-` or `_` is no primary subtag.
    pub fn from_tag(tag: &str) -> Result<Language, NotALanguage> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        Language::parse(&primary.to_ascii_lowercase()).map(Language::of_today)
    }

    /// The same language by the subtag that it has today.
    fn of_today(self) -> Language {
        let renamed = RENAMED.iter().find(|(before, _)| **before == self.0);
        renamed.map_or(self, |(_, now)| Language(**now))
    }

    /// Returns the subtag.
    pub fn as_str(&self) -> &str {
        let length = if self.0[2] == 0 { 2 } else { 3 };
        str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Language) -> bool {
        self.0 == other.0 || self.of_today().0 == other.of_today().0
    }
}

impl Eq for Language {}

impl Ord for Language {
    fn cmp(&self, other: &Language) -> Ordering {
        self.of_today().0.cmp(&other.of_today().0)
    }
}

impl PartialOrd for Language {
    fn partial_cmp(&self, other: &Language) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for Language {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.of_today().0.hash(state);
    }
}

impl str::FromStr for Language {
    type Err = NotALanguage;

    fn from_str(subtag: &str) -> Result<Language, NotALanguage> {
        Language::parse(subtag)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Language {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Language, D::Error> {
        Language::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Language {
    fn schema_name() -> Cow<'static, str> {
        "Language".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[a-z]{2,3}$",
            "description": "A language: the primary subtag of BCP 47, such as \"en\".",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subtag_is_kept_as_written() {
        for subtag in ["en", "hi", "fil"] {
            assert_eq!(Language::parse(subtag).unwrap().as_str(), subtag);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "e", "EN", "en-GB", "e1", "engl", "hé", "en\0"] {
            assert_eq!(Language::parse(text), Err(NotALanguage), "{text:?}");
        }
    }

    #[test]
    fn a_full_tag_gives_its_language() {
        for tag in ["pt", "pt-BR", "PT_br", " pt-Latn-BR "] {
            assert_eq!(Language::from_tag(tag).unwrap().as_str(), "pt");
        }
        assert_eq!(Language::from_tag("*"), Err(NotALanguage));
    }

    #[test]
    fn a_language_of_two_names_is_one() {
        for (before, now) in [("iw", "he"), ("in", "id"), ("nb", "no"), ("mo", "ro")] {
            let tag = format!("{before}-XX");
            assert_eq!(Language::from_tag(&tag).unwrap().as_str(), now);
            let (before, now) = (Language::of(before), Language::of(now));
            assert_eq!(before, now);
            let texts = std::collections::BTreeMap::from([(before, 1)]);
            assert_eq!(texts.get(&now), Some(&1));
            assert_eq!(std::collections::HashMap::from([(before, 1)]).get(&now), Some(&1));
            // What is read from the log is written as it was read.
            let read: Language = serde_json::from_str(&format!("\"{}\"", before.as_str())).unwrap();
            assert_eq!(read.as_str(), before.as_str());
        }
        assert_ne!(Language::of("nn"), Language::of("no"));
    }

    #[test]
    fn json_holds_a_plain_string() {
        let language: Language = serde_json::from_str("\"de\"").unwrap();
        assert_eq!(serde_json::to_string(&language).unwrap(), "\"de\"");
        assert!(serde_json::from_str::<Language>("\"Deutsch\"").is_err());
    }
}
