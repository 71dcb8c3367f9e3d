//! The chat page, the widget and their files, embedded in the binary.
//!
//! Scripts may be loaded by any page: the widget runs in the pages of shops. They are the same for
//! everybody and hold no secret.
//!
//! Not poem's endpoints for embedded files: their entity tags lack the quotes of RFC 9110, 8.8.3,
//! and their 304 is an error without headers.

use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::web::Path;
use poem::{Endpoint, IntoResponse, Response, Result, Route, get, handler};
use rust_embed::{EmbeddedFile, RustEmbed};

/// Only what the pages themselves bring; nothing is fetched from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
/// The files' names do not change with their content: the browser asks each time, by entity tag.
const CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// What lets a page of another origin load a script as a module, and an isolated one load it at all.
const FOR_ANY_PAGE: [(HeaderName, HeaderValue); 2] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("cross-origin"),
    ),
];

#[derive(RustEmbed)]
#[folder = "web/"]
struct Web;

/// The page at `/`.
pub(super) fn chat() -> impl Endpoint {
    get(get_page)
}

/// What a shop's page loads.
pub(super) fn widget() -> impl Endpoint {
    get(get_widget)
}

/// The widget on a page of our own, to try it.
pub(super) fn widget_demo() -> impl Endpoint {
    get(get_widget_demo)
}

/// What browsers ask for where a page names no icon.
pub(super) fn icon() -> impl Endpoint {
    get(get_icon)
}

/// Everything under `/web`.
pub(super) fn files() -> Route {
    Route::new().at("/*path", get(get_file))
}

#[handler]
fn get_page(headers: &HeaderMap) -> Result<Response> {
    served("index.html", headers)
}

#[handler]
fn get_widget(headers: &HeaderMap) -> Result<Response> {
    served("widget.js", headers)
}

#[handler]
fn get_widget_demo(headers: &HeaderMap) -> Result<Response> {
    served("widget-demo.html", headers)
}

#[handler]
fn get_icon(headers: &HeaderMap) -> Result<Response> {
    served("favicon.svg", headers)
}

#[handler]
fn get_file(Path(path): Path<String>, headers: &HeaderMap) -> Result<Response> {
    served(&path, headers)
}

fn served(path: &str, asked: &HeaderMap) -> Result<Response> {
    let file = Web::get(path).ok_or(poem::error::NotFoundError)?;
    let tag = tag(&file);
    let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let fresh = known
        .is_some_and(|known| known.split(',').any(|one| one.trim() == tag || one.trim() == "*"));
    let kind = file.metadata.mimetype().to_owned();
    let script = kind == "text/javascript";
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::builder().content_type(kind).body(file.data.into_owned())
    };
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::ETAG, HeaderValue::from_str(&tag).map_err(poem::error::InternalServerError)?),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, CACHE),
    ];
    response.headers_mut().extend(headers);
    if script {
        response.headers_mut().extend(FOR_ANY_PAGE);
    }
    Ok(response)
}

fn tag(file: &EmbeddedFile) -> String {
    format!("\"{}\"", crate::app::secret::hex(&file.metadata.sha256_hash()[..16]))
}
