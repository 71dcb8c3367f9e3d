//! Texts with variables in them: `Hello {{contact.name|there}}`.
//!
//! Names and defaults only: nothing is computed, and a value that looks like a template is none.

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
    /// What is wrong with it, for its author.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            let (inside, after) =
                after.split_once("}}").ok_or_else(|| "has {{ without }}".to_owned())?;
            let (name, default) = inside.split_once('|').unwrap_or((inside, ""));
            let (name, default) = (name.trim(), default.trim());
            if !Variables::is_name(name) {
                return Err(format!("{name:?} is no variable: {NAMES}"));
            }
            pieces.push(Piece::Variable { name: name.to_owned(), default: default.to_owned() });
            rest = after;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        Ok(Self(pieces))
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
        assert_eq!(Template::parse("Hi {{contact.name"), Err("has {{ without }}".to_owned()));
        for name in ["", "name", "contact.", "1+1", "contact.name()"] {
            let fault = Template::parse(&format!("{{{{{name}}}}}")).unwrap_err();
            assert!(fault.contains("no variable"), "{fault}");
        }
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
