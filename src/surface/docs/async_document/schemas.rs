//! Schemas as one document holds them.
//!
//! A `$ref` in an AsyncAPI document counts from the root of the document, so what types share
//! cannot stay in the `$defs` of each: it moves to `components/schemas`, where it stands once.

use serde_json::{Map, Value};

/// The schemas of a document, by name.
#[derive(Default)]
pub(super) struct Schemas(Map<String, Value>);

impl Schemas {
    /// Takes a schema in, and what it shares with others beside it.
    pub(super) fn add(&mut self, name: &str, mut schema: Value) {
        let shared = match schema.as_object_mut() {
            Some(fields) => {
                fields.remove("$schema");
                fields.remove("$defs")
            }
            None => None,
        };
        lead_to_components(&mut schema);
        let before = self.0.insert(name.to_owned(), schema.clone());
        debug_assert!(
            before.is_none_or(|before| before == schema),
            "two types are called {name}: rename one's schema"
        );
        if let Some(Value::Object(shared)) = shared {
            for (name, schema) in shared {
                self.add(&name, schema);
            }
        }
    }

    /// All of them.
    pub(super) fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

fn lead_to_components(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().and_then(|text| text.strip_prefix("#/$defs/")) {
                    Some(shared) if name == "$ref" => {
                        *value = format!("#/components/schemas/{shared}").into();
                    }
                    _ => lead_to_components(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(lead_to_components),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_types_share_stands_once_and_is_found_from_the_root() {
        let mut schemas = Schemas::default();
        let inner = json!({ "type": "array", "items": { "$ref": "#/$defs/Leaf" } });
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": { "a": { "anyOf": [{ "$ref": "#/$defs/Inner" }, { "type": "null" }] } },
            "$defs": { "Inner": inner, "Leaf": { "type": "string" } },
        });
        schemas.add("Outer", schema.clone());
        schemas.add("Other", schema);
        let outer = json!({
            "properties": { "a": { "anyOf": [
                { "$ref": "#/components/schemas/Inner" }, { "type": "null" },
            ] } },
        });
        let expected = json!({
            "Outer": outer,
            "Other": outer,
            "Inner": { "type": "array", "items": { "$ref": "#/components/schemas/Leaf" } },
            "Leaf": { "type": "string" },
        });
        assert_eq!(Value::Object(schemas.into_map()), expected);
    }
}
