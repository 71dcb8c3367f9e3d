//! A surface's document as it is published: what poem writes, and what it has no words for. The
//! headers of every answer, media types without parameters, what may be null, examples in the
//! surfaces' own words, and a sample of code for each operation.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::samples;

/// What is known of a surface beside what poem writes.
pub(super) struct Publishing<'a> {
    /// Whether its calls are counted against a limit.
    pub(super) limited: bool,
    /// The environment variable that holds the key in samples of code.
    pub(super) key: &'a str,
    /// Examples by operation, as JSON.
    pub(super) examples: &'a str,
}

/// One operation's example.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Example {
    pub(super) path: Map<String, Value>,
    pub(super) query: Map<String, Value>,
    /// JSON, or a form's fields; `@name` is a file.
    pub(super) request: Option<Value>,
    pub(super) response: Option<Value>,
    /// The name under which a sample saves the answer.
    pub(super) saved: Option<String>,
}

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";
const ANY: &str = "*/*";

/// The published document, as pretty JSON that ends in a newline.
pub(super) fn published(spec: &str, publishing: &Publishing<'_>) -> String {
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    document["info"]["license"] = json!({ "name": "Apache-2.0" });
    let mut examples: Map<String, Value> =
        serde_json::from_str(publishing.examples).unwrap_or_default();
    let headers = headers(publishing.limited);
    let schemes = document["components"]["securitySchemes"].clone();
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let example = examples.remove(id).unwrap_or_default();
            let example = serde_json::from_value(example).unwrap_or_default();
            name_headers(operation, &headers);
            name_media_types(operation);
            show(operation, &example);
            if operation.get("security").is_none() {
                operation["security"] = json!([]);
            }
            let call = samples::Call::new(method, path, operation, &schemes, publishing.key);
            operation["x-codeSamples"] = call.samples(&example);
        }
    }
    document["components"]["headers"] = headers.into();
    allow_null(&mut document);
    pretty(&document)
}

/// Pretty JSON that ends in a newline.
pub(super) fn pretty(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// The headers of every answer, and those of surfaces whose calls are `limited`.
fn headers(limited: bool) -> Map<String, Value> {
    let count = |description: &str| {
        let description = format!("{description} Where the call was counted.");
        json!({ "description": description, "schema": { "type": "integer", "minimum": 0 } })
    };
    let mut headers = Map::new();
    let named = "Names the request in our log; taken over from the request.";
    let named = json!({ "description": named, "schema": { "type": "string" } });
    headers.insert("X-Request-Id".to_owned(), named);
    if limited {
        let reset = "Seconds until all of them are there again.";
        headers.insert("RateLimit-Limit".to_owned(), count("Calls a minute that the caller has."));
        headers.insert("RateLimit-Remaining".to_owned(), count("Calls that are left now."));
        headers.insert("RateLimit-Reset".to_owned(), count(reset));
    }
    headers
}

fn responses(operation: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    operation["responses"].as_object_mut().into_iter().flatten()
}

fn name_headers(operation: &mut Value, headers: &Map<String, Value>) {
    for (_, response) in responses(operation) {
        for name in headers.keys() {
            let place = format!("#/components/headers/{name}");
            response["headers"][name] = json!({ "$ref": place });
        }
    }
}

/// A media type is named without parameters: makers of clients look for `application/json`. A file
/// is bytes for whoever asks for a type, and has one of its own.
fn name_media_types(operation: &mut Value) {
    let plain = |content: &mut Value| {
        let Some(types) = content.as_object_mut() else { return };
        let named = std::mem::take(types).into_iter().flat_map(|(name, media)| {
            let essence = name.split(';').next().unwrap_or_default().trim().to_owned();
            let as_bytes = (essence == ANY).then(|| (BYTES.to_owned(), media.clone()));
            as_bytes.into_iter().chain([(essence, media)])
        });
        *types = named.collect();
    };
    if let Some(content) = operation.pointer_mut("/requestBody/content") {
        plain(content);
    }
    for (status, response) in responses(operation) {
        // Neither has a body.
        if status == "304" || (status == "416" && response["content"].get(ANY).is_some()) {
            response.as_object_mut().map(|response| response.remove("content"));
        }
        if let Some(content) = response.get_mut("content") {
            plain(content);
        }
    }
}

/// Puts an example where the document has places for it.
fn show(operation: &mut Value, example: &Example) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default();
        let shown = match parameter["in"].as_str() {
            Some("path") => example.path.get(name),
            Some("query") => example.query.get(name),
            _ => None,
        };
        // Ids are texts, whatever they look like.
        let shown = match (shown, parameter["schema"]["type"].as_str()) {
            (Some(Value::Number(number)), Some("string")) => Some(number.to_string().into()),
            (shown, _) => shown.cloned(),
        };
        if let Some(shown) = shown {
            parameter["example"] = shown;
        }
    }
    let asked = operation.pointer_mut(&format!("/requestBody/content/{}", escaped(JSON)));
    if let (Some(media), Some(request)) = (asked, &example.request) {
        media["example"] = request.clone();
    }
    let Some(shown) = &example.response else { return };
    for (_, response) in responses(operation).filter(|(status, _)| status.starts_with('2')) {
        let content = response.get_mut("content").and_then(Value::as_object_mut);
        for (_, media) in content.into_iter().flatten() {
            media["example"] = shown.clone();
        }
    }
}

/// As a part of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Says of what may be null that it may: in OpenAPI 3.0 `nullable` means nothing beside a `$ref`.
fn allow_null(schema: &mut Value) {
    if schema.get("nullable") == Some(&Value::Bool(true))
        && let Some(parts) = schema.get("allOf").and_then(Value::as_array).cloned()
    {
        let null = json!({ "type": "object", "nullable": true, "enum": [null] });
        let mut any: Vec<_> = parts.into_iter().filter(|part| part.get("$ref").is_some()).collect();
        any.push(null);
        if let Some(fields) = schema.as_object_mut() {
            fields.remove("nullable");
            fields.remove("allOf");
            fields.insert("anyOf".to_owned(), any.into());
        }
    }
    match schema {
        Value::Object(fields) => fields.values_mut().for_each(allow_null),
        Value::Array(items) => items.iter_mut().for_each(allow_null),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_named_without_parameters() {
        let mut operation = json!({
            "requestBody": { "content": { "application/json; charset=utf-8": { "schema": {} } } },
            "responses": {
                "200": { "content": { "*/*": { "schema": { "type": "string" } } } },
                "304": { "content": { "*/*": {} } },
                "400": { "content": { "application/json; charset=utf-8": { "schema": {} } } },
            },
        });
        name_media_types(&mut operation);
        let expected = json!({
            "requestBody": { "content": { "application/json": { "schema": {} } } },
            "responses": {
                "200": { "content": {
                    "application/octet-stream": { "schema": { "type": "string" } },
                    "*/*": { "schema": { "type": "string" } },
                } },
                "304": {},
                "400": { "content": { "application/json": { "schema": {} } } },
            },
        });
        assert_eq!(operation, expected);
    }

    #[test]
    fn what_may_be_null_is_one_of_two() {
        let mut schema =
            json!({ "nullable": true, "allOf": [{ "$ref": "#/a" }, { "title": "A" }] });
        allow_null(&mut schema);
        let or_none = json!({ "type": "object", "nullable": true, "enum": [null] });
        assert_eq!(schema, json!({ "anyOf": [{ "$ref": "#/a" }, or_none] }));
    }
}
