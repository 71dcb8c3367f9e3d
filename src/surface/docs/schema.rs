//! JSON Schema as lists of fields, for people: of OpenAPI 3.0 and of AsyncAPI alike.

use maud::{Markup, html};
use serde_json::Value;

use super::markdown::prose;

/// How deep fields are shown within fields.
const DEPTH: u8 = 4;

/// The fields of an object, or what else a schema says.
pub(super) fn described(document: &Value, schema: &Value) -> Markup {
    let found = resolved(document, schema);
    html! {
        @if has_fields(document, found) {
            (fields(document, found, DEPTH))
        } @else {
            p { span class="kind" { (kind(document, schema)) } " " (rules(found)) }
            @if let Some(about) = found["description"].as_str() { (prose(about)) }
        }
    }
}

/// What a `$ref` leads to.
pub(super) fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|at| at.strip_prefix('#'));
    target.and_then(|at| document.pointer(at)).unwrap_or(schema)
}

/// A name for what stands there, such as `string or null`.
pub(super) fn kind(document: &Value, schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|at| at.rsplit('/').next()) {
        let found = resolved(document, schema);
        return match found["type"].as_str() {
            Some("object") | None => name.to_owned(),
            Some(plain) => plain.to_owned(),
        };
    }
    for any in ["anyOf", "oneOf"] {
        if let Some(all) = schema[any].as_array().filter(|_| schema["properties"].is_null()) {
            let mut names: Vec<_> = all.iter().map(|one| kind(document, one)).collect();
            names.dedup();
            return or(&names);
        }
    }
    if schema["enum"] == Value::Array(vec![Value::Null]) {
        return "null".to_owned();
    }
    let mut name = match &schema["type"] {
        Value::String(name) if name == "array" => {
            format!("list of {}", kind(document, &schema["items"]))
        }
        Value::String(name) if name == "object" => match &schema["additionalProperties"] {
            of @ Value::Object(_) => format!("object of {}", kind(document, of)),
            _ => "object".to_owned(),
        },
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            or(&names)
        }
        _ if schema.get("const").is_some() => return "constant".to_owned(),
        _ => "any JSON".to_owned(),
    };
    match schema["format"].as_str() {
        Some("binary") => name = "file".to_owned(),
        Some("date-time") => name = "time".to_owned(),
        Some("email") => name = "email address".to_owned(),
        _ => {}
    }
    if schema["nullable"] == true { format!("{name} or null") } else { name }
}

fn or(names: &[String]) -> String {
    names.join(" or ")
}

/// What a value has to keep to besides its kind.
fn rules(schema: &Value) -> Markup {
    let mut rules = Vec::new();
    match (schema["minLength"].as_u64(), schema["maxLength"].as_u64()) {
        (Some(0) | None, Some(max)) => rules.push(format!("at most {max} characters")),
        (Some(min), Some(max)) => rules.push(format!("{min} to {max} characters")),
        _ => {}
    }
    match (schema["minimum"].as_f64(), schema["maximum"].as_f64()) {
        (Some(min), Some(max)) => rules.push(format!("{min} to {max}")),
        (Some(min), None) => rules.push(format!("at least {min}")),
        _ => {}
    }
    let values = schema["enum"].as_array().cloned().unwrap_or_default();
    let values: Vec<_> = values.into_iter().chain(schema.get("const").cloned()).collect();
    html! {
        @if !values.is_empty() && !values.contains(&Value::Null) {
            span class="rule" {
                @for (at, value) in values.iter().enumerate() {
                    @if at > 0 { ", " }
                    code { (value.as_str().map_or_else(|| value.to_string(), str::to_owned)) }
                }
            }
        }
        @for rule in &rules { " " span class="rule" { (rule) } }
    }
}

/// A schema's own parts, and those it is put together from.
fn parts<'a>(document: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let all = schema["allOf"].as_array().into_iter().flatten();
    let all = all.map(|part| resolved(document, part));
    std::iter::once(schema).chain(all).collect()
}

fn has_fields(document: &Value, schema: &Value) -> bool {
    parts(document, schema).iter().any(|part| part["properties"].is_object())
}

/// The object within: that of a list's items, or of what may be null.
fn inner<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let found = resolved(document, schema);
    if found["items"].is_object() {
        return inner(document, &found["items"]);
    }
    let either = ["anyOf", "oneOf"].iter().filter_map(|any| found[any].as_array()).flatten();
    let mut either = either.filter(|one| one["type"] != "null" && one["enum"][0] != Value::Null);
    match (either.next(), either.next()) {
        (Some(only), None) => inner(document, only),
        _ => found,
    }
}

fn fields(document: &Value, schema: &Value, depth: u8) -> Markup {
    let parts = parts(document, schema);
    let required: Vec<_> = parts
        .iter()
        .flat_map(|part| part["required"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .collect();
    let all = parts.iter().flat_map(|part| part["properties"].as_object().into_iter().flatten());
    html! {
        dl class="fields" {
            @for (name, field) in all {
                @let found = resolved(document, field);
                @let within = inner(document, field);
                div {
                    dt {
                        code { (name) } " "
                        span class="kind" { (kind(document, field)) }
                        @if required.contains(&name.as_str()) { " " span class="must" { "required" } }
                    }
                    dd {
                        @if let Some(about) = field["description"].as_str().or(found["description"].as_str()) {
                            (prose(about))
                        }
                        (rules(within))
                        @if depth > 0 && has_fields(document, within) {
                            details {
                                summary { "Fields of " code { (name) } }
                                (fields(document, within, depth - 1))
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_named_in_words() {
        let document = json!({ "components": { "schemas": {
            "Contact": { "type": "object", "properties": { "name": { "type": "string" } } },
            "Status": { "type": "string", "enum": ["bot"] },
        } } });
        let or_none = json!({ "type": "object", "nullable": true, "enum": [null] });
        let contact = json!({ "$ref": "#/components/schemas/Contact" });
        for (schema, expected) in [
            (json!({ "type": "string", "nullable": true }), "string or null"),
            (json!({ "type": ["string", "null"] }), "string or null"),
            (json!({ "type": "array", "items": contact }), "list of Contact"),
            (json!({ "anyOf": [contact, or_none] }), "Contact or null"),
            (json!({ "$ref": "#/components/schemas/Status" }), "string"),
            (json!({ "type": "string", "format": "binary" }), "file"),
            (json!({}), "any JSON"),
        ] {
            assert_eq!(kind(&document, &schema), expected, "{schema}");
        }
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let document = json!({ "components": { "schemas": {
            "A": { "type": "object", "properties": { "a": { "$ref": "#/components/schemas/A" } } },
        } } });
        let html = described(&document, &json!({ "$ref": "#/components/schemas/A" })).0;
        assert_eq!(html.matches("<dl").count(), usize::from(DEPTH) + 1);
    }
}
