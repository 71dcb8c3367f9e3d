//! What a document has besides what poem writes: media types and nulls that other programs
//! understand, chapters, examples and samples of code for whoever reads it.

use parlor::surface::{asyncapi, bot_schema, documents};
use serde_json::Value;

use super::operations;

fn walk(value: &Value, seen: &mut impl FnMut(&Value)) {
    seen(value);
    match value {
        Value::Object(fields) => fields.values().for_each(|field| walk(field, seen)),
        Value::Array(items) => items.iter().for_each(|item| walk(item, seen)),
        _ => {}
    }
}

/// Makers of clients look for `application/json`, and for one type of an answer.
#[test]
fn media_types_have_no_parameters_and_an_answer_has_one_type() {
    for operation in operations() {
        let id = &operation.id;
        let asked = operation.about.pointer("/requestBody/content").cloned();
        let responses = operation.about["responses"].as_object().expect("responses").values();
        let contents = responses.map(|response| response["content"].clone()).chain(asked);
        for content in contents.filter(|content| !content.is_null()) {
            let types: Vec<_> = content.as_object().expect("types").keys().collect();
            match types.as_slice() {
                [one] => assert!(!one.contains(';') && *one != "*/*", "{id}: {one}"),
                // A file has its own type, and is bytes for whoever needs one.
                file => assert_eq!(file, ["application/octet-stream", "*/*"], "{id}"),
            }
        }
    }
}

#[test]
fn what_may_be_null_has_a_type() {
    for document in documents() {
        let whole: Value = serde_json::from_str(&document.json).expect("JSON");
        walk(&whole, &mut |value| {
            let typed = value["nullable"] != true || value["type"].is_string();
            assert!(typed, "{}: nullable without a type: {value}", document.name);
        });
    }
}

#[test]
fn every_operation_has_a_chapter_an_example_and_samples_of_code() {
    for operation in operations() {
        let (id, about) = (&operation.id, &operation.about);
        assert_eq!(about["tags"].as_array().map(Vec::len), Some(1), "{id} has no chapter");
        assert!(about["description"].is_string(), "{id} says nothing of itself");
        for parameter in about["parameters"].as_array().into_iter().flatten() {
            let named = parameter["in"] != "path" || !parameter["example"].is_null();
            assert!(named, "{id} has no example of {}", parameter["name"]);
        }
        if let Some(json) = about.pointer("/requestBody/content/application~1json") {
            assert!(json["example"].is_object(), "{id} has no example of its body");
        }
        let responses = about["responses"].as_object().expect("responses");
        for (status, response) in responses.iter().filter(|(status, _)| status.starts_with('2')) {
            for media in ["application/json", "text/event-stream"] {
                let shown = &response["content"][media];
                let has = shown.is_null() || !shown["example"].is_null();
                assert!(has, "{id} has no example of its answer {status}");
            }
        }
        let samples = about["x-codeSamples"].as_array().expect("samples");
        let languages: Vec<_> = samples.iter().map(|sample| &sample["label"]).collect();
        assert_eq!(languages, ["curl", "Python", "JavaScript"], "{id}");
        for sample in samples {
            let source = sample["source"].as_str().expect("a source");
            let whole = !source.contains('{') || !source.contains("/{");
            assert!(whole && source.contains("http://127.0.0.1:8080/"), "{id}: {source}");
        }
    }
}

/// Where a text came from is no business of who reads it.
#[test]
fn published_texts_speak_of_the_product_alone() {
    let all = documents().into_iter().map(|document| (document.name, document.json));
    let others = [("asyncapi", asyncapi()), ("bot.schema", bot_schema())];
    for (name, text) in all.chain(others) {
        let at = text.to_lowercase().find("seed");
        let near = at.map(|at| &text[at.saturating_sub(60)..text.len().min(at + 60)]);
        assert!(near.is_none(), "{name}: {near:?}");
    }
}
