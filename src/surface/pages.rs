//! The chat page, the widget and their files, embedded in the binary.
//!
//! They are sent compressed, compressed once (`coding`).
//!
//! Scripts may be loaded by any page: the widget runs in the pages of shops. They are the same for
//! everybody and hold no secret. A shop's visitor asks for `/widget.js` on every page; it names the
//! widget's modules by the version of all files, `/web/~<version>/…`, under which a browser keeps
//! them.
//!
//! Not poem's endpoints for embedded files: their entity tags lack the quotes of RFC 9110, 8.8.3,
//! and their 304 is an error without headers.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use poem::web::{Data, Path, Redirect};
use poem::{Endpoint, IntoResponse, Response, Result, Route, get, handler};
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use url::form_urlencoded;

use super::content_coding::{self, Coding};
use crate::app::App;
use crate::app::accounts::demo;

/// Only what the pages themselves bring; nothing is fetched from elsewhere.
pub(super) const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data: blob:; font-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
/// The files' names do not change with their content: the browser asks each time, by entity tag.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");
/// Under a version they never change.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const BY_CODING: HeaderValue = HeaderValue::from_static("accept-encoding");
/// What `/widget.js` imports, relative to itself.
const MODULES: &str = "\"web/widget/";
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
async fn get_page(headers: &HeaderMap) -> Result<Response> {
    served("chat/page.html", headers, ASK).await
}

#[handler]
async fn get_widget(headers: &HeaderMap) -> Result<Response> {
    let version = version();
    let file = found("widget/loader.js")?;
    let text = String::from_utf8_lossy(&file.data);
    let text = text.replace(MODULES, &format!("\"web/~{version}/widget/"));
    answer(&file, text.into_bytes(), &version, headers, ASK).await
}

/// Without a site key it shows the demo's widget, where there is a demo.
#[handler]
async fn get_widget_demo(uri: &Uri, headers: &HeaderMap, app: Data<&Arc<App>>) -> Result<Response> {
    let query = uri.query().unwrap_or_default();
    let mut asked: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    if asked.iter().all(|(name, _)| name != "site_key")
        && let Ok(key) = demo::site_key(&app).await
    {
        asked.insert(0, ("site_key".into(), key.into()));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(asked).finish();
        let there = Redirect::see_other(format!("/widget-demo?{query}"));
        return Ok(there.with_header(header::CACHE_CONTROL, "no-store").into_response());
    }
    served("widget-demo/page.html", headers, ASK).await
}

#[handler]
async fn get_icon(headers: &HeaderMap) -> Result<Response> {
    served("shared/favicon.svg", headers, ASK).await
}

#[handler]
async fn get_file(Path(path): Path<String>, headers: &HeaderMap) -> Result<Response> {
    match path.strip_prefix('~').and_then(|rest| rest.split_once('/')) {
        // Another version's page, from before an upgrade, gets what there is, and keeps none of it.
        Some((named, path)) => {
            served(path, headers, if named == version() { KEEP } else { ASK }).await
        }
        None => served(&path, headers, ASK).await,
    }
}

async fn served(path: &str, asked: &HeaderMap, caching: HeaderValue) -> Result<Response> {
    let file = found(path)?;
    let name = HEXLOWER.encode(&file.metadata.sha256_hash()[..16]);
    let bytes = file.data.to_vec();
    answer(&file, bytes, &name, asked, caching).await
}

fn found(path: &str) -> Result<EmbeddedFile> {
    Ok(Web::get(path).ok_or(poem::error::NotFoundError)?)
}

/// A file under a name that stands for these bytes.
async fn answer(
    file: &EmbeddedFile,
    bytes: Vec<u8>,
    name: &str,
    asked: &HeaderMap,
    caching: HeaderValue,
) -> Result<Response> {
    let known = asked.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let kind = file.metadata.mimetype();
    let packs = content_coding::is_worth_it(kind, bytes.len());
    let coding = if packs { Coding::wanted(asked) } else { Coding::Identity };
    let tag = format!("\"{name}{}\"", coding.suffix());
    let fresh = known
        .is_some_and(|known| known.split(',').any(|one| one.trim() == tag || one.trim() == "*"));
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = content_coding::coded(bytes.into(), coding).await;
        let bytes = bytes.map_err(poem::error::InternalServerError)?;
        let mut whole = Response::builder().content_type(kind).body(bytes);
        whole
            .headers_mut()
            .extend(coding.header().map(|coding| (header::CONTENT_ENCODING, coding)));
        whole
    };
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::ETAG, HeaderValue::from_str(&tag).map_err(poem::error::InternalServerError)?),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, caching),
    ];
    response.headers_mut().extend(headers);
    if packs {
        response.headers_mut().insert(header::VARY, BY_CODING);
    }
    if kind == "text/javascript" {
        response.headers_mut().extend(FOR_ANY_PAGE);
    }
    Ok(response)
}

/// Names the files as they are, all together.
fn version() -> String {
    let hash = Web::iter().fold(Sha256::new(), |hash, path| {
        let file = Web::get(&path).map(|file| file.metadata.sha256_hash()).unwrap_or_default();
        hash.chain_update(path.as_bytes()).chain_update(file)
    });
    HEXLOWER.encode(&hash.finalize()[..8])
}
