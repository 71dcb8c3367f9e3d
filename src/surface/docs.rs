//! The API pages: one per surface, from the generated documents, with no internet access.

use poem::endpoint::make_sync;
use poem::http::{HeaderValue, header};
use poem::web::Html;
use poem::{IntoEndpoint, IntoResponse, Response, Route, get};
use serde_json::{Value, json};

use super::{aerochat, aloochat, chataibot, live, widget};
use crate::domain::bot::Definition;

mod async_document;

pub use async_document::asyncapi;

/// The JSON Schema of bots' definitions, as text that ends in a newline.
pub fn bot_schema() -> String {
    let mut schema = schemars::schema_for!(Definition).to_value();
    schema["title"] = "A bot's definition".into();
    pretty(&schema)
}

/// A surface's generated document.
pub struct Document {
    /// Its name in paths and file names.
    pub name: &'static str,
    pub title: &'static str,
    pub about: &'static str,
    /// OpenAPI 3.0, as pretty JSON that ends in a newline.
    pub json: String,
}

/// The documents of all surfaces.
pub fn documents() -> Vec<Document> {
    vec![
        Document {
            name: "aerochat",
            title: "AeroChat",
            about: "Messages in, replies out, for another server.",
            json: finished(&aerochat::service().spec(), true),
        },
        Document {
            name: "widget",
            title: "Chat widget",
            about: "What a page's visitors may do, with a site key.",
            json: finished(&widget::service().spec(), true),
        },
        Document {
            name: "chataibot",
            title: "ChatAIBot",
            about: "A bot's flow behind your own widget.",
            json: finished(&chataibot::service().spec(), true),
        },
        Document {
            name: "aloochat",
            title: "Aloo",
            about: "Conversations with AI agents, streamed; text and audio.",
            json: finished(&aloochat::service().spec(), true),
        },
        Document {
            name: "live",
            title: "Live",
            about: "The live feed of a conversation, for frontends.",
            json: finished(&live::service().spec(), false),
        },
    ]
}

/// What every operation has and poem does not write: the headers of every answer, and those of the
/// surfaces whose calls are `limited`.
fn finished(spec: &str, limited: bool) -> String {
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    document["info"]["license"] = json!({ "name": "Apache-2.0" });
    let count = |description: &str| {
        let description = format!("{description} Where the call was counted.");
        json!({ "description": description, "schema": { "type": "integer", "minimum": 0 } })
    };
    let mut headers = serde_json::Map::new();
    let named = "Names the request in our log; taken over from the request.";
    let named = json!({ "description": named, "schema": { "type": "string" } });
    headers.insert("X-Request-Id".to_owned(), named);
    if limited {
        let reset = "Seconds until all of them are there again.";
        headers.insert("RateLimit-Limit".to_owned(), count("Calls a minute that the caller has."));
        headers.insert("RateLimit-Remaining".to_owned(), count("Calls that are left now."));
        headers.insert("RateLimit-Reset".to_owned(), count(reset));
    }
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (_, item) in paths {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            for (_, response) in operation["responses"].as_object_mut().into_iter().flatten() {
                for name in headers.keys() {
                    let place = format!("#/components/headers/{name}");
                    response["headers"][name] = json!({ "$ref": place });
                }
            }
        }
    }
    document["components"]["headers"] = headers.into();
    allow_null(&mut document);
    pretty(&document)
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

fn pretty(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// Everything under `/docs`.
pub(super) fn endpoint() -> impl IntoEndpoint {
    let mut route = Route::new().at("/", get(make_sync(|_| page(Html(index())))));
    route = route.at(
        "/asyncapi.yaml",
        get(make_sync(|_| Response::builder().content_type("application/yaml").body(asyncapi()))),
    );
    route = route.at(
        "/bot.schema.json",
        get(make_sync(|_| {
            Response::builder().content_type("application/schema+json").body(bot_schema())
        })),
    );
    for document in documents() {
        let json = document.json.clone();
        let answer =
            move || Response::builder().content_type("application/json").body(json.clone());
        route = route.at(format!("/{}.json", document.name), get(make_sync(move |_| answer())));
        // The page is made when it is asked for: kept, each would hold 1.6 MB.
        let name = document.name;
        route = route.at(format!("/{name}"), get(make_sync(move |_| page(Html(reference(name))))));
    }
    route
}

/// swagger-ui is one page with its script and style within; it may load nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
     connect-src 'self'; img-src 'self' data:; font-src 'self' data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

fn page(html: Html<String>) -> Response {
    let mut response = html.into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

fn reference(name: &str) -> String {
    match name {
        "aerochat" => aerochat::service().swagger_ui_html(),
        "widget" => widget::service().swagger_ui_html(),
        "chataibot" => chataibot::service().swagger_ui_html(),
        "aloochat" => aloochat::service().swagger_ui_html(),
        _ => live::service().swagger_ui_html(),
    }
}

fn index() -> String {
    let items: String = documents()
        .iter()
        .map(|document| {
            let Document { name, title, about, .. } = document;
            format!(
                "<li><a href=\"/docs/{name}\">{title}</a><p>{about}</p>\
                 <a class=\"raw\" href=\"/docs/{name}.json\">{name}.json</a></li>"
            )
        })
        .collect();
    include_str!("docs/index.html").replace("<!-- documents -->", &items)
}
