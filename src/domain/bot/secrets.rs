//! What of a definition is not shown: keys, secrets, and values of headers.

use std::collections::BTreeMap;

use super::Definition;
use super::flow::Step;

/// Stands where a secret was.
const HIDDEN: &str = "(hidden)";

impl Definition {
    /// The same without its secrets, for display.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let mut shown = self.clone();
        shown.secrets(|_, secret| HIDDEN.clone_into(secret));
        shown
    }

    /// The same with the secrets of `before` where it has those that [`Definition::redacted`] put
    /// there: so what was displayed can be edited and sent back.
    #[must_use]
    pub fn restored(mut self, before: &Self) -> Self {
        let mut known = BTreeMap::new();
        before.clone().secrets(|place, secret| {
            known.insert(place, secret.clone());
        });
        self.secrets(|place, secret| {
            if secret.as_str() == HIDDEN
                && let Some(before) = known.get(&place)
            {
                secret.clone_from(before);
            }
        });
        self
    }

    /// The places where a secret is hidden rather than there.
    #[must_use]
    pub fn hidden(&self) -> Vec<String> {
        let mut places = Vec::new();
        self.clone().secrets(|place, secret| {
            if secret.as_str() == HIDDEN {
                places.push(place);
            }
        });
        places
    }

    /// Visits every secret with its place.
    fn secrets(&mut self, mut visit: impl FnMut(String, &mut String)) {
        match self {
            Self::Faq(_) => {}
            Self::Flow(definition) => {
                for (id, step) in &mut definition.steps {
                    if let Step::Http(call) = step {
                        for (name, value) in &mut call.headers {
                            visit(format!("steps.{id}.headers.{name}"), value);
                        }
                    }
                }
            }
            Self::Llm(definition) => {
                if let Some(key) = &mut definition.api_key {
                    visit("api_key".to_owned(), key);
                }
                for (name, value) in &mut definition.headers {
                    visit(format!("headers.{name}"), value);
                }
            }
            Self::Remote(definition) => {
                if let Some(secret) = &mut definition.secret {
                    visit("secret".to_owned(), secret);
                }
                for (name, value) in &mut definition.headers {
                    visit(format!("headers.{name}"), value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(definition: Value) -> Definition {
        serde_json::from_value(definition).unwrap()
    }

    fn all() -> [Definition; 3] {
        [
            of(json!({ "kind": "flow", "name": "a", "start": "x", "steps": { "x": {
                "type": "http", "url": "https://a.example/", "headers": { "X-Key": "s3cret" },
                "next": "x", "on_error": "x",
            } } })),
            of(json!({ "kind": "llm", "name": "a", "base_url": "https://a.example", "model": "m",
                "api_key": "s3cret", "headers": { "X-Key": "s3cret2" } })),
            of(json!({ "kind": "remote", "name": "a", "url": "https://a.example",
                "secret": "s3cret", "headers": { "X-Key": "s3cret2" } })),
        ]
    }

    #[test]
    fn no_secret_is_shown_and_none_is_lost() {
        for definition in all() {
            let shown = definition.redacted();
            let text = serde_json::to_string(&shown).unwrap();
            assert!(!text.contains("s3cret") && text.contains(HIDDEN), "{text}");
            assert!(definition.hidden().is_empty() && !shown.hidden().is_empty());
            assert_eq!(shown.restored(&definition), definition);
        }
    }

    #[test]
    fn a_secret_that_was_changed_stays_so() {
        let [_, before, _] = all();
        let Definition::Llm(mut after) = before.redacted() else { panic!("an llm bot") };
        after.api_key = Some("new".to_owned());
        let Definition::Llm(after) = Definition::Llm(after).restored(&before) else {
            panic!("an llm bot")
        };
        assert_eq!(after.api_key.as_deref(), Some("new"));
        assert_eq!(after.headers["X-Key"], "s3cret2");
    }
}
