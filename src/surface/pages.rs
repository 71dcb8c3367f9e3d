//! The chat page and its files, embedded in the binary.

use poem::endpoint::{EmbeddedFileEndpoint, EmbeddedFilesEndpoint};
use poem::http::{HeaderValue, header};
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response};
use rust_embed::RustEmbed;

/// Only what the pages themselves bring; nothing is fetched from elsewhere.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
/// The files' names do not change with their content: the browser asks each time, by ETag.
const CACHE: HeaderValue = HeaderValue::from_static("no-cache");

#[derive(RustEmbed)]
#[folder = "web/"]
struct Web;

/// The page at `/`.
pub(super) fn chat() -> impl Endpoint {
    EmbeddedFileEndpoint::<Web>::new("index.html").after(guarded)
}

/// Everything under `/web`.
pub(super) fn files() -> impl IntoEndpoint {
    EmbeddedFilesEndpoint::<Web>::new().after(guarded)
}

async fn guarded(answer: poem::Result<Response>) -> poem::Result<Response> {
    answer.map(|mut response| {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        headers.insert(header::CACHE_CONTROL, CACHE);
        response
    })
}
