//! What is wrong with the settings, in the words of whoever wrote them: which setting, where it
//! stands, what it is and what it should be.

use std::path::Path;

use figment::error::{Actual, Kind};
use serde_json::Value;

use super::{Config, Flags, variable_text};

/// Settings that cannot be used. It is one sentence for each of them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub(super) String);

/// How alike an unknown name must be to one that there is, to be taken for a misspelt one.
const ALIKE: f64 = 0.8;

/// Says where settings came from, and so where a wrong one is to be mended.
pub(super) struct Origins<'a> {
    /// The file that was read; none where there is none.
    pub(super) file: Option<&'a Path>,
    pub(super) flags: &'a Flags,
}

impl Origins<'_> {
    /// All that figment found, a line each.
    pub(super) fn explain(&self, errors: figment::Error) -> Fault {
        let lines: Vec<_> = errors.into_iter().map(|error| self.line(&error)).collect();
        Fault(lines.join("\n"))
    }

    fn line(&self, error: &figment::Error) -> String {
        let setting = error.path.first().map_or("", String::as_str);
        match &error.kind {
            Kind::UnknownField(name, known) => {
                let guess = known
                    .iter()
                    .map(|known| (strsim::jaro_winkler(name, known), known))
                    .filter(|(alike, _)| *alike > ALIKE)
                    .max_by(|left, right| left.0.total_cmp(&right.0))
                    .map(|(_, known)| format!("; is {known} meant?"));
                let file =
                    self.file.map_or("the settings".to_owned(), |it| it.display().to_string());
                format!("{file}: there is no setting {name}{}", guess.unwrap_or_default())
            }
            Kind::InvalidType(found, _) | Kind::InvalidValue(found, _) => {
                format!(
                    "{} is {}: it must be {}",
                    self.place(setting),
                    shown(found),
                    kind_of(setting)
                )
            }
            Kind::UnknownVariant(found, known) => {
                format!("{} is {found:?}: it must be {}", self.place(setting), known.join(" or "))
            }
            other => format!("{}: {other}", self.place(setting)),
        }
    }

    /// The setting as it is spelt where its value came from: flags win over variables, and those
    /// over the file.
    fn place(&self, setting: &str) -> String {
        let flags = serde_json::to_value(self.flags).unwrap_or_default();
        if flags.get(setting).is_some() {
            return format!("--{}", setting.replace('_', "-"));
        }
        let variable = format!("PARLOR_{}", setting.to_uppercase());
        match self.file {
            Some(file) if variable_text(&variable).is_none() => {
                format!("{setting} in {}", file.display())
            }
            _ => variable,
        }
    }
}

fn shown(found: &Actual) -> String {
    match found {
        Actual::Str(text) => format!("{text:?}"),
        Actual::Bool(it) => it.to_string(),
        Actual::Unsigned(number) => number.to_string(),
        Actual::Signed(number) => number.to_string(),
        Actual::Float(number) => number.to_string(),
        other => other.to_string(),
    }
}

/// What a setting is, as its default shows.
fn kind_of(setting: &str) -> &'static str {
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    match defaults.get(setting) {
        Some(Value::Number(_)) => "a whole number that is not negative and not too large",
        Some(Value::Bool(_)) => "true or false",
        Some(Value::Array(_)) => "a list",
        Some(Value::Object(_)) => "a table",
        _ => "a text",
    }
}
