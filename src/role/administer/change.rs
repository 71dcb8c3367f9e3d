//! A change that is merged over an account's settings.

use serde_json::{Map, Value, json};

use crate::domain::account::Settings;
use crate::role::Failure;
use crate::surface;

/// Settings with a change merged over them (RFC 7396); what they do not have is refused.
pub(super) fn merged(settings: &Settings, change: Value) -> Result<Settings, Failure> {
    fn merge(target: &mut Value, change: Value) {
        match change {
            Value::Object(fields) => {
                if !target.is_object() {
                    *target = json!({});
                }
                for (name, value) in fields {
                    if value.is_null() {
                        target.as_object_mut().map(|target| target.remove(&name));
                    } else {
                        merge(&mut target[name], value);
                    }
                }
            }
            other => *target = other,
        }
    }
    /// The first thing in a change that the schema of settings has not. A list where settings
    /// belong would be read as settings that are all left out.
    fn wrong(change: &Value, schema: &Value, path: &str) -> Option<String> {
        let known = schema["properties"].as_object()?;
        let Value::Object(fields) = change else {
            let place = if path.is_empty() { "the change" } else { path };
            return (!change.is_null()).then(|| format!("{place} is no JSON object"));
        };
        fields.iter().find_map(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            match known.get(name) {
                Some(schema) => wrong(value, schema, &path),
                None => Some(format!("there is no setting {path}")),
            }
        })
    }
    let mut schema = schemars::schema_for!(Settings).to_value();
    // Their names are the surfaces' own.
    let limits: Map<_, _> = surface::limits().map(|name| (name.to_owned(), json!({}))).collect();
    schema["properties"]["limits"]["properties"] = limits.into();
    if let Some(problem) = wrong(&change, &schema, "") {
        return Err(problem.into());
    }
    let mut whole = serde_json::to_value(settings)?;
    merge(&mut whole, change);
    serde_path_to_error::deserialize(whole)
        .map_err(|error| format!("{}: {}", error.path(), error.inner()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_merged_and_what_is_no_setting_is_refused() {
        let settings = Settings { brand: "Acme".to_owned(), ..Settings::default() };
        let change = json!({ "greeting": "Hi!", "limits": { "widget_read": 7 }, "credits": null });
        let changed = merged(&settings, change).expect("settings");
        assert_eq!((changed.brand.as_str(), changed.greeting.as_str()), ("Acme", "Hi!"));
        assert_eq!(changed.limits.get("widget_read"), Some(7));
        let more = merged(&changed, json!({ "limits": { "widget_send": 8 } })).expect("settings");
        assert_eq!(
            (more.limits.get("widget_read"), more.limits.get("widget_send")),
            (Some(7), Some(8))
        );
        let none = json!({ "limits": { "widget_send": null, "widget_read": null } });
        assert_eq!(merged(&more, none).expect("settings").limits, Default::default());
        let same = json!({ "limits": { "chataibot": null }, "look": {} });
        assert_eq!(merged(&settings, same).expect("settings"), settings);
        for (wrong, told) in [
            (json!({ "colour": "red" }), "no setting colour"),
            (json!({ "colour": null }), "no setting colour"),
            (json!({ "limits": { "widget": 7 } }), "no setting limits.widget"),
            (json!({ "look": { "title": "x" } }), "no setting look.title"),
            (json!({ "credits": "x" }), "credits: invalid type"),
            (json!({ "require_details": "soon" }), "require_details: unknown variant"),
            (json!({ "limits": { "widget_read": -1 } }), "limits.widget_read: invalid value"),
            (json!([]), "the change is no JSON object"),
            (json!({ "limits": [] }), "limits is no JSON object"),
        ] {
            let error = merged(&settings, wrong.clone()).expect_err("refused").to_string();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
