//! `parlor config`: the settings as a server here would understand them.

use serde_json::Value;

use super::Failure;
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
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(());
    }
    for (name, value) in shown.as_object().into_iter().flatten() {
        let empty = match value {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        if !empty {
            println!("{name} = {value}");
        }
    }
    Ok(())
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
    use serde_json::json;

    use super::*;

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
