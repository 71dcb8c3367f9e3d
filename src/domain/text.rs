//! Texts from outside, parsed once into types that cannot be wrong.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::characters::{is_blank, unified};

/// The longest message, in Unicode characters.
pub const MESSAGE_MAX_CHARS: usize = 10_000;
const NAME_MAX_CHARS: usize = 200;
const EMAIL_MAX_CHARS: usize = 254;
/// With all that stands between the digits.
const PHONE_MAX_CHARS: usize = 40;
const TITLE_MAX_CHARS: usize = 255;

/// Why a text is refused; reads as a sentence after the field's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextFault {
    Empty,
    TooLong { max: usize, actual: usize },
    Malformed(&'static str),
}

impl fmt::Display for TextFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::TooLong { max, actual } => {
                write!(f, "must be at most {max} characters, but has {actual}")
            }
            Self::Malformed(problem) => f.write_str(problem),
        }
    }
}

fn bounded(text: &str, max: usize) -> Result<&str, TextFault> {
    // A character takes at least one byte: only what could be too long is counted.
    if text.len() > max {
        let actual = text.chars().count();
        if actual > max {
            return Err(TextFault::TooLong { max, actual });
        }
    }
    Ok(text)
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_type!(
    /// What somebody said: not blank, at most 10,000 characters, kept as written.
    MessageText
);
text_type!(
    /// A person's name: trimmed, not empty, without control characters.
    PersonName
);
text_type!(
    /// An email address (RFC 5321 lengths; with a domain that has a dot), as written.
    Email
);
text_type!(
    /// A phone number: E.164 (`+442079460958`) where its country is said, else 5 to 15 digits.
    /// `tel:`, spaces, dots, dashes, slashes and brackets of every keyboard are dropped, and so is the
    /// zero that is only dialled within a country; digits of every script are digits.
    Phone
);

text_type!(
    /// What a conversation is called: trimmed, not empty, at most 255 characters.
    Title
);

impl FromStr for Title {
    type Err = TextFault;
    fn from_str(text: &str) -> Result<Self, TextFault> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextFault::Empty);
        }
        bounded(text, TITLE_MAX_CHARS).map(|text| Self(text.into()))
    }
}

impl FromStr for MessageText {
    type Err = TextFault;
    fn from_str(text: &str) -> Result<Self, TextFault> {
        if is_blank(text) {
            return Err(TextFault::Empty);
        }
        bounded(text, MESSAGE_MAX_CHARS).map(|text| Self(text.into()))
    }
}

impl FromStr for PersonName {
    type Err = TextFault;
    fn from_str(text: &str) -> Result<Self, TextFault> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TextFault::Empty);
        }
        if text.chars().any(char::is_control) {
            return Err(TextFault::Malformed("must not contain control characters"));
        }
        bounded(text, NAME_MAX_CHARS).map(|text| Self(text.into()))
    }
}

impl FromStr for Email {
    type Err = TextFault;
    fn from_str(text: &str) -> Result<Self, TextFault> {
        const MALFORMED: TextFault = TextFault::Malformed("must be a valid email address");
        let text = bounded(text.trim(), EMAIL_MAX_CHARS)?;
        let options = email_address::Options::default()
            .with_required_tld()
            .without_domain_literal()
            .without_display_text();
        email_address::EmailAddress::parse_with_options(text, options).map_err(|_| MALFORMED)?;
        Ok(Self(text.into()))
    }
}

impl FromStr for Phone {
    type Err = TextFault;
    fn from_str(text: &str) -> Result<Self, TextFault> {
        const MALFORMED: TextFault =
            TextFault::Malformed("must be a valid phone number of 5 to 15 digits");
        if text.len() > 4 * PHONE_MAX_CHARS {
            return Err(MALFORMED);
        }
        let text = unified(text);
        let text = text.trim();
        let text = text.strip_prefix("tel:").unwrap_or(text).trim();
        let separator = |c: char| " .-/()".contains(c) || c.is_whitespace();
        let (before, rest) = text.split_once('+').unwrap_or(("", text));
        let digits: String = rest.chars().filter(|c| !separator(*c)).take(16).collect();
        let valid = (5..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if !valid || !before.chars().all(separator) || rest.chars().count() > PHONE_MAX_CHARS {
            return Err(MALFORMED);
        }
        if !text.contains('+') {
            // Nobody has said of which country.
            return Ok(Self(digits.into()));
        }
        // Of a country that the library does not know, the digits are as they were written.
        let e164 = phonenumber::parse(None, text).ok();
        let e164 = e164.map(|phone| phone.format().mode(phonenumber::Mode::E164).to_string());
        Ok(Self(e164.unwrap_or_else(|| format!("+{digits}")).into()))
    }
}

impl MessageText {
    /// What a bot said; the bot's own limits hold, not the caller's.
    pub fn from_bot(text: String) -> Self {
        Self(text.into())
    }
}

impl PersonName {
    /// The name of a contact who gave none: `Guest` and six digits that follow from its id.
    pub fn guest(contact: super::ids::ContactId) -> Self {
        use super::ids::Id;
        Self(format!("Guest{:06}", contact.uuid().as_u128() % 1_000_000).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_in_characters_and_not_in_bytes() {
        assert!("é".repeat(MESSAGE_MAX_CHARS).parse::<MessageText>().is_ok());
        assert_eq!(
            "é".repeat(MESSAGE_MAX_CHARS + 1).parse::<MessageText>(),
            Err(TextFault::TooLong { max: 10_000, actual: 10_001 })
        );
        for blank in [" \n\t", "\u{200b}\u{200d}", "\u{feff}\u{202e}"] {
            assert_eq!(blank.parse::<MessageText>(), Err(TextFault::Empty), "{blank:?}");
        }
    }

    #[test]
    fn email_addresses_need_a_domain_with_a_dot() {
        for good in ["jane@example.com", "j.d+tag@mail.example.co.uk", "名@example.com"] {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        for bad in ["", "jane", "jane@", "@x.com", "jane@localhost", "a b@x.com", "J <j@x.com>"] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
    }

    #[test]
    fn phone_numbers_lose_their_separators() {
        assert_eq!("+1 (555) 123-4567".parse::<Phone>().unwrap().as_str(), "+15551234567");
        assert_eq!("1234567890".parse::<Phone>().unwrap().as_str(), "1234567890");
        for london in [
            "+442079460958",
            "+44 20 7946 0958",
            "\u{202a}+44\u{a0}20\u{202f}7946\u{2011}0958\u{202c}",
            "+44–20–7946−0958",
            "(+44) 20 7946 0958",
            "tel:+44-20-7946-0958",
            "+44 (0)20 7946 0958",
            "＋４４ ２０ ７９４６ ０９５８",
            "+٤٤ ٢٠ ٧٩٤٦ ٠٩٥٨",
            "+४४ २० ७९४६ ०९५८",
        ] {
            assert_eq!(london.parse::<Phone>().unwrap().as_str(), "+442079460958", "{london}");
        }
        // In Italy the zero is a part of the number.
        assert_eq!("+39 06 6982".parse::<Phone>().unwrap().as_str(), "+39066982");
        assert_eq!("+999 12345".parse::<Phone>().unwrap().as_str(), "+99912345");
        assert_eq!("020 7946 0958".parse::<Phone>().unwrap().as_str(), "02079460958");
        for bad in [
            "",
            "12",
            "+",
            "abc",
            "12345x",
            "++12345",
            "1234567890123456",
            "12+34567",
            "+44 20 7946 0958 x12",
            "+1 800 FLOWERS",
            "call +442079460958",
        ] {
            assert!(bad.parse::<Phone>().is_err(), "{bad}");
        }
    }
}
