//! Everything under `/docs`: the surfaces' documents, the pages that show them, and the guides.
//! Nothing is loaded from elsewhere.

use std::collections::HashMap;
use std::sync::LazyLock;

use data_encoding::HEXLOWER;
use maud::{Markup, html};
use poem::error::NotFoundError;
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::web::Path;
use poem::{IntoEndpoint, IntoResponse, Response, Result, Route, get, handler};
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::document::{Publishing, pretty, published};
use self::guides::GUIDES;
use self::page::{Group, Page};
use super::pages;
use super::table::{SURFACES, Surface};
use crate::domain::bot::Definition;

mod async_document;
mod document;
mod events;
mod guides;
mod markdown;
mod page;
mod reference;
mod samples;
mod schema;

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
    surface: &'static Surface,
    /// OpenAPI 3.0, as pretty JSON that ends in a newline.
    pub json: String,
}

impl Document {
    fn of(surface: &'static Surface) -> Self {
        let key = &variable(surface);
        let publishing = Publishing { limited: surface.limited, key, examples: surface.examples };
        let json = published(&(surface.spec)(), &publishing);
        Self { name: surface.name, surface, json }
    }
}

/// The environment variable that holds the key in a surface's samples: its name in `credentials.json`, in
/// capitals. The first word is the kind that `parlor key issue` makes.
fn variable(surface: &Surface) -> String {
    surface.credential.credential().to_uppercase()
}

/// The documents of all surfaces.
pub fn documents() -> Vec<Document> {
    SURFACES.iter().map(Document::of).collect()
}

/// Something that is served under `/docs`.
struct Served {
    content_type: &'static str,
    body: String,
    /// Its entity tag.
    tag: String,
}

impl Served {
    fn new(content_type: &'static str, body: String) -> Self {
        let tag = format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(&body)[..16]));
        Self { content_type, body, tag }
    }
}

/// All of it by path: made at the first request, the same for all others.
static SERVED: LazyLock<HashMap<String, Served>> = LazyLock::new(everything);

/// Everything under `/docs`.
pub(super) fn endpoint() -> impl IntoEndpoint {
    Route::new().at("/", get(get_index)).at("/*path", get(get_one))
}

#[handler]
fn get_index(headers: &HeaderMap) -> Result<Response> {
    answer("", headers)
}

#[handler]
fn get_one(Path(path): Path<String>, headers: &HeaderMap) -> Result<Response> {
    answer(&path, headers)
}

fn answer(path: &str, headers: &HeaderMap) -> Result<Response> {
    let served = SERVED.get(&format!("/docs/{path}")).ok_or(NotFoundError)?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let fresh = known.is_some_and(|known| known.split(',').any(|one| one.trim() == served.tag));
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::builder().content_type(served.content_type).body(served.body.as_str())
    };
    let tag = HeaderValue::from_str(&served.tag).map_err(poem::error::InternalServerError)?;
    response.headers_mut().insert(header::ETAG, tag);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, pages::POLICY);
    Ok(response)
}

fn everything() -> HashMap<String, Served> {
    let documents = documents();
    let site = site(&documents);
    let mut all = HashMap::new();
    let mut show = |page: Page<'_>| {
        let html = Served::new("text/html; charset=utf-8", page.html(&site));
        all.insert(page.path.to_owned(), html);
    };
    show(index(&documents));
    for document in &documents {
        let parsed: Value = serde_json::from_str(&document.json).unwrap_or_default();
        show(Page {
            title: document.surface.title,
            path: &format!("/docs/{}", document.name),
            contents: reference::contents(&parsed),
            samples: true,
            body: reference::body(document.surface, &parsed),
        });
    }
    let events: Value = serde_json::from_str(&asyncapi()).unwrap_or_default();
    show(Page {
        title: "Frames and events",
        path: EVENTS,
        contents: events::contents(&events),
        samples: false,
        body: events::body(&events),
    });
    for guide in GUIDES {
        let rendered = guide.rendered();
        show(Page {
            title: guide.title,
            path: &guide.path(),
            contents: vec![Group { name: None, entries: rendered.chapters }],
            samples: false,
            body: rendered.html,
        });
    }
    for document in documents {
        let path = format!("/docs/{}.json", document.name);
        all.insert(path, Served::new("application/json", document.json));
    }
    let schema = Served::new("application/schema+json", bot_schema());
    all.insert("/docs/bot.schema.json".to_owned(), schema);
    all.insert("/docs/asyncapi.yaml".to_owned(), Served::new("application/yaml", asyncapi()));
    all
}

/// Where the AsyncAPI document is shown.
const EVENTS: &str = "/docs/events";

/// What the menu leads to.
fn site(documents: &[Document]) -> Vec<(&'static str, Vec<(String, String)>)> {
    let link = |path: &str, title: &str| (path.to_owned(), title.to_owned());
    let apis = documents.iter().map(|one| link(&format!("/docs/{}", one.name), one.surface.title));
    vec![
        ("Start", vec![link("/docs/", "Overview")]),
        ("APIs", apis.chain([link(EVENTS, "Frames and events")]).collect()),
        ("Guides", GUIDES.iter().map(|guide| link(&guide.path(), guide.title)).collect()),
    ]
}

/// The first page: which API is for whom, and all operations of all of them.
fn index(documents: &[Document]) -> Page<'static> {
    let chapters = [
        ("which", "Which API should I use?"),
        ("operations", "All operations"),
        ("guides", "Guides"),
        ("documents", "Documents"),
    ];
    let own = |(id, text): (&str, &str)| (id.to_owned(), text.to_owned());
    let body = html! {
        h1 { "Documentation" }
        p class="lead" {
            "Five APIs speak of the same conversations. A conversation that is started on one can be \
             continued on any other, with the same messages in the same order."
        }
        h2 id="which" { "Which API should I use?" }
        div class="wide" tabindex="0" {
            table {
                thead { tr { th scope="col" { "API" } th scope="col" { "What it does" } th scope="col" { "Who should use it" } } }
                tbody {
                    @for document in documents {
                        tr {
                            th scope="row" {
                                a href={ "/docs/" (document.name) } { (document.surface.title) }
                                br;
                                code { (document.surface.base) }
                            }
                            td { (document.surface.about) }
                            td { (document.surface.audience) }
                        }
                    }
                }
            }
        }
        h2 id="operations" { "All operations" }
        @for document in documents { (operations(document)) }
        h2 id="guides" { "Guides" }
        ul {
            @for guide in GUIDES { li { a href=(guide.path()) { (guide.title) } } }
        }
        h2 id="documents" { "Documents" }
        p { "All pages are made from these, and these from the code." }
        ul {
            @for document in documents {
                @let file = format!("{}.json", document.name);
                li { a href={ "/docs/" (file) } { (file) } ": " (document.surface.title) ", OpenAPI 3.0" }
            }
            li { a href="/docs/asyncapi.yaml" { "asyncapi.yaml" } ": frames and events, AsyncAPI 3.0" }
            li { a href="/docs/bot.schema.json" { "bot.schema.json" } ": what a bot is made of, as JSON Schema" }
        }
        p { a href="/" { "To the chat page" } }
    };
    let contents = vec![Group { name: None, entries: chapters.map(own).into() }];
    Page { title: "Documentation", path: "/docs/", contents, samples: false, body }
}

fn operations(document: &Document) -> Markup {
    let parsed: Value = serde_json::from_str(&document.json).unwrap_or_default();
    let all = reference::chapters(&parsed).into_iter().flat_map(|(_, operations)| operations);
    html! {
        h3 id={ "of-" (document.name) } { (document.surface.title) }
        ul class="operations" {
            @for operation in all {
                li {
                    a href={ "/docs/" (document.name) "#" (operation.id()) } { (operation.summary()) }
                    span class="call" { (operation.call()) }
                }
            }
        }
    }
}
