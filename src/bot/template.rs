//! Texts with variables in them: `Hello {{contact.name|there}}`.
//!
//! Names and defaults only: nothing is computed, and a value that looks like a template is none.

use super::faults::Found;
use crate::domain::variables::Variables;

/// A text that was read once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Variable { name: String, default: String },
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// All that is wrong with it, for its author.
    pub(super) fn parse(text: &str) -> Result<Self, Vec<String>> {
        let (mut pieces, mut problems) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            let Some((inside, after)) = after.split_once("}}") else {
                problems.push("has {{ without }}".to_owned());
                break;
            };
            let (name, default) = inside.split_once('|').unwrap_or((inside, ""));
            let (name, default) = (name.trim(), default.trim());
            if !Variables::is_name(name) {
                problems.push(format!("{name:?} is no variable: {NAMES}"));
            }
            pieces.push(Piece::Variable { name: name.to_owned(), default: default.to_owned() });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        if problems.is_empty() { Ok(Self(pieces)) } else { Err(problems) }
    }

    /// Reads a text; one that is none is empty, and what is wrong with it is added.
    pub(super) fn read(text: &str, place: &str, found: &mut Found) -> Self {
        Self::parse(text).unwrap_or_else(|problems| {
            problems.into_iter().for_each(|problem| found.add(place, problem));
            Self::default()
        })
    }

    /// The text with its values; a variable without one, or with a blank one, gives its default.
    pub(super) fn render<'v>(&self, value: impl Fn(&str) -> Option<&'v str>) -> String {
        self.render_with(value, |value, text| text.push_str(value))
    }

    /// The same, where `write` says how a value is written.
    pub(super) fn render_with<'v>(
        &self,
        value: impl Fn(&str) -> Option<&'v str>,
        write: impl Fn(&str, &mut String),
    ) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Variable { name, default } => {
                    let known = value(name).filter(|value| !value.trim().is_empty());
                    write(known.unwrap_or(default), &mut text);
                }
            }
        }
        text
    }

    /// What stands before the first variable.
    pub(super) fn beginning(&self) -> &str {
        match self.0.first() {
            Some(Piece::Literal(literal)) => literal,
            Some(Piece::Variable { .. }) | None => "",
        }
    }

    pub(super) fn has_variables(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Variable { .. }))
    }
}

/// What names of variables are, as faults say it.
pub(super) const NAMES: &str =
    "names begin with system., contact. or conversation. and go on in letters, digits, _ - .";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rendered(text: &str) -> String {
        let value = |name: &str| match name {
            "contact.name" => Some("Ana {{contact.name}}"),
            "conversation.blank" => Some("  "),
            _ => None,
        };
        Template::parse(text).unwrap().render(value)
    }

    #[test]
    fn variables_are_replaced_and_have_defaults() {
        assert_eq!(rendered("Hi {{contact.name}}!"), "Hi Ana {{contact.name}}!");
        assert_eq!(rendered("Hi {{ contact.nick | there }}!"), "Hi there!");
        assert_eq!(rendered("[{{conversation.blank|-}}] [{{contact.none}}]"), "[-] []");
        assert_eq!(rendered("no } braces { here"), "no } braces { here");
    }

    #[test]
    fn what_is_no_template_is_told() {
        let open = "has {{ without }}".to_owned();
        assert_eq!(Template::parse("Hi {{contact.name"), Err(vec![open.clone()]));
        for name in ["", "name", "contact.", "1+1", "contact.name()"] {
            let faults = Template::parse(&format!("{{{{{name}}}}}")).unwrap_err();
            assert!(faults[0].contains("no variable"), "{faults:?}");
        }
        let all = Template::parse("{{one}} {{contact.two}} {{three}} {{").unwrap_err();
        assert!(all[0].starts_with("\"one\"") && all[1].starts_with("\"three\""), "{all:?}");
        assert_eq!(all[2..], [open]);
    }

    proptest! {
        #[test]
        fn a_text_without_braces_stays_as_it_is(text in "[^{]{0,60}") {
            prop_assert_eq!(rendered(&text), text);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "([{}|a-z. ]|contact){0,30}") {
            let _ = Template::parse(&text);
        }
    }
}
