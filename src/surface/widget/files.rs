//! A visitor's files.

use poem::Request;
use poem_openapi::OpenApi;

pub(super) struct Files;

/// Whether a request brings a file, which is read as a stream.
pub(super) fn is_upload(request: &Request) -> bool {
    request.uri().path().ends_with("/files")
}

#[OpenApi]
impl Files {}
