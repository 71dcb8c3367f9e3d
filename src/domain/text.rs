//! Texts from outside, parsed once into types that cannot be wrong.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest message, in Unicode characters.
pub const MESSAGE_MAX_CHARS: usize = 10_000;
const NAME_MAX_CHARS: usize = 200;
const EMAIL_MAX_CHARS: usize = 254;
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
    /// A phone number: an optional `+` and 5 to 15 digits (E.164); spaces, dots, dashes, slashes
    /// and brackets between them are dropped.
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
        if text.trim().is_empty() {
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
        let text = text.trim();
        let (plus, rest) = match text.strip_prefix('+') {
            Some(rest) => ("+", rest),
            None => ("", text),
        };
        let separator = |c: char| " .-/()".contains(c);
        let digits: String = rest.chars().filter(|c| !separator(*c)).take(16).collect();
        let valid = (5..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if !valid || rest.len() > 40 {
            return Err(MALFORMED);
        }
        Ok(Self(format!("{plus}{digits}").into()))
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
        assert_eq!(" \n\t".parse::<MessageText>(), Err(TextFault::Empty));
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
        for bad in ["", "12", "+", "abc", "12345x", "++12345", "1234567890123456"] {
            assert!(bad.parse::<Phone>().is_err(), "{bad}");
        }
    }
}
