//! A surface's document as a page. Ours and not a vendored viewer: a page is some 50 kB without a
//! script in the way, reads in both themes, passes the rules of accessibility, and a browser finds
//! every word on it.

use maud::{Markup, html};
use serde_json::Value;

use super::markdown::prose;
use super::page::{Group, code};
use super::schema::{described, kind, resolved};
use super::variable;
use crate::surface::table::Surface;

/// An operation and where it stands.
pub(super) struct Operation<'a> {
    pub(super) method: String,
    pub(super) path: &'a str,
    pub(super) about: &'a Value,
}

impl Operation<'_> {
    pub(super) fn id(&self) -> &str {
        self.about["operationId"].as_str().unwrap_or_default()
    }

    pub(super) fn summary(&self) -> &str {
        self.about["summary"].as_str().unwrap_or_default()
    }

    /// Its method and path.
    pub(super) fn call(&self) -> Markup {
        html! {
            span class={ "verb verb--" (self.method.to_lowercase()) } { (self.method) } " "
            code { (self.path) }
        }
    }
}

/// The operations of a document by their tags, in the order of the document.
pub(super) fn chapters(document: &Value) -> Vec<(&str, Vec<Operation<'_>>)> {
    let mut chapters: Vec<(&str, Vec<Operation<'_>>)> = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, about) in item.as_object().into_iter().flatten() {
            let operation = Operation { method: method.to_uppercase(), path, about };
            let tag = about["tags"][0].as_str().unwrap_or_default();
            match chapters.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, operations)) => operations.push(operation),
                None => chapters.push((tag, vec![operation])),
            }
        }
    }
    chapters
}

/// What the menu shows of a document.
pub(super) fn contents(document: &Value) -> Vec<Group> {
    let group = |(tag, operations): (&str, Vec<Operation<'_>>)| Group {
        name: Some(tag.to_owned()),
        entries: operations
            .iter()
            .map(|one| (one.id().to_owned(), one.summary().to_owned()))
            .collect(),
    };
    chapters(document).into_iter().map(group).collect()
}

/// The text of the page.
pub(super) fn body(surface: &Surface, document: &Value) -> Markup {
    let about = document["info"]["description"].as_str().unwrap_or_default();
    let schemes = document["components"]["securitySchemes"].as_object().into_iter().flatten();
    html! {
        h1 { (surface.title) }
        p class="lead" { (surface.about) }
        (prose(about))
        p {
            "The document: " a href={ "/docs/" (surface.name) ".json" } { (surface.name) ".json" }
            " (OpenAPI 3.0). Clients can be generated from it."
        }
        h2 id="credentials" { "Credentials" }
        dl class="fields" {
            @for (_, scheme) in schemes {
                div {
                    dt {
                        @match (scheme["in"].as_str(), scheme["name"].as_str()) {
                            (Some("header"), Some(name)) => { code { (name) } " " span class="kind" { "header" } }
                            (Some(place), Some(name)) => { code { (name) } " " span class="kind" { (place) } }
                            _ => { code { "Authorization: Bearer …" } " " span class="kind" { "header" } }
                        }
                    }
                    dd { (prose(scheme["description"].as_str().unwrap_or_default())) }
                }
            }
        }
        (whence(surface))
        @for (tag, operations) in chapters(document) {
            h2 id={ "tag-" (tag.to_lowercase()) } { (tag) }
            @if let Some(about) = of_tag(document, tag) { (prose(about)) }
            @for operation in &operations { (shown(document, operation)) }
        }
    }
}

/// Where the key comes from that the samples read, and what they need besides.
fn whence(surface: &Surface) -> Markup {
    let key = variable(surface);
    let name = surface.credential.credential();
    let kind = name.split('_').next().unwrap_or_default();
    let besides = match surface.besides {
        "" => String::new(),
        besides => format!("\n\n{besides}"),
    };
    prose(&format!(
        "The samples read the key from the variable `{key}`. The demo account's is in \
         `data/credentials.json`, in the directory in which the server was started:\n\n\
         ```sh\n\
         export {key}=$(sed -n 's/.*\"{name}\": \"\\(.*\\)\".*/\\1/p' data/credentials.json)\n\
         ```\n\n\
         `parlor account create` prints the keys of another account, once. `parlor key issue --kind \
         {kind}` makes one more, and `parlor key list` shows which there are, without their \
         secrets.{besides}\n\n\
         The Python samples need `requests` (`pip install requests`). The JavaScript samples run in Node 18 \
         or newer: save them with the ending `.mjs`."
    ))
}

fn of_tag<'a>(document: &'a Value, tag: &str) -> Option<&'a str> {
    let mut tags = document["tags"].as_array()?.iter();
    tags.find(|one| one["name"] == tag)?["description"].as_str()
}

fn shown(document: &Value, operation: &Operation<'_>) -> Markup {
    let about = operation.about;
    let id = operation.id();
    html! {
        article class="operation" aria-labelledby=(id) {
            div class="operation__about" {
                h3 id=(id) { a href={ "#" (id) } { (operation.summary()) } }
                p class="call" { (operation.call()) }
                (prose(about["description"].as_str().unwrap_or_default()))
                (parameters(document, about))
                @for (media, content) in about["requestBody"]["content"].as_object().into_iter().flatten() {
                    h4 { "Body " span class="kind" { (media) } }
                    (described(document, &content["schema"]))
                }
                (answers(document, about))
            }
            div class="operation__samples" { (samples(about)) }
        }
    }
}

fn parameters(document: &Value, about: &Value) -> Markup {
    let all = about["parameters"].as_array().cloned().unwrap_or_default();
    html! {
        @if !all.is_empty() {
            h4 { "Parameters" }
            dl class="fields" {
                @for parameter in &all {
                    div {
                        dt {
                            code { (parameter["name"].as_str().unwrap_or_default()) } " "
                            span class="kind" {
                                (kind(document, &parameter["schema"])) ", in the "
                                (parameter["in"].as_str().unwrap_or_default())
                            }
                            @if parameter["required"] == true { " " span class="must" { "required" } }
                        }
                        dd { (prose(parameter["description"].as_str().unwrap_or_default())) }
                    }
                }
            }
        }
    }
}

fn answers(document: &Value, about: &Value) -> Markup {
    let all = about["responses"].as_object().into_iter().flatten();
    let (good, bad): (Vec<_>, Vec<_>) = all.partition(|(status, _)| status.starts_with('2'));
    html! {
        @for (status, response) in &good {
            @let content = response["content"].as_object().and_then(|types| types.iter().next());
            h4 {
                "Answer " (status)
                @if let Some((media, _)) = content { " " span class="kind" { (media) } }
            }
            (prose(response["description"].as_str().unwrap_or_default()))
            @if let Some((media, content)) = content {
                @if media == "application/json" {
                    details {
                        summary { "Fields of the answer" }
                        @let schema = resolved(document, &content["schema"]);
                        @if schema["items"].is_object() {
                            p { "A list of:" }
                            (described(document, &schema["items"]))
                        } @else {
                            (described(document, schema))
                        }
                    }
                }
            }
        }
        details {
            summary { "Other answers" }
            dl class="fields fields--statuses" {
                @for (status, response) in &bad {
                    div {
                        dt { code { (status) } }
                        dd { (prose(response["description"].as_str().unwrap_or_default())) }
                    }
                }
            }
        }
    }
}

fn samples(about: &Value) -> Markup {
    let samples = about["x-codeSamples"].as_array().into_iter().flatten();
    let good = about["responses"].as_object().into_iter().flatten();
    let mut good = good.filter(|(status, _)| status.starts_with('2'));
    let example = good.find_map(|(status, response)| {
        let types = response["content"].as_object()?;
        let example = types.values().find_map(|media| media.get("example"))?;
        Some((status, example))
    });
    html! {
        @for sample in samples {
            @let label = sample["label"].as_str().unwrap_or_default();
            (code(label, Some(label), sample["source"].as_str().unwrap_or_default()))
        }
        @if let Some((status, example)) = example {
            @let text = match example.as_str() {
                Some(stream) => stream.trim_end().to_owned(),
                None => serde_json::to_string_pretty(example).unwrap_or_default(),
            };
            (code(&format!("Answer {status}"), None, &text))
        }
    }
}
