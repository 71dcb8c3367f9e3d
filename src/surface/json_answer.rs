//! JSON answers of the hot paths, written straight from their types.
//!
//! poem-openapi's `Json` makes a tree of values first, which costs more than all else in a page of
//! a history. The documents see the same schema; a test compares the two writings.

use std::marker::PhantomData;

use poem::http::{HeaderValue, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

/// The content type of JSON.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// A JSON body.
#[derive(Debug)]
pub(super) struct Direct<T>(pub(super) T);

impl<T: Serialize> Direct<T> {
    /// The body as text.
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

impl<T: Type> Payload for Direct<T> {
    const CONTENT_TYPE: &'static str = JSON;

    fn check_content_type(content_type: &str) -> bool {
        content_type.starts_with("application/json")
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Direct<T> {
    fn into_response(self) -> Response {
        written(&self.0, 512)
    }
}

/// A JSON body that is written from one type and documented as another: a list whose entries are not
/// copied first. A test compares the two.
#[derive(Debug)]
pub(super) struct DirectAs<T, D> {
    body: T,
    /// Bytes that it takes, as far as is known.
    room: usize,
    documented: PhantomData<D>,
}

impl<T, D> DirectAs<T, D> {
    pub(super) fn new(body: T, room: usize) -> Self {
        Self { body, room, documented: PhantomData }
    }
}

impl<T: Send, D: Type> Payload for DirectAs<T, D> {
    const CONTENT_TYPE: &'static str = JSON;

    fn schema_ref() -> MetaSchemaRef {
        D::schema_ref()
    }

    fn register(registry: &mut Registry) {
        D::register(registry);
    }
}

impl<T: Serialize + Send, D: Send> IntoResponse for DirectAs<T, D> {
    fn into_response(self) -> Response {
        written(&self.body, self.room)
    }
}

fn written(body: &impl Serialize, room: usize) -> Response {
    let mut bytes = Vec::with_capacity(room);
    if let Err(error) = serde_json::to_writer(&mut bytes, body) {
        tracing::error!(%error, "an answer could not be written");
        return poem::http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut response = Response::from(bytes);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}
