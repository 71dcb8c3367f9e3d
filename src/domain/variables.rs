//! What a conversation remembers for its bot: variables and the place in a flow.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::language::Language;

/// Variables one conversation may have.
pub const COUNT_MAX: usize = 100;
/// The longest name, its group included, in bytes.
pub const NAME_MAX: usize = 80;
/// The longest value, in Unicode characters.
pub const VALUE_MAX_CHARS: usize = 1_000;
/// What the names of variables begin with (seed 002).
const GROUPS: [&str; 3] = ["system.", "contact.", "conversation."];

/// Variables by their names: `system.timezone`, `contact.plan`, `conversation.order_id`.
///
/// Names are a group, a dot, and letters, digits, `_`, `-` and dots; values are text of at most a
/// thousand characters. What a contact is called and how it is reached are its own fields and are
/// read as `contact.name`, `contact.email` and `contact.phone`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The language of `system.browserLanguage`, where that names one.
    pub fn browser_language(&self) -> Option<Language> {
        Language::from_tag(self.get("system.browserLanguage")?).ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether a name is one: a known group and then letters, digits, `_`, `-` and dots.
    pub fn is_name(name: &str) -> bool {
        let rest = GROUPS.iter().find_map(|group| name.strip_prefix(group));
        name.len() <= NAME_MAX
            && rest.is_some_and(|rest| {
                !rest.is_empty()
                    && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
            })
    }

    /// Sets a variable: a value that is too long is cut. Says whether it stands; it does not when
    /// the name is none, or when it would be one too many.
    pub fn set(&mut self, name: &str, value: &str) -> bool {
        let known = self.0.contains_key(name);
        if !Self::is_name(name) || (!known && self.0.len() >= COUNT_MAX) {
            return false;
        }
        let value = match value.char_indices().nth(VALUE_MAX_CHARS) {
            Some((end, _)) => &value[..end],
            None => value,
        };
        self.0.insert(name.to_owned(), value.to_owned());
        true
    }

    /// Sets all of `others`.
    pub fn merge(&mut self, others: &Self) {
        for (name, value) in others.iter() {
            self.set(name, value);
        }
    }
}

/// What a bot wants remembered after a turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub struct Memory {
    /// The variables that the turn has set.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
    /// The step of a flow that the next message answers; none where the flow is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
}

impl Memory {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_group_and_plain_characters() {
        for name in ["system.timezone", "contact.plan-2", "conversation.a.b_c"] {
            assert!(Variables::is_name(name), "{name}");
        }
        let long = format!("contact.{}", "x".repeat(80));
        for name in ["", "timezone", "system.", "other.x", "contact.a b", "contact.é", &long] {
            assert!(!Variables::is_name(name), "{name}");
        }
    }

    #[test]
    fn a_browsers_language_is_that_of_its_tag() {
        let of = |tag: &str| {
            let mut variables = Variables::default();
            variables.set("system.browserLanguage", tag);
            variables.browser_language().map(|language| language.to_string())
        };
        assert_eq!((of("de-DE"), of("*")), (Some("de".to_owned()), None));
        assert_eq!(Variables::default().browser_language(), None);
    }

    #[test]
    fn values_are_cut_and_there_are_only_so_many() {
        let mut variables = Variables::default();
        assert!(variables.set("contact.long", &"é".repeat(VALUE_MAX_CHARS + 1)));
        assert_eq!(variables.get("contact.long").map(|v| v.chars().count()), Some(VALUE_MAX_CHARS));
        for number in 1..COUNT_MAX {
            assert!(variables.set(&format!("conversation.n{number}"), "x"));
        }
        assert!(!variables.set("conversation.more", "x"));
        assert!(variables.set("conversation.n1", "y"), "a known one can still be changed");
    }
}
