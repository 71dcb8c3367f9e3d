//! `parlor config`: the settings as a server here would understand them.

use serde_json::Value;

use super::Failure;
use super::output::print;
use crate::config::{Config, unknown_variables};

/// What stands in the place of a secret.
const HIDDEN: &str = "(hidden)";
/// Settings that nobody should read over somebody's shoulder.
const SECRETS: [&str; 3] = ["cql_password", "search_password", "transcription_key"];

/// Prints every setting that is not empty; as JSON, every setting. Secrets are hidden.
///
/// # Errors
/// When standard output is gone.
pub fn run(config: &Config, json: bool) -> Result<(), Failure> {
    for variable in unknown_variables() {
        eprintln!("parlor: {variable} names no setting and is ignored");
    }
    let shown = shown(serde_json::to_value(config)?);
    if json {
        return print(serde_json::to_string_pretty(&shown)?);
    }
    for (name, value) in shown.as_object().into_iter().flatten() {
        let empty = match value {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        if !empty {
            print(format_args!("{name} = {}", toml(value)))?;
        }
    }
    Ok(())
}

/// A value as a settings file takes it. JSON's and TOML's differ in tables alone.
fn toml(value: &Value) -> String {
    let Value::Object(fields) = value else { return value.to_string() };
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("{} = {}", Value::from(name.as_str()), toml(value)))
        .collect();
    format!("{{ {} }}", fields.join(", "))
}

/// The settings without their secrets.
fn shown(mut settings: Value) -> Value {
    for name in SECRETS {
        if settings[name].is_string() {
            settings[name] = HIDDEN.into();
        }
    }
    for (name, value) in settings["kafka_options"].as_object_mut().into_iter().flatten() {
        if name.contains("password") || name.ends_with(".pem") {
            *value = HIDDEN.into();
        }
    }
    let address = settings["search"].as_str().and_then(|text| url::Url::parse(text).ok());
    if let Some(mut address) = address
        && address.password().is_some()
        && address.set_password(Some("hidden")).is_ok()
    {
        settings["search"] = address.to_string().into();
    }
    settings
}

#[cfg(test)]
mod tests {
    use figment::Figment;
    use figment::providers::{Format as _, Toml};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_is_shown_as_a_settings_file_takes_it() {
        let shown = toml(&json!({ "sasl.mechanism": "PLAIN", "retries": 3, "list": ["a\n", "é"] }));
        let file = format!("kafka_options = {shown}");
        let read: Value = Figment::from(Toml::string(&file)).extract().expect("TOML");
        let expected = json!({ "sasl.mechanism": "PLAIN", "retries": 3, "list": ["a\n", "é"] });
        assert_eq!(read["kafka_options"], expected, "{file}");
    }

    #[test]
    fn no_secret_is_shown() {
        let settings = json!({
            "cql_user": "parlor", "cql_password": "s3cret", "search_password": null,
            "transcription_key": "s3cret", "search": "https://me:s3cret@search:9200",
            "kafka_options": { "sasl.username": "me", "sasl.password": "s3cret" },
        });
        let shown = shown(settings);
        assert!(!shown.to_string().contains("s3cret"), "{shown}");
        assert_eq!(shown["cql_user"], "parlor");
        assert_eq!(shown["kafka_options"]["sasl.username"], "me");
        assert_eq!(shown["search_password"], Value::Null);
    }
}
